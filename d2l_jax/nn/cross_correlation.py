"""Cross-correlation and pooling as pure functions (sections 7.2, 7.4 and 7.5)."""

from functools import reduce
from operator import add, mul

from jax import Array
from jax import numpy as jnp

from d2l_common.checks.cross_correlation import (
    CHANNELS,
    CHANNELS_IN_AND_OUT,
    MATRIX,
    check_1x1,
    check_kernel,
    check_pooling,
)
from d2l_common.checks.tensors import check_floating
from d2l_common.windows import shifted
from ..conversion import as_tensor
from ..functional import is_floating


def corr2d(X: Array, K: Array) -> Array:
    """
    Return the cross-correlation of an image and a kernel (section 7.2.1).

    Entry `(i, j)` is the sum of `X[i + a, j + b] * K[a, b]` over the kernel's entries `(a, b)`.
    Integers stay integers of the same type, in which a sum that is too large wraps around.

    Parameters
    ----------
    X : array of shape `(h, w)`
    K : array of shape `(kernel_h, kernel_w)`

    Returns
    -------
    array of shape `(h - kernel_h + 1, w - kernel_w + 1)`

    Raises
    ------
    ValueError
        If `X` or `K` does not have two axes, or if `K` is empty or does not fit into `X`.
    """
    X, K = as_tensor(X, "X"), as_tensor(K, "K")
    check_kernel(X.shape, K.shape, MATRIX, MATRIX)
    kernel_h, kernel_w = K.shape
    entries = (K[a, b] for a in range(kernel_h) for b in range(kernel_w))
    return reduce(add, map(mul, shifted(X, kernel_h, kernel_w), entries))


def corr2d_multi_in(X: Array, K: Array) -> Array:
    """
    Return the sum over the channels of their cross-correlations (section 7.4.1).

    Parameters
    ----------
    X : array of shape `(channels, h, w)`
    K : array of shape `(channels, kernel_h, kernel_w)`

    Returns
    -------
    array of shape `(h - kernel_h + 1, w - kernel_w + 1)`

    Raises
    ------
    ValueError
        If `X` or `K` does not have three axes, if they differ in the number of channels, or if `K`
        is empty or does not fit into `X`.
    """
    X, K = as_tensor(X, "X"), as_tensor(K, "K")
    check_kernel(X.shape, K.shape, CHANNELS, CHANNELS)
    return reduce(add, map(corr2d, X, K))


def corr2d_multi_in_out(X: Array, K: Array) -> Array:
    """
    Return a channel for each of the kernels (section 7.4.2).

    Parameters
    ----------
    X : array of shape `(channels_in, h, w)`
    K : array of shape `(channels_out, channels_in, kernel_h, kernel_w)`

    Returns
    -------
    array of shape `(channels_out, h - kernel_h + 1, w - kernel_w + 1)`

    Raises
    ------
    ValueError
        If `X` does not have three axes or `K` four, if they differ in the number of input channels,
        or if `K` is empty or does not fit into `X`.
    """
    X, K = as_tensor(X, "X"), as_tensor(K, "K")
    check_kernel(X.shape, K.shape, CHANNELS, CHANNELS_IN_AND_OUT)
    return jnp.stack([corr2d_multi_in(X, kernel) for kernel in K])


def corr2d_multi_in_out_1x1(X: Array, K: Array) -> Array:
    """
    Return a channel for each of the kernels of one pixel, by a matrix product (section 7.4.3).

    Parameters
    ----------
    X : array of shape `(channels_in, h, w)`
    K : array of shape `(channels_out, channels_in, 1, 1)`

    Returns
    -------
    array of shape `(channels_out, h, w)`

    Raises
    ------
    ValueError
        If `X` does not have three axes or `K` the shape above, if they differ in the number of
        input channels, or if `K` is empty.
    """
    X, K = as_tensor(X, "X"), as_tensor(K, "K")
    check_1x1(K.shape)
    check_kernel(X.shape, K.shape, CHANNELS, CHANNELS_IN_AND_OUT)
    channels_out, channels_in = K.shape[:2]
    Y = jnp.matmul(K.reshape(channels_out, channels_in), X.reshape(channels_in, -1))
    return Y.reshape(channels_out, *X.shape[1:])


def pool2d(X: Array, pool_size: tuple[int, int], mode: str = "max") -> Array:
    """
    Return the largest number or the mean of each window, at stride 1 (section 7.5.1).

    Of equal largest numbers each has an equal share of the gradient.

    Parameters
    ----------
    X : array of shape `(h, w)` or `(channels, h, w)`
    pool_size : pair of int
        The windows' height and width.
    mode : "max" or "avg"

    Returns
    -------
    array of shape `(h - pool_h + 1, w - pool_w + 1)`, with the channels before

    Raises
    ------
    TypeError
        If `pool_size` is not a pair of integers, or if integers are to be averaged.
    ValueError
        If `X` has neither two nor three axes, if a window does not fit into it, or if `mode` is
        neither "max" nor "avg".
    """
    X = as_tensor(X, "X")
    windows = jnp.stack(list(shifted(X, *check_pooling(X.shape, pool_size, mode))))
    if mode == "max":
        return windows.max(0)
    check_floating("X", is_floating(X), X.dtype)
    return windows.mean(0)
