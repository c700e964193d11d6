"""The truth of softmax, of the losses and of accuracy (chapters 3 and 4)."""

from math import log

import numpy as np

from parity_tests.support.draws import ROWS
from parity_tests.support.truth import gradient, product, value, weighted

# -- softmax ----------------------------------------------------------------------------------


def softmax(X):
    """Return the probabilities, and how far each logit is below the largest."""
    spread = X.max(axis=-1, keepdims=True) - X
    powers = np.exp(-spread)
    return powers / powers.sum(axis=-1, keepdims=True), spread


def roundings_of_softmax(spread):
    num_classes = spread.shape[-1]
    return spread + num_classes + log(num_classes) + 8


def exact_softmax(X):
    P, spread = softmax(X)
    return P, product(P, roundings_of_softmax(spread))


def exact_softmax_gradient(X, v):
    P, spread = softmax(X)
    k, v_mean = roundings_of_softmax(spread), (P * np.abs(v)).sum(axis=-1, keepdims=True)
    of_mean = product(P, np.abs(v) * (k + X.shape[-1])).sum(axis=-1, keepdims=True)
    gradient = P * (v - (P * v).sum(axis=-1, keepdims=True))
    return gradient, product(P, (k + 2) * (np.abs(v) + v_mean) + of_mean)


def logits(source):
    return (source.reals(*source.shape),)


value("softmax", logits, lambda d2l, X: d2l.softmax(X), exact_softmax, shapes=ROWS)
gradient(
    "softmax",
    lambda source: (*logits(source), source.weights(*source.shape)),
    weighted(lambda d2l, X: d2l.softmax(X)),
    exact_softmax_gradient,
)


# -- cross-entropy ----------------------------------------------------------------------------


def labelled(numbers):
    """Return the drawing of scores and labels."""
    return lambda source: (getattr(source, numbers)(*source.shape), source.labels())


def at_labels(scores, y):
    return scores[np.arange(len(y)), y]


def mean(x):
    return x.sum() / len(x)  # NaN for nothing; NumPy's own would warn


def exact_softmax_cross_entropy(X, y):
    spread = X.max(axis=-1, keepdims=True) - X
    losses = at_labels(spread, y) + np.log(np.exp(-spread).sum(axis=-1))
    num_classes = X.shape[-1]
    return losses, 2 * losses + num_classes + 5 * log(num_classes) + 3


def averaged(truth):
    """Return the truth of a mean from that of each loss."""

    def exact_mean(*args):
        losses, conditions = truth(*args)
        return mean(losses), mean(conditions) + (len(losses) + 1) * mean(np.abs(losses))

    return exact_mean


def exact_softmax_cross_entropy_gradient(X, y):
    P, spread = softmax(X)
    num_classes = X.shape[-1]
    one_hot = np.eye(num_classes)[y]
    k = 2 * spread + num_classes + 6 * log(num_classes) + 11
    return (P - one_hot) / len(y), (product(P, k) + 3 * one_hot) / len(y)


def exact_cross_entropy(P, y):
    losses = -np.log(at_labels(P, y))
    return losses, 4 * np.abs(losses)


def exact_cross_entropy_gradient(P, y):
    gradient = np.zeros_like(P)
    gradient[np.arange(len(y)), y] = -1 / at_labels(P, y) / len(y)
    return gradient, np.abs(gradient)


for name, numbers, truth, truth_of_gradient in (
    (
        "softmax_cross_entropy",
        "reals",
        exact_softmax_cross_entropy,
        exact_softmax_cross_entropy_gradient,
    ),
    ("cross_entropy", "probabilities", exact_cross_entropy, exact_cross_entropy_gradient),
):

    def loss(d2l, scores, y, name=name):
        return getattr(d2l, name)(scores, y)

    def each_loss(d2l, scores, y, name=name):
        return getattr(d2l, name)(scores, y, averaged=False)

    value(name, labelled(numbers), loss, averaged(truth), shapes=ROWS)
    value(f"{name} of each", labelled(numbers), each_loss, truth, row=name, shapes=ROWS)
    gradient(name, labelled(numbers), loss, truth_of_gradient)


def exact_accuracy(scores, y):
    share = mean((scores.argmax(axis=-1) == y).astype(float))
    return share, share


def exact_hits(scores, y):
    hits = (scores.argmax(axis=-1) == y).astype(float)
    return hits, 0 * hits


ACCURACY = {"row": "accuracy", "shapes": ROWS, "result": "float32"}
value(
    "accuracy",
    labelled("reals"),
    lambda d2l, *args: d2l.accuracy(*args),
    exact_accuracy,
    **ACCURACY,
)
value(
    "accuracy of each",
    labelled("reals"),
    lambda d2l, *args: d2l.accuracy(*args, averaged=False),
    exact_hits,
    **ACCURACY,
)


# -- squared loss -----------------------------------------------------------------------------


def exact_squared_loss(y_hat, y):
    loss = (y_hat - y) ** 2 / 2
    return loss, loss


def pair(source):
    return source.reals(*source.shape), source.reals(*source.shape)


value("squared_loss", pair, lambda d2l, *args: d2l.squared_loss(*args), exact_squared_loss)
for by, sign in ((0, 1), (1, -1)):
    gradient(
        f"squared_loss by {('y_hat', 'y')[by]}",
        lambda source: (*pair(source), source.weights(*source.shape)),
        weighted(lambda d2l, *args: d2l.squared_loss(*args)),
        lambda y_hat, y, v, sign=sign: (sign * v * (y_hat - y), np.abs(v * (y_hat - y))),
        by=by,
        row="gradient of squared_loss",
    )
