"""The base class of models (section 3.2.2)."""

import copyreg
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
import optax
from flax import nnx
from jax import Array
from jax import numpy as jnp

from d2l_common.checks.axes import as_shape
from d2l_common.checks.fits import learning_rate
from d2l_common.checks.models import missing_loss, missing_net
from d2l_common.hyperparameters import HyperParameters
from d2l_common.plotting.board import ProgressBoard
from d2l_common.training.summary import format_summary, layers_of_net
from d2l_common.training.tape import check_plotted, in_step, plot_results, put_on_record
from ..nn import cpu_convolution
from ..nn.initialization import init_layers
from ..nn.lazy import learn_shapes
from .overview import layer_name, overview, sizes_of


class Module(nnx.Module, HyperParameters):
    """
    The base class of models: parameters, loss, and how to train them (section 3.2.2).

    Its parameters are those of type `nnx.Param` that are assigned to it, or to its layers.

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
    own_loops_leave_plotting_to_steps = False  # in the book
    lr: Any
    net: Any

    def __init__(self, plot_train_per_epoch: int = 2, plot_valid_per_epoch: int = 1):
        super().__init__()
        self.save_hyperparameters()
        self.board = ProgressBoard()

    def loss(self, y_hat: Array, y: Array) -> Array:
        """Return the loss, an array of shape `()`, of predictions against targets."""
        raise missing_loss(self)

    def forward(self, X: Array, *args: Any, **kwargs: Any) -> Array:
        """Return the predictions of `self.net` for a minibatch `X`."""
        if not hasattr(self, "net"):
            raise missing_net(self)
        return self.net(X, *args, **kwargs)

    def __call__(self, X: Array, *args: Any, **kwargs: Any) -> Array:
        """Return `forward(X)`."""
        return self.forward(X, *args, **kwargs)

    def plot(self, key: str, value: Any, train: bool) -> None:
        """
        Record a number for the running step, for the board and the history.

        Parameters
        ----------
        key : str
            Its name, such as `'loss'`.
        value : number or array of one element
        train : bool
            Whether it comes from a training step or from a validation step.

        Raises
        ------
        TypeError, ValueError
            If `key` is not a string, or `value` is not one real number.
        RuntimeError
            If no Trainer is training this model, or if `value` is not known yet because the call
            stands in a function that the reader compiles.

        Notes
        -----
        A compiled step keeps numbers in JAX's default type, float32 unless x64 is enabled.
        """
        check_plotted(key, value)
        if isinstance(value, jax.core.Tracer) and not in_step():
            raise RuntimeError(
                "plot() has no value to record inside a function under jax.jit; "
                "return the value and plot it outside"
            )
        put_on_record(self, key, as_scalar(value), train)

    def training_step(self, batch: tuple[Array, ...]) -> Array:
        """Return and plot the loss of a minibatch `(*inputs, targets)`."""
        l = self.loss(self(*batch[:-1]), batch[-1])
        plot_results(self, True, loss=l)
        return l

    def validation_step(self, batch: tuple[Array, ...]) -> Any:
        """Return and plot the loss of a minibatch, or `(loss, accuracy)`."""
        l = self.loss(self(*batch[:-1]), batch[-1])
        plot_results(self, False, loss=l)
        return l

    def configure_optimizers(self) -> Any:
        """Return the optimizer: minibatch SGD at `self.lr`, unless overridden (section 4.3.1)."""
        # In the optimizer's state, so that changing the learning rate compiles nothing.
        return optax.inject_hyperparams(optax.sgd)(learning_rate(self))

    def apply_init(self, inputs: Sequence[Any], init: Callable[[Any], None] | None = None) -> None:
        """
        Give layers without a shape that of a minibatch, and the layers new weights (section 7.6.1).

        Parameters
        ----------
        inputs : sequence of arrays
            The arguments of `forward`; nothing is computed.
        init : callable
            `init(layer)` is called for each layer; no weights are drawn if not given.
        """
        learn_shapes(self, *inputs)
        if init is not None:
            init_layers(self, init)

    def layer_summary(self, X_shape: Sequence[int]) -> None:
        """
        Print a table of the layers of `self.net`: output shapes and parameters (section 7.6.1).

        Parameters
        ----------
        X_shape : sequence of int
            The shape of the inputs, such as `(1, 28, 28, 1)`.

        Raises
        ------
        TypeError
            If `self.net` is not an nnx.Sequential.
        """
        X = jax.ShapeDtypeStruct(as_shape((X_shape,)), float)
        learn_shapes(self, X)
        rows = []
        for layer in layers_of_net(self, nnx.Sequential):
            X = jax.eval_shape(partial(apply_copy, layer), X)
            rows.append((layer_name(layer), X.shape, sizes_of(layer)))
        print(format_summary(rows))

    def __repr__(self) -> str:
        """Return a table of the layers and their parameters."""
        return overview(self)

    __str__ = __repr__  # NNX has one of its own

    def __deepcopy__(self, memo: Any = None) -> Any:
        """Return a copy of the model, without its trainer."""
        trainer, self.trainer = self.trainer, None
        try:
            return super().__deepcopy__(memo)
        finally:
            self.trainer = trainer

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes that a copy or a file keeps: all except the trainer."""
        return {name: value for name, value in vars(self).items() if name != "trainer"}


def as_scalar(value: Any) -> Array:
    """Return a number, or an array of one element, as an array of shape `()`."""
    if not isinstance(value, Array | nnx.Variable):
        value = float(np.reshape(value, ()))  # JAX would truncate large integers silently
    return jnp.reshape(jnp.asarray(value), ())


class OutsideSteps:
    """Stand-in for the board and the trainer inside a compiled step; any use raises."""

    def __getattr__(self, name: str) -> Any:
        """Raise an AttributeError that explains why the attribute is unavailable."""
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"board and trainer (here its {name!r}) are not available inside a compiled step; "
            "set what the step needs as an attribute of the model, before or between epochs"
        )


OUTSIDE_STEPS = OutsideSteps()


def to_compute_with(model: Any) -> Any:
    """
    Return `model`, a copy or a view of the reader's, without its boards and trainers.

    Its convolutions take the forms for a CPU.
    """
    cpu_convolution.use_in(model)
    for _, module in nnx.iter_modules(model):
        if isinstance(module, Module):
            module.board = module.trainer = OUTSIDE_STEPS  # type: ignore[assignment]
    return model


def apply_copy(layer: Any, X: Array) -> Array:
    """Return the output of a layer or function in evaluation mode; leave the layer as it is."""
    if isinstance(layer, nnx.Module):
        layer = nnx.merge(*nnx.split(layer), copy=True)
        layer.eval()
    return layer(X)


def view(model: Any, **mode: bool) -> Any:
    """Return a view of `model` in a mode; it shares the model's variables."""
    return to_compute_with(nnx.view(model, raise_if_not_found=False, **mode))


def global_name(function: Any) -> str:
    """Return the name under which pickle finds a function: `nnx.relu`."""
    return function.__qualname__


# Models hold nnx.relu and nnx.sigmoid. Pickle would take these apart and fail on what is inside.
for kind in (jax.custom_jvp, jax.custom_vjp, type(jax.jit(global_name))):
    copyreg.pickle(kind, global_name)
