"""Data of a polynomial, to be fitted by polynomials of other degrees (section 3.6)."""

from collections.abc import Sequence

from jax import numpy as jnp

from d2l_common.checks import check_count
from d2l_common.data import polynomial_regression
from d2l_jax.data import RegressionData


class PolynomialData(RegressionData):
    """
    Values of a polynomial with noise; the features are `1, x, x^2 / 2!, ...` (section 3.6.1).

    Parameters
    ----------
    coefficients : numbers
        `c_0, c_1, ...` of the true polynomial `sum(c_i x^i / i!)`.
    num_features : int
        How many powers a model gets to see: fewer underfit, more may overfit.
    num_train, num_val, batch_size : int
    noise : float
        The standard deviation of the noise.
    seed : int
        Of the numbers and of the order of the examples; both backends draw the same.

    Attributes
    ----------
    X : array of shape `(num_train + num_val, num_features)`
    y : array of shape `(num_train + num_val, 1)`

    Raises
    ------
    TypeError, ValueError
        If a number is negative, or `num_features` is no positive integer.
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
        super().__init__()
        check_count("num_train", num_train, minimum=0)
        check_count("num_val", num_val, minimum=0)
        self.save_hyperparameters()
        X, y = polynomial_regression(coefficients, num_features, num_train + num_val, noise, seed)
        self.X = jnp.asarray(X, dtype=float)
        self.y = jnp.asarray(y, dtype=float)
