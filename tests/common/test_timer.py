import numpy as np
import pytest

from d2l_common import timer
from d2l_common.timer import Timer


@pytest.fixture
def clock(monkeypatch):
    """Return a clock that the test sets, in the place of the machine's."""
    clock = {"now": 100.0}
    monkeypatch.setattr(timer.time, "perf_counter", lambda: clock["now"])
    return clock


def test_timer(clock):
    timer = Timer()
    assert np.isnan(timer.avg())
    clock["now"] += 0.5
    assert timer.stop() == 0.5
    clock["now"] += 8  # between two runs
    timer.start()
    clock["now"] += 2
    assert timer.stop() == 2
    assert timer.times == [0.5, 2]
    assert timer.sum() == 2.5
    assert timer.avg() == 1.25
    assert timer.cumsum() == [0.5, 2.5]
