"""Checks of the arguments that describe a network's stages and blocks."""

from collections.abc import Sequence
from typing import Any

from d2l_common.checks.arguments import check_count


def check_stages(arch: Any, names: Sequence[str], others: Sequence[str] = ()) -> list[Any]:
    """
    Return the stages of a network, a sequence of tuples of positive integers, as a list.

    Parameters
    ----------
    arch : sequence of sequences of int
    names : sequence of str
        The names of the positive integers of a stage.
    others : sequence of str
        The names of what follows them in a stage, which is not checked.

    Raises
    ------
    TypeError, ValueError
        If `arch` is empty or not such a sequence, or a number is not a positive integer.
    """
    names = [*names, *others]
    form = f"arch must be a sequence of tuples ({', '.join(names)}), one a stage"
    if not is_sequence(arch) or not arch:
        raise ValueError(f"{form}, got {arch!r}")
    for stage in arch:
        if not is_sequence(stage) or len(stage) != len(names):
            raise ValueError(f"{form}, got the stage {stage!r}")
    num_counts = len(names) - len(others)
    for stage in arch:
        for name, number in zip(names[:num_counts], stage, strict=False):
            check_count(f"{name} in arch", number)
    return [tuple(stage) for stage in arch]


def check_counts(name: str, counts: Any, length: int | None = None) -> tuple[int, ...]:
    """
    Return a sequence of positive integers as a tuple.

    Raises
    ------
    TypeError, ValueError
        If `counts` is empty, not a sequence, not of that `length`, or an element is not a positive
        integer.
    """
    if not is_sequence(counts) or not counts or length not in (None, len(counts)):
        number = "" if length is None else f"{length} "
        raise ValueError(f"{name} must be a sequence of {number}positive integers, got {counts!r}")
    return tuple(check_count(f"each number in {name}", n) for n in counts)


def squeezed(num_channels: Any, ratio: Any) -> int:
    """
    Return the width of a bottleneck, `num_channels // ratio`.

    Raises
    ------
    TypeError, ValueError
        If `num_channels` or `ratio` is not a positive integer, or `ratio` is the larger one.
    """
    width = check_count("num_channels", num_channels) // check_count("ratio", ratio)
    if width == 0:
        raise ValueError(f"ratio must be at most num_channels, {num_channels}, got {ratio}")
    return width


def is_sequence(value: Any) -> bool:
    """Return whether `value` is a list, a tuple or the like, and not a string."""
    return isinstance(value, Sequence) and not isinstance(value, str)
