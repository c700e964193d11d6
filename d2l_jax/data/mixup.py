"""Mixup: convex combinations of examples (section 7.5 of 2026)."""

from typing import Any

import jax
import numpy as np
from jax import Array

from d2l_common.checks.arguments import check_positive, check_probability
from d2l_common.checks.classification import check_integer
from d2l_common.checks.numbers import as_number
from d2l_common.checks.tensors import check_floating, check_one_per_example, check_permutation
from ..conversion import as_single, as_tensor
from ..functional import is_floating, is_integer
from ..random import get_key


def mixup(
    X: Array, y: Array, alpha: float, lam: Any = None, perm: Array | None = None, key: Any = None
) -> tuple[Array, Array, Array, Any]:
    """
    Return a minibatch mixed with a permutation of itself (section 7.5 of 2026).

    Example `i` of the result is `lam * X[i] + (1 - lam) * X[perm[i]]`, with one weight `lam` from
    the distribution Beta(alpha, alpha) for the minibatch.

    Parameters
    ----------
    X : floating-point array of shape `(n, ...)`
    y : array of shape `(n, ...)`
        Labels or other targets.
    alpha : float
        Above 0. If it is small, most weights are near 0 or 1.
    lam : float, or array of shape `()`
        In [0, 1]; drawn if not given.
    perm : integer array of shape `(n,)`
        Holds each of 0 to `n - 1` once; drawn if not given.
    key : JAX random key
        Draws what is not given; `get_key()` if there is none. Pass one inside a compiled step.

    Returns
    -------
    X_mixed : array
        Of the shape and dtype of `X`.
    y_a, y_b : arrays
        The targets of weight `lam`, which are `y`, and those of weight `1 - lam`, `y[perm]`.
    lam : float, or array of shape `()`
        A array has the dtype of `X`.

    Raises
    ------
    TypeError, ValueError
        If `X` holds integers, `alpha` is not a number above 0, `lam` is not one number in [0, 1],
        `y` has another number of examples than `X`, or `perm` is not a permutation of them.
    """
    X, y = as_tensor(X, "X"), as_tensor(y, "y")
    check_floating("X", is_floating(X), X.dtype)
    check_positive("alpha", alpha)
    check_one_per_example("y", len(X), y.shape[:1])
    if lam is not None:
        lam = as_single(lam, "lam")
        if not isinstance(lam, jax.core.Tracer):  # a traced one has no value to check
            check_probability("lam", as_number("lam", lam))
        lam = lam.astype(X.dtype) if isinstance(lam, Array) else lam
    if perm is not None:
        perm = as_tensor(perm, "perm")
        check_integer("perm", is_integer(perm), perm.dtype, "integers")
        check_one_per_example("perm", len(X), perm.shape)
        if not isinstance(perm, jax.core.Tracer):
            is_permutation = np.array_equal(np.sort(np.asarray(perm)), np.arange(len(X)))
            check_permutation("perm", is_permutation, len(X))
    if lam is None or perm is None:
        key_lam, key_perm = jax.random.split(get_key() if key is None else key)
    if lam is None:
        lam = jax.random.beta(key_lam, alpha, alpha, dtype=X.dtype)
    if perm is None:
        perm = jax.random.permutation(key_perm, len(X))
    return lam * X + (1 - lam) * X[perm], y, y[perm], lam
