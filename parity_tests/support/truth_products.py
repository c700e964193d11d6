"""The truth of products, sums and means (chapters 2 and 3)."""

import numpy as np

from parity_tests.support.draws import LONG
from parity_tests.support.truth import gradient, value, weighted

# -- matrix products --------------------------------------------------------------------------

COLUMNS = 3  # of the second factor


def product(a, b):
    """Return a matrix product and its condition: the number of terms times that of the sizes."""
    return a @ b, a.shape[-1] * (np.abs(a) @ np.abs(b))


def factors(*batch):
    """Return the drawing of two matrices, the first of the draw's scale, so that none overflows."""

    def draw(source):
        a = source.reals(*batch, *source.shape)
        return a, source.weights(*batch, source.num_columns, COLUMNS)

    return draw


def swap(a):
    return np.swapaxes(a, -1, -2)


for name, batch in (("matmul", ()), ("batch_matmul", (2,))):

    def call(d2l, a, b, name=name):
        return getattr(d2l, name)(a, b)

    def arrays(source, batch=batch):
        return *factors(*batch)(source), source.weights(*batch, source.n, COLUMNS)

    value(name, factors(*batch), call, product, row="matmul", shapes=LONG)
    gradient(
        f"{name} by a", arrays, weighted(call), lambda a, b, v: product(v, swap(b)), row="matmul"
    )
    gradient(
        f"{name} by b", arrays, weighted(call), lambda a, b, v: product(swap(a), v), 1, "matmul"
    )


def linreg(d2l, X, w, b):
    return d2l.linreg(X, w, b)


def exact_linreg(X, w, b):
    return X @ w + b, (len(w) + 1) * (np.abs(X) @ np.abs(w) + np.abs(b))


def regression(source):
    return *factors()(source), source.reals(COLUMNS)


def regression_and_weights(source):
    return *regression(source), source.weights(source.n, COLUMNS)


value("linreg", regression, linreg, exact_linreg, shapes=LONG)
for by, name, truth in (
    (0, "X", lambda X, w, b, v: product(v, w.T)),
    (1, "w", lambda X, w, b, v: product(X.T, v)),
    (2, "b", lambda X, w, b, v: product(np.ones(len(X)), v)),
):
    gradient(f"linreg by {name}", regression_and_weights, weighted(linreg), truth, by, "matmul")


# -- sums and means ---------------------------------------------------------------------------

AXES = {"all": None, "rows": 0, "columns": 1}


def reals(source):
    return (source.reals(*source.shape),)


for where, axis in AXES.items():

    def total(d2l, x, axis=axis):
        return d2l.reduce_sum(x, axis)

    def mean(d2l, x, axis=axis):
        return d2l.reduce_mean(x, axis)

    def number(x, axis=axis):
        return x.size if axis is None else x.shape[axis]

    def exact_sum(x, axis=axis, number=number):
        return x.sum(axis), number(x) * np.abs(x).sum(axis)

    def exact_mean(x, axis=axis, number=number):
        # A quotient of arrays, for NumPy's own mean of nothing would warn.
        n = np.asarray(number(x), x.dtype)
        return x.sum(axis) / n, (n + 1) * np.abs(x).sum(axis) / n

    def exact_mean_gradient(x, v, axis=axis, number=number):
        one = np.expand_dims(v, axis) if axis is not None else v
        gradient = np.broadcast_to(one / np.asarray(number(x), x.dtype), x.shape)
        return gradient, np.abs(gradient)

    def exact_sum_gradient(x, v, axis=axis):
        one = np.expand_dims(v, axis) if axis is not None else v
        return np.broadcast_to(one, x.shape), np.zeros(x.shape)

    def and_weights(source, axis=axis):
        shape = () if axis is None else (source.shape[1 - axis],)
        return *reals(source), source.weights(*shape)

    value(f"reduce_sum over {where}", reals, total, exact_sum, "reduce_sum", shapes=LONG)
    value(f"reduce_mean over {where}", reals, mean, exact_mean, "reduce_mean", shapes=LONG)
    gradient(
        f"reduce_sum over {where}",
        and_weights,
        weighted(total),
        exact_sum_gradient,
        row="gradient of reduce_sum",
    )
    gradient(
        f"reduce_mean over {where}",
        and_weights,
        weighted(mean),
        exact_mean_gradient,
        row="gradient of reduce_mean",
    )
