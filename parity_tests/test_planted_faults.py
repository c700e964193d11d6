"""The suite fails on faults: each of these is planted, and caught by a check, not by a crash."""

import importlib
import pydoc
from collections import Counter

import pytest

from parity_tests.faults import FAULTS
from parity_tests.faults.planting import replace_everywhere

SOUND = set()  # the checks that have passed without a fault


def assert_passes_without(fault):
    check = fault.caught_by
    key = check.test, fault.backend if check.for_each_backend else None
    if key not in SOUND:
        check.run(fault.backend)
        SOUND.add(key)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_fault_is_caught(fault, monkeypatch):
    assert_passes_without(fault)
    fault.plant(monkeypatch)
    with pytest.raises(AssertionError):
        fault.caught_by.run(fault.backend)


def test_there_are_many():
    names = Counter(map(str, FAULTS))
    assert set(names.values()) == {1}
    packages = Counter(fault.package for fault in FAULTS)
    assert packages["d2l_jax"] >= 38
    assert packages["d2l_torch"] >= 36
    assert packages["d2l_common"] >= 6
    assert packages["d2l_parity"] >= 22


def test_each_is_caught_by_a_test_of_the_suite():
    for test in {fault.caught_by.test for fault in FAULTS}:
        file, function = test.partition("[")[0].split("::")
        path = file.removesuffix(".py").replace("/", ".")
        module = importlib.import_module(path if "." in path else f"parity_tests.{path}")
        assert callable(getattr(module, function))


def test_a_function_is_replaced_wherever_it_is_held(monkeypatch):
    original = pydoc.locate("d2l_torch.functional.linreg")
    with monkeypatch.context() as patched:
        replace_everywhere(patched, original, len)
        for place in ("linreg", "functional.linreg", "models.mlp.linreg"):
            assert pydoc.locate(f"d2l_torch.{place}") is len
    assert pydoc.locate("d2l_torch.models.mlp.linreg") is original
