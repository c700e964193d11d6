"""The truth of cross-correlation and pooling (chapter 7): loops over the pixels of the result."""

import numpy as np

from parity_tests.support.draws import FINITE
from parity_tests.support.truth import gradient, value, weighted

# Channels out and in, the image's height and width, the kernel's: odd, and no two alike.
C_OUT, C_IN, H, W, KERNEL_H, KERNEL_W = 2, 3, 7, 5, 3, 2
SHAPE = (H - KERNEL_H + 1, W - KERNEL_W + 1)  # of the result
ONE_DRAW = ((H, W),)  # the shapes here are fixed, since each compiles


def windows(image, window_h, window_w):
    """Yield `(i, j)` and the window that begins there, of an image `(..., h, w)`."""
    for i in range(image.shape[-2] - window_h + 1):
        for j in range(image.shape[-1] - window_w + 1):
            yield i, j, image[..., i : i + window_h, j : j + window_w]


# -- cross-correlation ------------------------------------------------------------------------


def correlate(X, K):
    """Return the channels of the result; `K` has four axes, two, or three for one of them."""
    kernels = with_four_axes(K, X)
    channels = []
    for kernel in kernels:
        Y = np.zeros(shape_of_result(X, K), X.dtype)
        for i, j, window in windows(X, *K.shape[-2:]):
            Y[i, j] = (window * kernel).sum()
        channels.append(Y)
    return np.stack(channels) if K.ndim == 4 else channels[0]


def correlate_by_X(X, K, v):
    """Return the gradient by the image: each result's weight goes to its window's pixels."""
    gradient = np.zeros((1, *X.shape) if X.ndim == 2 else X.shape, X.dtype)
    for kernel, weights in zip(with_four_axes(K, X), with_channels(v), strict=True):
        for i, j, window in windows(gradient, *K.shape[-2:]):
            window += weights[i, j] * kernel
    return gradient.reshape(X.shape)


def correlate_by_K(X, K, v):
    """Return the gradient by the kernels: the windows, times the weights of their results."""
    gradient = np.zeros_like(with_four_axes(K, X))
    for of_kernel, weights in zip(gradient, with_channels(v), strict=True):
        for i, j, window in windows(X, *K.shape[-2:]):
            of_kernel += weights[i, j] * window
    return gradient.reshape(K.shape)


def with_channels(Y):
    """Return `(h, w)` as `(1, h, w)`."""
    return Y.reshape(-1, *Y.shape[-2:])


def with_four_axes(K, X):
    """Return kernels as `(channels_out, channels_in, h, w)`."""
    return K.reshape(-1, len(with_channels(X)), *K.shape[-2:])


def shape_of_result(X, K):
    return X.shape[-2] - K.shape[-2] + 1, X.shape[-1] - K.shape[-1] + 1


def with_condition(formula, num_terms):
    """Return the truth by `formula`, with the condition of sums of at most `num_terms` products."""

    def truth(*arrays):
        return formula(*arrays), num_terms * formula(*map(np.abs, arrays))

    return truth


KERNEL = (KERNEL_H, KERNEL_W)
for name, X_shape, K_shape in (
    ("corr2d", (H, W), KERNEL),
    ("corr2d_multi_in", (C_IN, H, W), (C_IN, *KERNEL)),
    ("corr2d_multi_in_out", (C_IN, H, W), (C_OUT, C_IN, *KERNEL)),
    ("corr2d_multi_in_out_1x1", (C_IN, H, W), (C_OUT, C_IN, 1, 1)),
):

    def call(d2l, X, K, name=name):
        return getattr(d2l, name)(X, K)

    def image_and_kernel(source, X_shape=X_shape, K_shape=K_shape):
        return source.reals(*X_shape), source.weights(*K_shape)

    def and_weights(source, X_shape=X_shape, K_shape=K_shape):
        shape = shape_of_result(np.empty(X_shape), np.empty(K_shape))
        channels = K_shape[:1] if len(K_shape) == 4 else ()
        return *image_and_kernel(source, X_shape, K_shape), source.weights(*channels, *shape)

    h, w = K_shape[-2:]
    num_terms = h * w * (C_IN if len(K_shape) > 2 else 1)
    num_results = (H - h + 1) * (W - w + 1)
    value(
        name,
        image_and_kernel,
        call,
        with_condition(correlate, num_terms),
        "matmul",
        shapes=ONE_DRAW,
    )
    gradient(
        f"{name} by X",
        and_weights,
        weighted(call),
        with_condition(correlate_by_X, h * w * C_OUT),
        0,
        "matmul",
        shapes=ONE_DRAW,
    )
    gradient(
        f"{name} by K",
        and_weights,
        weighted(call),
        with_condition(correlate_by_K, num_results),
        1,
        "matmul",
        shapes=ONE_DRAW,
    )


# -- pooling ----------------------------------------------------------------------------------

POOL = (KERNEL_H, KERNEL_W)
NUM_WINDOWS = KERNEL_H * KERNEL_W  # that have a pixel in common, and the pixels of one


def pool(X, reduce):
    Y = np.zeros((*X.shape[:-2], *SHAPE), X.dtype)
    for i, j, window in windows(X, *POOL):
        Y[..., i, j] = reduce(window, axis=(-2, -1))
    return Y


def exact_max(X):
    return pool(X, np.max), np.zeros((*X.shape[:-2], *SHAPE))


def exact_mean(X):
    return pool(X, np.mean), (NUM_WINDOWS + 1) * pool(np.abs(X), np.mean)


def share_of_largest(window):
    largest = window == window.max(axis=(-2, -1), keepdims=True)
    return largest / largest.sum(axis=(-2, -1), keepdims=True).astype(window.dtype)


def share_of_mean(window):
    return np.full_like(window, 1 / np.asarray(NUM_WINDOWS, window.dtype))


def gradient_by_shares(share, more):
    """Return the truth of a gradient of which each pixel of a window gets its share."""

    def truth(X, v):
        gradient, size = np.zeros_like(X), np.zeros_like(X)
        for (i, j, part), (*_, sizes), (*_, window) in zip(
            windows(gradient, *POOL), windows(size, *POOL), windows(X, *POOL), strict=True
        ):
            part += v[..., i, j, None, None] * share(window)
            sizes += np.abs(v[..., i, j, None, None]) * share(window)
        return gradient, (NUM_WINDOWS + more) * size

    return truth


for mode, exact, row, share, more in (
    ("max", exact_max, "max pooling", share_of_largest, 1),
    ("avg", exact_mean, "average pooling", share_of_mean, 2),
):
    for channels in ((), (C_IN,)):

        def call(d2l, X, mode=mode):
            return d2l.pool2d(X, POOL, mode)

        def image(source, channels=channels):
            return (source.reals(*channels, H, W),)

        def and_weights(source, channels=channels):
            return *image(source, channels), source.weights(*channels, *SHAPE)

        name = f"pool2d {mode}" + " of channels" * bool(channels)
        value(name, image, call, exact, row if mode == "max" else "reduce_mean", shapes=ONE_DRAW)
        gradient(
            name,
            and_weights,
            weighted(call),
            gradient_by_shares(share, more),
            row=f"gradient of {row}",
            shapes=ONE_DRAW,
            kinds=FINITE,
        )
