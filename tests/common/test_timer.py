import time

import numpy as np

from d2l_common.timer import Timer


def test_timer():
    timer = Timer()
    assert np.isnan(timer.avg())
    time.sleep(0.01)
    first = timer.stop()
    timer.start()
    second = timer.stop()
    assert first >= 0.01
    assert second >= 0
    assert timer.times == [first, second]
    assert timer.sum() == first + second
    assert timer.avg() == (first + second) / 2
    np.testing.assert_allclose(timer.cumsum(), [first, first + second])
