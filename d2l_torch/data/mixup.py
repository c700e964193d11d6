"""Mixup: convex combinations of examples (section 7.5 of 2026)."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from d2l_common.checks.arguments import check_positive, check_probability
from d2l_common.checks.classification import check_integer
from d2l_common.checks.numbers import as_number
from d2l_common.checks.tensors import check_floating, check_one_per_example, check_permutation
from ..conversion import as_single, as_tensor
from ..functional import is_integer


def mixup(
    X: Tensor,
    y: Tensor,
    alpha: float,
    lam: Any = None,
    perm: Tensor | None = None,
    generator: Any = None,
) -> tuple[Tensor, Tensor, Tensor, Any]:
    """
    Return a minibatch mixed with a permutation of itself (section 7.5 of 2026).

    Example `i` of the result is `lam * X[i] + (1 - lam) * X[perm[i]]`, with one weight `lam` from
    the distribution Beta(alpha, alpha) for the minibatch.

    Parameters
    ----------
    X : floating-point tensor of shape `(n, ...)`
    y : tensor of shape `(n, ...)`
        Labels or other targets.
    alpha : float
        Above 0. If it is small, most weights are near 0 or 1.
    lam : float, or tensor of shape `()`
        In [0, 1]; drawn if not given.
    perm : integer tensor of shape `(n,)`
        Holds each of 0 to `n - 1` once; drawn if not given.
    generator : torch.Generator
        On the CPU. Draws what is not given; PyTorch's global one if there is none.

    Returns
    -------
    X_mixed : tensor
        Of the shape and dtype of `X`.
    y_a, y_b : tensors
        The targets of weight `lam`, which are `y`, and those of weight `1 - lam`, `y[perm]`.
    lam : float, or tensor of shape `()`
        A tensor has the dtype of `X`.

    Raises
    ------
    TypeError, ValueError
        If `X` holds integers, `alpha` is not a number above 0, `lam` is not one number in [0, 1],
        `y` has another number of examples than `X`, or `perm` is not a permutation of them.
    """
    X, y = as_tensor(X, "X"), as_tensor(y, "y")
    check_floating("X", X.is_floating_point(), X.dtype)
    check_positive("alpha", alpha)
    check_one_per_example("y", len(X), y.shape[:1])
    if lam is not None:
        lam = as_single(lam, "lam")
        check_probability("lam", as_number("lam", lam))
        lam = lam.to(X) if isinstance(lam, Tensor) else lam
    if perm is not None:
        perm = as_tensor(perm, "perm")
        check_integer("perm", is_integer(perm), perm.dtype, "integers")
        check_one_per_example("perm", len(X), perm.shape)
        is_permutation = perm.sort().values == torch.arange(len(X), device=perm.device)
        check_permutation("perm", bool(is_permutation.all()), len(X))
    if lam is None:  # PyTorch's own Beta takes no generator
        seed = int(torch.randint(2**63 - 1, (), generator=generator))
        lam = float(np.random.default_rng(seed).beta(alpha, alpha))
    if perm is None:
        perm = torch.randperm(len(X), generator=generator).to(X.device)
    return lam * X + (1 - lam) * X[perm], y, y[perm], lam
