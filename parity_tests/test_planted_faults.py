"""The suite fails on faults: each of these is planted, and caught by a check, not by a crash."""

import pytest

from parity_tests.support.faults import FAULTS

SOUND = set()  # the checks that have passed without a fault


def passes_without(fault):
    key = fault.check, fault.backend
    if key not in SOUND:
        fault.check(fault.backend)
        SOUND.add(key)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_fault_is_caught(fault, monkeypatch):
    passes_without(fault)
    fault.plant(monkeypatch)
    with pytest.raises(AssertionError) as caught:
        fault.check(fault.backend)
    # By what the check compares, not by the test's own machinery.
    assert "has changed" not in str(caught.value)


def test_there_are_many():
    planted = [str(fault) for fault in FAULTS]
    assert len(set(planted)) == len(planted) >= 40
    for backend in ("d2l_jax", "d2l_torch"):
        assert sum(name.startswith(backend) for name in planted) >= 25
