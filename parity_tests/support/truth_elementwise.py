"""The truth of elementwise functions (chapters 2 and 5)."""

from dataclasses import replace

import numpy as np

from parity_tests.support.draws import SCALES
from parity_tests.support.truth import GRADIENTS, gradient, value, weighted


def elementwise(
    name, fun, derivative, condition, condition_of_gradient, peak=np.abs, numbers="reals", **draws
):
    """
    Register a function of one number, and its derivative times a weight.

    `peak` is an intermediate result that may overflow where these do not.
    """

    def arrays(source):
        return getattr(source, numbers)(*source.shape)

    def slope(x, v):
        factor = derivative(x)
        return v * factor, np.abs(v) * condition_of_gradient(x), peak(x)

    def call(d2l, x):
        return getattr(d2l, name)(x)

    value(
        name,
        lambda source: (arrays(source),),
        call,
        lambda x: (fun(x), condition(x), peak(x)),
        **draws,
    )
    gradient(
        name,
        lambda source: (arrays(source), source.weights(*source.shape)),
        weighted(call),
        slope,
        **draws,
    )


def absolute(fun):
    return lambda x: np.abs(fun(x))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def hyperbolic(fun):
    return lambda x: (10 + np.abs(x)) * np.abs(fun(x))


def larger_power(x):
    return np.exp(np.abs(x))


# Beside the other scales, those where they begin to overflow, in float32 and in float64.
# PyTorch's vectorized `sinh` and `cosh`, half as large as `exp`, overflow where `exp` does.
ENDS = (*SCALES, 44.0, 88.5, 89.2, 354.0, 709.5, 710.3)

elementwise("exp", np.exp, np.exp, np.exp, np.exp, peak=np.exp, scales=ENDS)
elementwise(
    "log", np.log, lambda x: 1 / x, absolute(np.log), lambda x: 1 / np.abs(x), numbers="positive"
)
elementwise("sin", np.sin, np.cos, absolute(np.sin), absolute(np.cos))
elementwise("cos", np.cos, lambda x: -np.sin(x), absolute(np.cos), absolute(np.sin))
elementwise(
    "sinh",
    np.sinh,
    np.cosh,
    hyperbolic(np.sinh),
    hyperbolic(np.cosh),
    peak=larger_power,
    scales=ENDS,
)
elementwise(
    "cosh",
    np.cosh,
    np.sinh,
    hyperbolic(np.cosh),
    hyperbolic(np.sinh),
    peak=larger_power,
    scales=ENDS,
)
elementwise(
    "tanh",
    np.tanh,
    lambda x: 1 / np.cosh(x) ** 2,
    absolute(np.tanh),
    lambda x: 1 + 5 * np.abs(np.tanh(x)),
)
elementwise("sigmoid", sigmoid, lambda x: sigmoid(x) * sigmoid(-x), sigmoid, sigmoid, scales=ENDS)
elementwise("relu", lambda x: np.maximum(x, 0), lambda x: np.where(x > 0, 1.0, 0), np.abs, np.abs)
elementwise("abs", np.abs, np.sign, np.abs, np.abs)
# The gradients of both at NaN differ: test_functional.py::test_gradients_at_nan.
for name in ("relu", "abs"):
    kinds = tuple(kind for kind in GRADIENTS[name].kinds if kind != "nan")
    GRADIENTS[name] = replace(GRADIENTS[name], kinds=kinds)

ALPHA = 0.1  # no float32, so that its rounding counts


def prelu(d2l, X):
    return d2l.prelu(X, ALPHA)


def exact_prelu(X):
    result = np.where(X > 0, X, ALPHA * X)
    return result, np.abs(result)


value("prelu", lambda source: (source.reals(*source.shape),), prelu, exact_prelu)
gradient(
    "prelu",
    lambda source: (source.reals(*source.shape), source.weights(*source.shape)),
    weighted(prelu),
    lambda X, v: (np.where(X > 0, v, ALPHA * v), np.abs(v)),
)
