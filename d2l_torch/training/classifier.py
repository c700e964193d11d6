"""The base class of classification models (section 4.3)."""

from typing import Any

from torch import Tensor

from d2l_common.checks.classification import check_label_axes
from d2l_common.overriding import any_parameters
from d2l_common.training.tape import plot_results
from .. import functional
from ..conversion import as_tensor
from .module import Module


class Classifier(Module):
    """
    The base class of classification models (section 4.3.1).

    Its outputs `(n, num_classes)` are logits, unless a subclass defines another `loss`.
    """

    def validation_step(self, batch: tuple[Tensor, ...]) -> Any:
        """Return and plot the loss and the accuracy of a minibatch."""
        Y_hat = self(*batch[:-1])
        loss, accuracy = self.loss(Y_hat, batch[-1]), self.accuracy(Y_hat, batch[-1])
        plot_results(self, False, loss=loss, acc=accuracy)
        return loss, accuracy

    def accuracy(self, Y_hat: Tensor, Y: Tensor, averaged: bool = True) -> Tensor:
        """
        Return the share of correct predictions, or 1 or 0 for each example (section 4.3.2).

        `Y_hat` `(..., num_classes)` holds scores and `Y` `(...)` labels. Result, types and errors
        are those of `d2l.accuracy` on `n` rows.
        """
        return functional.accuracy(*as_rows(Y_hat, Y), averaged)

    @any_parameters
    def loss(self, Y_hat: Tensor, Y: Tensor, averaged: bool = True) -> Tensor:
        """
        Return the cross-entropy of logits, on average or for each example (section 4.5.2).

        `Y_hat` `(..., num_classes)` holds logits and `Y` `(...)` labels. Result, types and errors
        are those of `d2l.softmax_cross_entropy` on `n` rows.
        """
        return functional.softmax_cross_entropy(*as_rows(Y_hat, Y), averaged)


def as_rows(Y_hat: Tensor, Y: Tensor) -> tuple[Tensor, Tensor]:
    """Return scores `(..., num_classes)` as `(n, num_classes)` and labels `(...)` as `(n,)`."""
    Y_hat, Y = as_tensor(Y_hat, "Y_hat"), as_tensor(Y, "Y")
    check_label_axes(Y_hat.shape, Y.shape)
    if Y_hat.ndim != 2:
        Y_hat, Y = Y_hat.reshape(-1, Y_hat.shape[-1]), Y.reshape(-1)
    return Y_hat, Y
