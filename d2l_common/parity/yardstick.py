"""
How close is close enough: every tolerance of the parity suite, with its reason.

Integers, labels, batch plans and shared initial weights have no row: they are equal to the bit.
"""

from typing import Any, NamedTuple

import numpy as np


class Tolerance(NamedTuple):
    """A forward-error bound `c * eps * condition` of one operation."""

    c: float
    condition: str
    reason: str


# `eps` is the spacing of the dtype at 1. An elementary function (exp, log, tanh, ...) of either
# framework is taken to be within 2 eps of the truth: their vectorized versions promise 1 to 2 ulp.
OPERATIONS: dict[str, Tolerance] = {
    "softmax": Tolerance(
        8,
        "(1 + max|X - max X| + log2(num_classes)) * softmax",
        "the difference to the largest logit is rounded once, and its power turns that absolute "
        "error into a relative one; then exp, a sum of positive terms, a division",
    ),
    "softmax_cross_entropy": Tolerance(
        8,
        "max|X| + 1 + log(num_classes)",
        "a difference of two numbers as large as the logits, each rounded some times",
    ),
    "cross_entropy": Tolerance(6, "1 + loss", "a log, a sum of terms of one sign, a division"),
    "squared_loss": Tolerance(
        4, "|y_hat - y| * (|y_hat| + |y|) / 2 + loss", "one subtraction, one product, exact halves"
    ),
    "linreg": Tolerance(
        2, "num_inputs * (|X| |w| + |b|)", "the classical bound of a dot product, in any order"
    ),
}


def forward_error_bound(operation: str, dtype: Any, condition: Any) -> np.ndarray:
    """
    Return how far an operation's result may be from the truth: `c * eps * condition`.

    Parameters
    ----------
    operation : str
        A row of `OPERATIONS`.
    dtype : str or dtype
        What the operation computed in.
    condition : array or number
        The quantity that the row names.

    Returns
    -------
    longdouble array
        At least the smallest normal number, since XLA counts subnormals as 0.
    """
    info = np.finfo(dtype)
    bound = OPERATIONS[operation].c * np.longdouble(info.eps) * np.asarray(condition, np.longdouble)
    return np.maximum(bound, np.longdouble(info.tiny))


class RunTolerance(NamedTuple):
    """How far two training runs may part."""

    loss: float
    weights: float
    reason: str


# A loss gap is in units of `loss + the loss of the zero model`, that is of a model that knows
# nothing: a loss near 0 is a small difference of large numbers. A gap of weights is in norm,
# relative to the weights, tensor by tensor.
RUNS: dict[str, RunTolerance] = {
    "float64": RunTolerance(
        1e-12,
        1e-10,
        "roundings of 2e-16 a step that later steps amplify a little; bare loops of both "
        "frameworks were 4e-15 and 9e-14 apart after 2,350 steps",
    ),
    "float32": RunTolerance(
        1e-5,
        1e-4,
        "likewise, from roundings of 1e-7; bare loops of softmax regression were 5e-7 apart",
    ),
    "float32, first epoch of ReLUs": RunTolerance(
        1e-4,
        1e-2,
        "a pre-activation that rounds to the other side of 0 changes the path; bare loops of a "
        "perceptron were 4e-6 apart after one epoch, and 1e-2 after ten, as one ulp makes them",
    ),
}

# Two layers compute the same in float64 if they are this close in norm: roundings are at 1e-15
# to 1e-13, the smallest mistakes that people make (an eps of 1e-7 too many) at 1e-8 or more.
SAME_LAYER = 1e-10
