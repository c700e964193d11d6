"""Synthetic data sets: NumPy draws the numbers, so they are the same for both backends."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from d2l_common.checks.arguments import check_count, check_nonnegative
from d2l_common.data.module import DataModuleBase


def synthetic_regression(
    w: np.ndarray, b: float, noise: float, num_examples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """
    Draw `y = X w + b + noise` with standard normal `X` (section 3.3.1).

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


class RegressionDataBase(DataModuleBase):
    """Data module of one table `X`, `y`, of which the first `num_train` rows are for training."""

    def __init__(self, num_train: int, num_val: int):
        super().__init__()
        check_count("num_train", num_train, minimum=0)
        check_count("num_val", num_val, minimum=0)

    def get_dataloader(self, train: bool) -> Any:
        """Return the loader of the first `num_train` examples, or of the rest; None if no rest."""
        if not train and len(self.X) == self.num_train:
            return None
        i = slice(0, self.num_train) if train else slice(self.num_train, None)
        return self.get_tensorloader((self.X, self.y), train, i)


class HighDimensionalDataBase(RegressionDataBase):
    """
    Few examples of many features: `y = 0.05 + sum(0.01 x) + noise` (section 3.7.2).

    Parameters
    ----------
    num_train, num_val, num_inputs, batch_size : int
    seed : int
        Determines the numbers and the order of the examples, the same on both backends.

    Attributes
    ----------
    X : tensor of shape `(num_train + num_val, num_inputs)`
    y : tensor of shape `(num_train + num_val, 1)`

    Raises
    ------
    TypeError, ValueError
        If `num_train` or `num_val` is negative, or `num_inputs` is not a positive integer.
    """

    def __init__(
        self, num_train: int, num_val: int, num_inputs: int, batch_size: int, seed: int = 0
    ):
        super().__init__(num_train, num_val)
        check_count("num_inputs", num_inputs)
        self.save_hyperparameters()
        w = np.full(num_inputs, 0.01)
        X, y = synthetic_regression(w, 0.05, 0.01, num_train + num_val, seed)
        self.X, self.y = self.as_tensor(X), self.as_tensor(y)


class PolynomialDataBase(RegressionDataBase):
    """
    Values of a polynomial with noise; the features are `1, x, x^2 / 2!, ...` (section 3.6.1).

    Parameters
    ----------
    coefficients : sequence of float
        `c_0, c_1, ...` of the true polynomial `sum(c_i x^i / i!)`.
    num_features : int
        The number of powers among the features: fewer underfit, more may overfit.
    num_train, num_val, batch_size : int
    noise : float
        The standard deviation of the noise.
    seed : int
        Determines the numbers and the order of the examples, the same on both backends.

    Attributes
    ----------
    X : tensor of shape `(num_train + num_val, num_features)`
    y : tensor of shape `(num_train + num_val, 1)`

    Raises
    ------
    TypeError, ValueError
        If `num_train`, `num_val` or `noise` is negative, or `num_features` is not a positive
        integer.
    """

    def __init__(
        self,
        coefficients: Sequence[float] = (5, 1.2, -3.4, 5.6),
        num_features: int = 4,
        num_train: int = 100,
        num_val: int = 100,
        batch_size: int = 10,
        noise: float = 0.1,
        seed: int = 0,
    ):
        super().__init__(num_train, num_val)
        check_count("num_features", num_features)
        check_nonnegative("noise", noise)
        check_count("seed", seed, minimum=0)
        self.save_hyperparameters()
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((num_train + num_val, 1))
        exponents = np.arange(max(num_features, len(coefficients)))
        # The factorials keep high powers, and so their gradients, from being huge.
        factorials = np.cumprod(np.maximum(exponents, 1), dtype=np.float64)
        powers = x**exponents / factorials
        y = powers[:, : len(coefficients)] @ np.reshape(coefficients, (-1, 1))
        self.X = self.as_tensor(powers[:, :num_features])
        self.y = self.as_tensor(y + noise * rng.standard_normal(x.shape))
