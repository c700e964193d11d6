"""Synthetic data sets (sections 3.3, 3.6 and 3.7)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from d2l_common.arrays import to_numpy
from d2l_common.checks.arguments import check_count, check_nonnegative
from d2l_common.data.loader import TensorLoader
from d2l_common.data.synthetic import (
    high_dimensional_regression,
    polynomial_regression,
    synthetic_regression,
)
from d2l_torch.data.module import DataModule
from d2l_torch.tensors import normal, randn


class RegressionData(DataModule):
    """Data of one table `X`, `y`, whose first `num_train` rows are to train on."""

    X: Tensor
    y: Tensor

    def get_dataloader(self, train: bool) -> TensorLoader:
        """Return the loader of the first `num_train` examples, or of the rest."""
        i = slice(0, self.num_train) if train else slice(self.num_train, None)
        return self.get_tensorloader((self.X, self.y), train, i)


class SyntheticRegressionData(RegressionData):
    """
    Data of a linear model with noise, `y = X w + b + noise` (section 3.3.1).

    Parameters
    ----------
    w : tensor of shape `(num_inputs,)`
    b : float or tensor of one element
    noise : float
        The standard deviation of the noise.
    num_train, num_val : int
        How many examples to train on and to validate on.
    batch_size : int
    seed : int
        Of the numbers and of the order of the examples; both backends draw the same.
    generator : torch.Generator
        Draws the numbers instead, with PyTorch.

    Attributes
    ----------
    X : tensor of shape `(num_train + num_val, num_inputs)`
    y : tensor of shape `(num_train + num_val, 1)`
    """

    def __init__(
        self, w, b, noise=0.01, num_train=1000, num_val=1000, batch_size=32, seed=0, generator=None
    ):
        super().__init__()
        check_count("num_train", num_train, minimum=0)
        check_count("num_val", num_val, minimum=0)
        check_nonnegative("noise", noise)
        self.save_hyperparameters(ignore=["generator"])
        n = num_train + num_val
        if generator is None:
            X, y = synthetic_regression(to_numpy(w), float(to_numpy(b).item()), noise, n, seed)
            self.X = torch.tensor(X, dtype=torch.get_default_dtype())
            self.y = torch.tensor(y, dtype=torch.get_default_dtype())
        else:
            w = torch.as_tensor(w).reshape(-1, 1)
            self.X = randn(n, len(w), generator=generator)
            self.y = self.X @ w + b + normal(0, noise, (n, 1), generator=generator)


class HighDimensionalData(RegressionData):
    """
    Few examples of many features: `y = 0.05 + sum(0.01 x) + noise` (section 3.7.2).

    Parameters
    ----------
    num_train, num_val, num_inputs, batch_size : int
    seed : int
        Of the numbers and of the order of the examples; both backends draw the same.

    Attributes
    ----------
    X : tensor of shape `(num_train + num_val, num_inputs)`
    y : tensor of shape `(num_train + num_val, 1)`

    Raises
    ------
    TypeError, ValueError
        If a number is negative, or `num_inputs` is no positive integer.
    """

    def __init__(
        self, num_train: int, num_val: int, num_inputs: int, batch_size: int, seed: int = 0
    ):
        super().__init__()
        check_count("num_train", num_train, minimum=0)
        check_count("num_val", num_val, minimum=0)
        self.save_hyperparameters()
        X, y = high_dimensional_regression(num_train + num_val, num_inputs, seed)
        self.X = torch.tensor(X, dtype=torch.get_default_dtype())
        self.y = torch.tensor(y, dtype=torch.get_default_dtype())


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
    X : tensor of shape `(num_train + num_val, num_features)`
    y : tensor of shape `(num_train + num_val, 1)`

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
        self.X = torch.tensor(X, dtype=torch.get_default_dtype())
        self.y = torch.tensor(y, dtype=torch.get_default_dtype())
