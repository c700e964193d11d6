"""The base class of models (section 3.2.2)."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from d2l_common.checks.models import learning_rate, missing_net, missing_trainer
from d2l_common.hyperparameters import HyperParameters
from d2l_common.plotting.board import ProgressBoard
from d2l_common.training.recording import check_plotted, plot_value


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
        TypeError, ValueError
            If `value` is something else.
        RuntimeError
            If no Trainer is training this model.
        """
        check_plotted(key, value)
        if self.trainer is None:
            raise missing_trainer()
        # A copy: a parameter's value would be another by the time that it is read.
        value = value.detach().clone() if isinstance(value, Tensor) else value
        plot_value(self, key, value, train)

    def training_step(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Return and plot the loss of a minibatch `(*inputs, targets)`."""
        l = self.loss(self(*batch[:-1]), batch[-1])
        self._plot_in_fit("loss", l, train=True)
        return l

    def validation_step(self, batch: tuple[Tensor, ...]) -> Any:
        """Return and plot the loss of a minibatch, or `(loss, accuracy)`."""
        l = self.loss(self(*batch[:-1]), batch[-1])
        self._plot_in_fit("loss", l, train=False)
        return l

    def _plot_in_fit(self, key: str, value: Any, train: bool) -> None:
        # The loops of the book's PyTorch edition leave plotting to the steps; those of its JAX
        # edition cannot. A step of a model that nobody trains plots nothing.
        trainer = self.trainer
        if trainer is None or getattr(trainer, "records_results", False):
            return
        if getattr(trainer, "fit_is_over", False):
            return
        if getattr(trainer, "takes_offers", False):
            value = value.detach() if isinstance(value, Tensor) else value
            trainer.offer(key, value, train)
        else:
            self.plot(key, value, train)

    def configure_optimizers(self) -> Any:
        """Return the optimizer: minibatch SGD at `self.lr`, unless overridden (section 4.3.1)."""
        return torch.optim.SGD(self.parameters(), lr=learning_rate(self))

    # -- tensors that require a gradient are parameters ----------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        """Assign, making a parameter of a tensor that a gradient is wanted for."""
        parameters = self.__dict__.get("_parameters", {})
        if parameters is not None and _is_trainable(value):
            make_parameter(value)
        elif name in parameters and type(value) is Tensor:
            del parameters[name]  # the book's plain tensors may be replaced by others
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
        """Make parameters of tensors in lists, and of those that a gradient is wanted for since."""
        for module in self.modules():  # PyTorch asks the outermost alone for names
            if isinstance(module, Module):
                _adopt(module)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy or a file keeps of a model: all but its trainer."""
        return {k: value for k, value in super().__getstate__().items() if k != "trainer"}


def _adopt(module: Module) -> None:
    for name, value in list(module.__dict__.items()):
        if _is_trainable(value):
            del module.__dict__[name]
            setattr(module, name, value)
        elif isinstance(value, list | tuple) and not name.startswith("_"):
            known = {id(param) for param in module._parameters.values()}
            for i, item in enumerate(value):
                if isinstance(item, nn.Module) and item not in set(module.modules()):
                    raise TypeError(
                        f"{name} is a {type(value).__name__} of layers, which PyTorch does not "
                        f"train: make it a torch.nn.ModuleList"
                    )
                if _is_trainable(item) or isinstance(item, nn.Parameter):
                    make_parameter(item)
                    if id(item) not in known:
                        module.register_parameter(f"{name}_{i}", item)


def make_parameter(tensor: Tensor) -> None:
    """Make `tensor` itself a parameter: lists and optimizers that hold it hold the parameter."""
    tensor.__class__ = nn.Parameter


def _is_trainable(value: Any) -> bool:
    # A tensor that was computed from others cannot be updated in place, so it is no parameter.
    is_plain = isinstance(value, Tensor) and not isinstance(value, nn.Parameter)
    return is_plain and value.requires_grad and value.is_leaf
