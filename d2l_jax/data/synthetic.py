"""Synthetic data sets (sections 3.3, 3.6 and 3.7)."""

import jax
from jax import numpy as jnp

from d2l_common.arrays import to_numpy
from d2l_common.checks.arguments import check_nonnegative
from d2l_common.data.synthetic import (
    HighDimensionalDataBase,
    PolynomialDataBase,
    RegressionDataBase,
    synthetic_regression,
)
from ..tensors import normal, randn
from .module import DataModule


class SyntheticRegressionData(RegressionDataBase, DataModule):
    """
    Data of a linear model with noise, `y = X w + b + noise` (section 3.3.1).

    Parameters
    ----------
    w : array of shape `(num_inputs,)`
    b : float or array of one element
    noise : float
        The standard deviation of the noise.
    num_train, num_val : int
        The number of examples for training and for validation.
    batch_size : int
    seed : int
        Determines the numbers and the order of the examples, the same on both backends.
    key : JAX random key
        If given, the framework draws the numbers from it instead.

    Attributes
    ----------
    X : array of shape `(num_train + num_val, num_inputs)`
    y : array of shape `(num_train + num_val, 1)`

    Raises
    ------
    TypeError, ValueError
        If `num_train`, `num_val`, `noise` or `seed` is negative.
    """

    def __init__(
        self, w, b, noise=0.01, num_train=1000, num_val=1000, batch_size=32, seed=0, key=None
    ):
        super().__init__(num_train, num_val)
        check_nonnegative("noise", noise)
        self.save_hyperparameters(ignore=["key"])
        n = num_train + num_val
        if key is None:
            X, y = synthetic_regression(to_numpy(w), float(to_numpy(b).item()), noise, n, seed)
            self.X, self.y = self.as_tensor(X), self.as_tensor(y)
        else:
            key_X, key_noise = jax.random.split(key)
            w = jnp.asarray(w).reshape(-1, 1)
            self.X = randn(n, len(w), key=key_X)
            self.y = self.X @ w + b + normal(0, noise, (n, 1), key=key_noise)


class HighDimensionalData(HighDimensionalDataBase, DataModule):  # noqa: D101
    __doc__ = HighDimensionalDataBase.__doc__


class PolynomialData(PolynomialDataBase, DataModule):  # noqa: D101
    __doc__ = PolynomialDataBase.__doc__
