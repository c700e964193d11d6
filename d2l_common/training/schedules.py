"""Schedules of the learning rate (section 7.5 of 2026)."""

import math
from collections.abc import Sequence

from d2l_common.checks.arguments import check_count, check_nonnegative, check_probability


def step_decay(
    epoch: int,
    max_epochs: int,
    base_lr: float,
    milestones: Sequence[float] = (0.6, 0.85),
    factor: float = 0.1,
) -> float:
    """
    Return the learning rate of a step decay (section 7.5 of 2026).

    The rate is multiplied by `factor` from each epoch `int(milestone * max_epochs)` on.

    Parameters
    ----------
    epoch : int
        From 0 to `max_epochs - 1`.
    max_epochs : int
        At least 1.
    base_lr : float
        The rate of the first epoch.
    milestones : sequence of float
        Shares of `max_epochs`, in [0, 1].
    factor : float

    Raises
    ------
    TypeError, ValueError
        If `epoch` or `max_epochs` is not an integer in its range, `base_lr` or `factor` is negative
        or not a number, or a milestone is outside [0, 1].

    Examples
    --------
    >>> [round(step_decay(epoch, 5, base_lr=0.1), 4) for epoch in range(5)]
    [0.1, 0.1, 0.1, 0.01, 0.001]
    """
    check_epoch(epoch, max_epochs)
    check_nonnegative("base_lr", base_lr)
    check_nonnegative("factor", factor)
    for i, milestone in enumerate(milestones):
        check_probability(f"milestones[{i}]", milestone)
    return base_lr * factor ** sum(epoch >= int(share * max_epochs) for share in milestones)


def cosine_warmup(epoch: int, max_epochs: int, base_lr: float, warmup: int = 3) -> float:
    """
    Return the learning rate of a linear warmup and a cosine decay (section 7.5 of 2026).

    In the first `warmup` epochs it rises by equal steps to `base_lr`. From then on it follows half
    of a cosine from `base_lr` towards 0, which it would reach in epoch `max_epochs`.

    Parameters
    ----------
    epoch : int
        From 0 to `max_epochs - 1`.
    max_epochs : int
        At least 1.
    base_lr : float
        The largest rate.
    warmup : int
        Number of epochs, at least 0.

    Raises
    ------
    TypeError, ValueError
        If `epoch`, `max_epochs` or `warmup` is not an integer in its range, or `base_lr` is
        negative or not a number.

    Examples
    --------
    >>> [round(cosine_warmup(epoch, 6, base_lr=0.3), 4) for epoch in range(6)]
    [0.1, 0.2, 0.3, 0.3, 0.225, 0.075]
    """
    check_epoch(epoch, max_epochs)
    check_nonnegative("base_lr", base_lr)
    check_count("warmup", warmup, minimum=0)
    if epoch < warmup:
        return base_lr * (epoch + 1) / warmup
    share = (epoch - warmup) / (max_epochs - warmup)
    return base_lr * (1 + math.cos(math.pi * share)) / 2


def check_epoch(epoch: int, max_epochs: int) -> None:
    """Raise unless `epoch` is an integer from 0 to `max_epochs - 1`."""
    check_count("max_epochs", max_epochs)
    check_count("epoch", epoch, minimum=0)
    if epoch >= max_epochs:
        raise ValueError(f"epoch must be from 0 to {max_epochs - 1}, got {epoch}")
