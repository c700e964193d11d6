"""Dropout, from scratch and concise (section 5.6)."""

from typing import Any

from flax import nnx
from jax import Array

from d2l_common.checks.arguments import check_nonnegative, check_probability
from ..functional import relu
from ..nn.dropout import dropout_layer
from ..nn.linear import flatten, linear
from ..random import default_rngs
from ..tensors import reshape
from ..training.classifier import Classifier


class DropoutMLPScratch(Classifier):
    """
    Perceptron of two hidden layers with dropout after each, from scratch (section 5.6.2).

    Parameters
    ----------
    num_outputs, num_hiddens_1, num_hiddens_2 : int
        The number of classes and the widths of the hidden layers.
    dropout_1, dropout_2 : float
        The probabilities that an output of a hidden layer is dropped.
    lr : float
        The learning rate.
    num_inputs : int
        Pixels of an image over all channels; None to infer it from the first minibatch.
    rngs : nnx.Rngs
        Draws initial weights and masks; `get_key()` if not given.

    Raises
    ------
    TypeError, ValueError
        If `lr` is negative, a number of units is not a positive integer, or `dropout_1` or
        `dropout_2` is not in [0, 1].
    """

    def __init__(
        self,
        num_outputs: int,
        num_hiddens_1: int,
        num_hiddens_2: int,
        dropout_1: float,
        dropout_2: float,
        lr: float,
        num_inputs: int | None = None,
        rngs: Any = None,
    ):
        super().__init__()
        check_probability("dropout_1", dropout_1)
        check_probability("dropout_2", dropout_2)
        check_nonnegative("lr", lr)
        rngs = default_rngs(rngs)
        self.save_hyperparameters()
        self.deterministic = False
        self.lin1 = linear(num_inputs, num_hiddens_1, rngs=rngs)
        self.lin2 = linear(num_hiddens_1, num_hiddens_2, rngs=rngs)
        self.lin3 = linear(num_hiddens_2, num_outputs, rngs=rngs)

    def set_view(self, deterministic: bool | None = None) -> None:
        """Switch to evaluation mode, or back to training mode."""
        if deterministic is not None:
            self.deterministic = deterministic

    def forward(self, X: Array) -> Array:
        """Return the logits `(n, num_outputs)` of images `(n, ...)`."""
        H1 = relu(self.lin1(reshape(X, (len(X), -1))))
        if not self.deterministic:
            H1 = self.drop(H1, self.dropout_1)
        H2 = relu(self.lin2(H1))
        if not self.deterministic:
            H2 = self.drop(H2, self.dropout_2)
        return self.lin3(H2)

    def drop(self, H: Array, dropout: float) -> Array:
        """Return the outputs `H` of a hidden layer, each dropped with probability `dropout`."""
        return dropout_layer(H, dropout, key=self.rngs.dropout())


class DropoutMLP(Classifier):
    """
    Perceptron of two hidden layers with dropout after each, concise (section 5.6.3).

    Parameters and errors are those of `DropoutMLPScratch`.
    """

    def __init__(
        self,
        num_outputs: int,
        num_hiddens_1: int,
        num_hiddens_2: int,
        dropout_1: float,
        dropout_2: float,
        lr: float,
        num_inputs: int | None = None,
        rngs: Any = None,
    ):
        super().__init__()
        check_probability("dropout_1", dropout_1)
        check_probability("dropout_2", dropout_2)
        check_nonnegative("lr", lr)
        self.save_hyperparameters(ignore=["rngs"])
        rngs = default_rngs(rngs)
        self.net = nnx.Sequential(
            flatten,
            linear(num_inputs, num_hiddens_1, rngs=rngs),
            nnx.relu,
            nnx.Dropout(dropout_1, rngs=rngs),
            linear(num_hiddens_1, num_hiddens_2, rngs=rngs),
            nnx.relu,
            nnx.Dropout(dropout_2, rngs=rngs),
            linear(num_hiddens_2, num_outputs, rngs=rngs),
        )
