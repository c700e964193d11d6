"""The base class of models (section 3.2.2)."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from d2l_common.board import ProgressBoard
from d2l_common.checks import check_nonnegative, missing_net, missing_trainer
from d2l_common.hyperparameters import HyperParameters


class Module(nn.Module, HyperParameters):
    """
    A model: its parameters, its loss, and how to train it (section 3.2.2).

    Tensors with `requires_grad` that are assigned to it, as the book's models from scratch do,
    become parameters: `parameters()`, `state_dict()`, `double()`, `to()` and a Trainer's clipping
    see them.

    Parameters
    ----------
    plot_train_per_epoch, plot_valid_per_epoch : int
        How many points of each curve the board shows an epoch.

    Attributes
    ----------
    board : ProgressBoard
    trainer : Trainer
        Set by `Trainer.fit`.
    """

    trainer: Any = None
    lr: Any
    net: Any

    def __init__(self, plot_train_per_epoch: int = 2, plot_valid_per_epoch: int = 1):
        super().__init__()
        self.save_hyperparameters()
        self.board = ProgressBoard()

    def loss(self, y_hat: Tensor, y: Tensor) -> Tensor:
        """Return the loss, a tensor of shape `()`, of predictions against targets."""
        raise NotImplementedError

    def forward(self, X: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Return the predictions of `self.net` for a minibatch `X`."""
        if not hasattr(self, "net"):
            raise missing_net(self)
        return self.net(X, *args, **kwargs)

    def plot(self, key: str, value: Any, train: bool) -> None:
        """
        Record a number for the step under way, for the board and the history.

        Parameters
        ----------
        key : str
            What it is, such as `'loss'`.
        value : number or tensor of one element
        train : bool
            Whether it comes from a training step or from a validation step.

        Raises
        ------
        RuntimeError
            If no Trainer is training this model.
        """
        if self.trainer is None:
            raise missing_trainer()
        value = value.detach() if isinstance(value, Tensor) else value
        self.trainer.record(key, value, train)

    def training_step(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Return the loss of a minibatch `(*inputs, targets)`; the Trainer records it."""
        return self.loss(self(*batch[:-1]), batch[-1])

    def validation_step(self, batch: tuple[Tensor, ...]) -> Any:
        """Return the loss of a minibatch, or `(loss, accuracy)`; the Trainer records it."""
        return self.loss(self(*batch[:-1]), batch[-1])

    def configure_optimizers(self) -> Any:
        """Return the optimizer: minibatch SGD at `self.lr`, unless overridden (section 4.3.1)."""
        return torch.optim.SGD(self.parameters(), lr=check_nonnegative("lr", self.lr))

    # -- tensors that require a gradient are parameters ----------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        """Assign, making a parameter of a tensor that a gradient is wanted for."""
        if _is_trainable(value) and "_parameters" in self.__dict__:
            value = nn.Parameter(value)
        super().__setattr__(name, value)

    def named_parameters(self, *args: Any, **kwargs: Any) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield names and parameters, as `torch.nn.Module` does."""
        self._adopt_tensors()
        return super().named_parameters(*args, **kwargs)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Return the parameters and buffers by name, as `torch.nn.Module` does."""
        self._adopt_tensors()
        return super().state_dict(*args, **kwargs)

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        self._adopt_tensors()
        return super()._apply(fn, recurse)

    def _adopt_tensors(self) -> None:
        """Make parameters of tensors whose `requires_grad` was set after they were assigned."""
        for name in [name for name, value in self.__dict__.items() if _is_trainable(value)]:
            setattr(self, name, self.__dict__.pop(name))


def _is_trainable(value: Any) -> bool:
    # A tensor that was computed from others cannot be updated in place, so it is no parameter.
    is_plain = isinstance(value, Tensor) and not isinstance(value, nn.Parameter)
    return is_plain and value.requires_grad and value.is_leaf
