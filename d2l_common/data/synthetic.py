"""Numbers of the synthetic data sets, the same for both backends."""

from collections.abc import Sequence

import numpy as np

from d2l_common.checks.arguments import check_count, check_nonnegative


def synthetic_regression(
    w: np.ndarray, b: float, noise: float, num_examples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """
    Draw `y = X w + b + noise` with standard normal `X`, the same numbers for both backends.

    Parameters
    ----------
    w : array of shape `(num_inputs,)`
    b, noise : float
        `noise` is the standard deviation of the error.
    num_examples, seed : int

    Returns
    -------
    X : float64 array of shape `(num_examples, num_inputs)`
    y : float64 array of shape `(num_examples, 1)`
    """
    check_count("seed", seed, minimum=0)
    check_nonnegative("noise", noise)
    rng = np.random.default_rng(seed)
    w = np.asarray(w, np.float64).reshape(-1, 1)
    X = rng.standard_normal((num_examples, len(w)))
    y = X @ w + b + noise * rng.standard_normal((num_examples, 1))
    return X, y


def high_dimensional_regression(
    num_examples: int, num_inputs: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """
    Draw `y = 0.05 + sum(0.01 x) + noise` of standard deviation 0.01 (section 3.7.2).

    Parameters
    ----------
    num_examples, num_inputs, seed : int

    Returns
    -------
    X : float64 array of shape `(num_examples, num_inputs)`
    y : float64 array of shape `(num_examples, 1)`
    """
    check_count("num_inputs", num_inputs)
    w = np.full(num_inputs, 0.01)
    return synthetic_regression(w, b=0.05, noise=0.01, num_examples=num_examples, seed=seed)


def polynomial_regression(
    coefficients: Sequence[float], num_features: int, num_examples: int, noise: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """
    Draw `y = sum(c_i x^i / i!) + noise`, with the rescaled powers of `x` as features (section 3.6).

    Parameters
    ----------
    coefficients : numbers
        `c_0, c_1, ...` of the true polynomial.
    num_features : int
        How many of the powers `1, x, x^2 / 2!, ...` to return.
    num_examples, seed : int
    noise : float
        The standard deviation of the error.

    Returns
    -------
    X : float64 array of shape `(num_examples, num_features)`
    y : float64 array of shape `(num_examples, 1)`
    """
    check_count("num_features", num_features)
    check_count("seed", seed, minimum=0)
    check_nonnegative("noise", noise)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((num_examples, 1))
    exponents = np.arange(max(num_features, len(coefficients)))
    # The factorials keep high powers, and so their gradients, from being huge.
    factorials = np.cumprod(np.maximum(exponents, 1), dtype=np.float64)
    powers = x**exponents / factorials
    y = powers[:, : len(coefficients)] @ np.reshape(coefficients, (-1, 1))
    return powers[:, :num_features], y + noise * rng.standard_normal((num_examples, 1))
