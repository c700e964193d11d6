"""Convolution, pooling and batch normalization as loops in extended precision, channels first."""

import itertools

import numpy as np

WIDE = np.longdouble


def windows(size, kernel, stride, padding):
    """Yield the output position and the slices of the padded image of each window."""
    counts = [
        (n + 2 * p - k) // s + 1 for n, k, s, p in zip(size, kernel, stride, padding, strict=True)
    ]
    for i, j in itertools.product(*map(range, counts)):
        top, left = i * stride[0], j * stride[1]
        yield i, j, (slice(top, top + kernel[0]), slice(left, left + kernel[1]))


def padded(X, padding, value=0):
    """Return images with rows and columns of `value` on all sides."""
    (rows, columns) = padding
    return np.pad(
        X.astype(WIDE), ((0, 0), (0, 0), (rows, rows), (columns, columns)), constant_values=value
    )


def convolution(X, W, b, stride, padding, groups, G=None):
    """
    Return the convolution, or the gradients by `X`, `W` and `b` of its product with `G`.

    `X` is `(n, in, h, w)` and `W` is `(out, in / groups, kh, kw)`.
    """
    padded_X, W = padded(X, padding), W.astype(WIDE)
    places = list(windows(X.shape[2:], W.shape[2:], stride, padding))
    height, width = (1 + max(axis) for axis in list(zip(*places, strict=True))[:2])
    Y = np.zeros((len(X), len(W), height, width), WIDE)
    dX, dW = np.zeros_like(padded_X), np.zeros_like(W)
    per_group = len(W) // groups
    for out, (i, j, (rows, columns)) in itertools.product(range(len(W)), places):
        first = out // per_group * W.shape[1]
        channels = slice(first, first + W.shape[1])
        window = padded_X[:, channels, rows, columns]
        Y[:, out, i, j] = (window * W[out]).sum(axis=(1, 2, 3)) + b[out]
        if G is not None:
            g = G[:, out, i, j].reshape(-1, 1, 1, 1)
            dW[out] += (g * window).sum(axis=0)
            dX[:, channels, rows, columns] += g * W[out]
    if G is None:
        return Y
    (top, left), (h, w) = padding, X.shape[2:]
    return dX[:, :, top : top + h, left : left + w], dW, G.astype(WIDE).sum(axis=(0, 2, 3))


def pooling(X, kernel, stride, padding, mode, G=None):
    """Return the maxima or means of windows, or the gradient by `X` of their product with `G`."""
    padded_X = padded(X, padding, -np.inf if mode == "max" else 0)
    places = list(windows(X.shape[2:], kernel, stride, padding))
    height, width = (1 + max(axis) for axis in list(zip(*places, strict=True))[:2])
    Y, dX = np.zeros((*X.shape[:2], height, width), WIDE), np.zeros_like(padded_X)
    for i, j, (rows, columns) in places:
        window = padded_X[:, :, rows, columns]
        flat = window.reshape(*X.shape[:2], -1)
        Y[:, :, i, j] = flat.max(axis=-1) if mode == "max" else flat.mean(axis=-1)
        if G is not None:
            share = np.full(flat.shape, WIDE(1) / flat.shape[-1])
            if mode == "max":
                share = np.eye(flat.shape[-1])[flat.argmax(axis=-1)]
            dX[:, :, rows, columns] += share.reshape(window.shape) * G[:, :, i : i + 1, j : j + 1]
    if G is None:
        return Y
    (top, left), (h, w) = padding, X.shape[2:]
    return dX[:, :, top : top + h, left : left + w]


def batch_normalization(X, gamma, beta, G, eps=1e-5, momentum=0.1):
    """
    Return what a minibatch gives in training, for moving averages of 0 and 1 before it.

    These are the output, the gradients by `X`, `gamma` and `beta` of its product with `G`, and the
    moving averages; `X` is `(n, num_features)` or `(n, channels, h, w)`.
    """
    axes = tuple(axis for axis in range(X.ndim) if axis != 1)
    shape = (1, -1) + (1,) * (X.ndim - 2)
    X, G = X.astype(WIDE), G.astype(WIDE)
    n = X.size // X.shape[1]
    mean, var = X.mean(axis=axes), X.var(axis=axes)
    std = np.sqrt(var + WIDE(eps)).reshape(shape)
    X_hat = (X - mean.reshape(shape)) / std
    Y = gamma.reshape(shape) * X_hat + beta.reshape(shape)
    d_hat = G * gamma.reshape(shape)
    mean_of = lambda x: x.mean(axis=axes, keepdims=True)  # noqa: E731
    dX = (d_hat - mean_of(d_hat) - X_hat * mean_of(d_hat * X_hat)) / std
    averages = momentum * mean, (1 - momentum) + momentum * var * n / (n - 1)
    return (Y, dX, (G * X_hat).sum(axis=axes), G.sum(axis=axes)), averages
