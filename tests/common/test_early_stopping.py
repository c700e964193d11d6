import pytest

from d2l_common.training.early_stopping import out_of_patience


@pytest.mark.parametrize(
    ("losses", "patience", "min_delta", "expected"),
    [
        ([], 1, 0, False),
        ([1.0], 1, 0, False),
        ([1.0, 1.0], 1, 0, True),
        ([3.0, 2.0, 2.1, 2.2], 2, 0, True),
        ([3.0, 2.0, 2.1, 1.9], 2, 0, False),
        ([3.0, 2.95, 2.94], 2, 0.1, True),
        ([3.0, float("nan"), float("nan")], 2, 0, True),
    ],
)
def test_out_of_patience(losses, patience, min_delta, expected):
    assert out_of_patience(losses, patience, min_delta) is expected


def test_out_of_patience_wants_patience():
    with pytest.raises(ValueError, match="patience must be at least 1, got 0"):
        out_of_patience([1.0], 0)
