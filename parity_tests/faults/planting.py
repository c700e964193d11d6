"""
Faults to plant in the library, to show that the suite catches them.

A fault is a function of Python that stands in for one of the library's, or around it, until a test
ends. Each has one idea, which its name says.
"""

import functools
import pydoc
import sys
from collections.abc import Callable
from dataclasses import dataclass
from inspect import isclass

from parity_tests.faults.checks import Check
from parity_tests.support.backends import BACKENDS

# Modules that may hold a function of the library under a name of their own.
PACKAGES = ("d2l_common", "d2l_jax", "d2l_torch", "d2l_parity", "parity_tests")


@dataclass(frozen=True)
class Fault:
    """
    One fault.

    Attributes
    ----------
    name : the idea, in words
    target : the function or method that is replaced, as `d2l_jax.functional.softmax`
    caught_by : the check that must fail
    make : from the function that is replaced to the one that stands in for it
    """

    name: str
    target: str
    caught_by: Check
    make: Callable[[Callable], Callable]

    def __str__(self):
        return f"{self.package}: {self.name}"

    @property
    def package(self):
        return self.target.partition(".")[0]

    @property
    def backend(self):
        """The backend that the check is asked about; "torch" where both share the code."""
        return "jax" if self.package == "d2l_jax" else "torch"

    def plant(self, monkeypatch):
        """Put the wrong function in the place of the right one, until the test ends."""
        owner_name, _, name = self.target.rpartition(".")
        owner = pydoc.locate(owner_name)
        assert owner is not None and hasattr(owner, name), f"there is no {self.target}"
        original = getattr(owner, name)
        wrong = functools.wraps(original)(self.make(original))
        if isclass(owner):
            monkeypatch.setattr(owner, name, wrong)
        else:
            replace_everywhere(monkeypatch, original, wrong)


def replace_everywhere(monkeypatch, original, replacement):
    """Replace a function in each module that holds it, also under another name."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in PACKAGES:
            for attribute, value in list(vars(module).items()):
                if value is original:
                    monkeypatch.setattr(module, attribute, replacement)


FAULTS: list[Fault] = []


def _register(target, caught_by, function, make):
    """Register a fault; with a star in the target, one for each backend."""
    name = function.__name__.removesuffix("_in_jax").removesuffix("_in_torch").replace("_", " ")
    if not target.startswith("d2l_*."):
        FAULTS.append(Fault(name, target, caught_by, functools.partial(make, function)))
        return
    for backend, d2l in BACKENDS.items():
        in_backend = functools.partial(function, d2l)
        fault = functools.partial(make, in_backend)
        FAULTS.append(Fault(name, target.replace("*", backend), caught_by, fault))


def instead_of(target, caught_by):
    """
    Return the decorator that registers a function to stand in for `target`.

    `d2l_*` as its package plants the fault in either backend: the function then gets that backend
    as its first argument, before those of the target.
    """

    def make(wrong, original):
        return lambda *args, **kwargs: wrong(*args, **kwargs)  # a method, where that is replaced

    def register(function):
        _register(target, caught_by, function, make)

    return register


def around(target, caught_by):
    """Return the decorator that does as `instead_of`, of a function that also gets the original."""

    def make(wrong, original):
        return lambda *args, **kwargs: wrong(original, *args, **kwargs)

    def register(function):
        _register(target, caught_by, function, make)

    return register
