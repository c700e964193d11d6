"""The truth of label smoothing, mixup and stochastic depth (section 7.5 of 2026)."""

from math import log

import numpy as np

from parity_tests.support.draws import ROWS
from parity_tests.support.truth import gradient, product, value, weighted
from parity_tests.support.truth_losses import averaged, labelled, softmax

SMOOTHING, LAM = 0.1, 0.3  # no floats of base 2, so that their roundings count

# -- label smoothing ---------------------------------------------------------------------------


def targets(X, y):
    """Return the target of each class: `(n, num_classes)`."""
    one_hot = np.eye(X.shape[-1], dtype=X.dtype)[y]
    return (1 - SMOOTHING) * one_hot + SMOOTHING / np.asarray(X.shape[-1], X.dtype)


def exact_smoothed(X, y):
    num_classes, spread = X.shape[-1], X.max(axis=-1, keepdims=True) - X
    losses = spread + np.log(np.exp(-spread).sum(axis=-1, keepdims=True))
    conditions = (num_classes + 8) * losses + num_classes + 5 * log(num_classes) + 3
    return tuple((targets(X, y) * each).sum(axis=-1) for each in (losses, conditions))


def exact_smoothed_gradient(X, y):
    P, spread = softmax(X)
    num_classes, target = X.shape[-1], targets(X, y)
    k = 2 * spread + 2 * num_classes + 6 * log(num_classes) + 15
    return (P - target) / len(y), (product(P, k) + 6 * target) / len(y)


def smoothed(d2l, X, y):
    return d2l.softmax_cross_entropy(X, y, label_smoothing=SMOOTHING)


def smoothed_each(d2l, X, y):
    return d2l.softmax_cross_entropy(X, y, averaged=False, label_smoothing=SMOOTHING)


NAME = "softmax_cross_entropy, smoothed"
value(NAME, labelled("reals"), smoothed, averaged(exact_smoothed), shapes=ROWS)
value(f"{NAME}, of each", labelled("reals"), smoothed_each, exact_smoothed, row=NAME, shapes=ROWS)
gradient(NAME, labelled("reals"), smoothed, exact_smoothed_gradient)


# -- mixup -------------------------------------------------------------------------------------


def minibatch(source):
    return source.reals(*source.shape), source.labels(), source.rng.permutation(source.n)


def mixed(d2l, X, y, perm):
    return d2l.mixup(X, y, alpha=1.0, lam=LAM, perm=perm)[0]


def exact_mixed(X, y, perm):
    one, other = LAM * X, (1 - LAM) * X[perm]
    return one + other, np.abs(one) + np.abs(other)


def exact_mixed_gradient(X, y, perm, v):
    return exact_mixed(v, y, np.argsort(perm))


value("mixup", minibatch, mixed, exact_mixed)
gradient(
    "mixup",
    lambda source: (*minibatch(source), source.weights(*source.shape)),
    weighted(mixed),
    exact_mixed_gradient,
)


# -- stochastic depth --------------------------------------------------------------------------

for drop_prob in (0, 0.3, 1):

    def path(d2l, X, mask, *, drop_prob=drop_prob):
        return d2l.drop_path(X, drop_prob, mask=mask)

    def exact_path(X, mask, drop_prob=drop_prob):
        kept = np.zeros_like(X) if drop_prob == 1 else X * mask[:, None] / (1 - drop_prob)
        return kept, np.abs(kept)

    def exact_path_gradient(X, mask, v, drop_prob=drop_prob):
        return exact_path(v, mask, drop_prob)

    def masked(source):
        return source.reals(*source.shape), source.mask(source.n)

    def masked_and_weights(source):
        return *masked(source), source.weights(*source.shape)

    value(f"drop_path of {drop_prob}", masked, path, exact_path, "drop_path")
    gradient(
        f"drop_path of {drop_prob}",
        masked_and_weights,
        weighted(path),
        exact_path_gradient,
        row="drop_path",
    )
