"""The base class of models (section 3.2.2)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.utils import _pytree as pytree

from d2l_common.checks.axes import as_shape
from d2l_common.checks.fits import learning_rate
from d2l_common.checks.models import missing_loss, missing_net
from d2l_common.hyperparameters import HyperParameters
from d2l_common.plotting.board import ProgressBoard
from d2l_common.training.summary import format_summary, layers_of_net
from d2l_common.training.tape import check_plotted, plot_results, put_on_record
from ..nn.initialization import init_layers
from .overview import overview, sizes_of


class Module(nn.Module, HyperParameters):
    """
    The base class of models: parameters, loss, and how to train them (section 3.2.2).

    A tensor with `requires_grad` that is assigned to it, as in the book's models from scratch,
    becomes a parameter: read it back as `self.w`. Tensors in a plain list do not; use an
    `nn.ParameterList`.

    Parameters
    ----------
    plot_train_per_epoch, plot_valid_per_epoch : int
        Number of points of each curve on the board in an epoch.

    Attributes
    ----------
    board : ProgressBoard
    trainer : Trainer
        Set by `Trainer.fit`.
    """

    trainer: Any = None
    own_loops_leave_plotting_to_steps = True  # in the book
    lr: Any
    net: Any

    def __init__(self, plot_train_per_epoch: int = 2, plot_valid_per_epoch: int = 1):
        super().__init__()
        self.save_hyperparameters()
        self.board = ProgressBoard()

    def loss(self, y_hat: Tensor, y: Tensor) -> Tensor:
        """Return the loss, a tensor of shape `()`, of predictions against targets."""
        raise missing_loss(self)

    def forward(self, X: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Return the predictions of `self.net` for a minibatch `X`."""
        if not hasattr(self, "net"):
            raise missing_net(self)
        return self.net(X, *args, **kwargs)

    def plot(self, key: str, value: Any, train: bool) -> None:
        """
        Record a number for the running step, for the board and the history.

        Parameters
        ----------
        key : str
            Its name, such as `'loss'`.
        value : number or tensor of one element
        train : bool
            Whether it comes from a training step or from a validation step.

        Raises
        ------
        TypeError, ValueError
            If `key` is not a string, or `value` is not one real number.
        RuntimeError
            If no Trainer is training this model.
        """
        check_plotted(key, value)
        put_on_record(self, key, as_scalar(value), train)

    def training_step(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Return and plot the loss of a minibatch `(*inputs, targets)`."""
        l = self.loss(self(*batch[:-1]), batch[-1])
        plot_results(self, True, loss=l)
        return l

    def validation_step(self, batch: tuple[Tensor, ...]) -> Any:
        """Return and plot the loss of a minibatch, or `(loss, accuracy)`."""
        l = self.loss(self(*batch[:-1]), batch[-1])
        plot_results(self, False, loss=l)
        return l

    def configure_optimizers(self) -> Any:
        """Return the optimizer: minibatch SGD at `self.lr`, unless overridden (section 4.3.1)."""
        return torch.optim.SGD(self.parameters(), lr=learning_rate(self))

    def apply_init(self, inputs: Sequence[Any], init: Callable[[Any], None] | None = None) -> None:
        """
        Give layers without a shape that of a minibatch, and the layers new weights (section 7.6.1).

        Parameters
        ----------
        inputs : sequence of tensors
            The arguments of `forward`, which runs in evaluation mode.
        init : callable
            `init(layer)` is called for each layer; no weights are drawn if not given.
        """
        with torch.no_grad(), trial(self):
            self(*inputs)
        if init is not None:
            init_layers(self, init)

    def layer_summary(self, X_shape: Sequence[int]) -> None:
        """
        Print a table of the layers of `self.net`: output shapes and parameters (section 7.6.1).

        Parameters
        ----------
        X_shape : sequence of int
            The shape of the inputs, such as `(1, 1, 28, 28)`.

        Raises
        ------
        TypeError
            If `self.net` is not an nn.Sequential.
        """
        X = torch.zeros(as_shape((X_shape,)))
        rows = []
        with torch.no_grad(), trial(self):
            for layer in layers_of_net(self, nn.Sequential):
                X = layer(X)
                rows.append((type(layer).__name__, X.shape, sizes_of(layer)))
        print(format_summary(rows))

    def __repr__(self) -> str:
        """Return a table of the layers and their parameters."""
        return overview(self)

    def __setattr__(self, name: str, value: Any) -> None:
        """Assign; a tensor that requires a gradient becomes a parameter, as a layer's are."""
        if is_trainable(value):
            value = nn.Parameter(value)
        elif name in self.__dict__.get("_parameters", ()) and type(value) is Tensor:
            del self._parameters[name]  # a plain tensor takes the parameter's place
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes that a copy or a file keeps: all except the trainer."""
        return {k: value for k, value in super().__getstate__().items() if k != "trainer"}


def as_scalar(value: Any) -> Any:
    """Return a number as it is, or a tensor as a detached copy."""
    # A copy: a parameter's value would have changed by the time that it is read.
    return value.detach().clone() if isinstance(value, Tensor) else value


@contextmanager
def trial(model: Any) -> Iterator[Any]:
    """Return a context in which `model` predicts; at its end, only lazy layers have changed."""
    was_training, before = model.training, []
    for module in model.modules():
        if not isinstance(module, LazyModuleMixin):
            before.append((vars(module), dict(vars(module))))
            copy = lambda x: x.detach().clone() if type(x) is Tensor else x  # noqa: E731
            vars(module).update(pytree.tree_map(copy, vars(module)))
    model.eval()
    try:
        yield model
    finally:
        model.train(was_training)
        for attributes, values in before:
            attributes.clear()
            attributes.update(values)


def is_trainable(value: Any) -> bool:
    """Return whether `value` is a plain tensor that requires a gradient and can be updated."""
    is_plain = isinstance(value, Tensor) and not isinstance(value, nn.Parameter)
    return is_plain and value.requires_grad and value.is_leaf


def check_registered(model: nn.Module) -> None:
    """
    Raise a TypeError if a model holds layers or tensors that PyTorch would not train.

    These are layers and tensors with `requires_grad` in a plain list or tuple, and tensors whose
    `requires_grad` was set after they were assigned.
    """
    modules, params = set(model.modules()), {id(param) for param in model.parameters()}
    for module in modules:
        for name, value in vars(module).items():
            items = value if isinstance(value, list | tuple) and name[0] != "_" else [value]
            for item in items:
                if isinstance(item, nn.Module) and item not in modules:
                    raise TypeError(
                        f"{name} is a {type(value).__name__} of layers, which PyTorch does not "
                        "train; make it an nn.ModuleList"
                    )
                if isinstance(item, Tensor) and item.requires_grad and item.is_leaf:
                    if id(item) not in params:
                        raise TypeError(
                            f"{name} requires a gradient, but PyTorch would not train it; assign "
                            "it after requires_grad_(), or make a list an nn.ParameterList"
                        )
