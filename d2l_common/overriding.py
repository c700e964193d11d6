"""Methods that a reader's subclass may define with other parameters."""

from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def any_parameters(method: Callable[..., Result]) -> Callable[..., Result]:
    """
    Return a method as it is, for type checkers one that takes any arguments.

    A subclass then defines `loss(self, Y_hat, Y)` without the parameter `averaged`, as the book's
    do, and the checkers accept it.
    """
    return method
