"""The base class of models (section 3.2.2)."""

import copyreg
from typing import Any

import jax
import numpy as np
import optax
from flax import nnx
from jax import Array
from jax import numpy as jnp

from d2l_common.checks.fits import learning_rate, missing_net
from d2l_common.hyperparameters import HyperParameters
from d2l_common.plotting.board import ProgressBoard
from d2l_common.training.tape import check_plotted, in_step, plot_label, plot_results, put_on_record


class Module(nnx.Module, HyperParameters):
    """
    The base class of models: parameters, loss, and how to train them (section 3.2.2).

    Its parameters are the `nnx.Param`s that are assigned to it, or to its layers.

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
        raise NotImplementedError(f"{type(self).__name__} has no loss: define loss(y_hat, y)")

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
        put_on_record(self, plot_label(key, train), as_scalar(value))

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


def computation_only(model: Any) -> Any:
    """Return `model`, a copy or a view of the reader's, without its boards and trainers."""
    for _, module in nnx.iter_modules(model):
        if isinstance(module, Module):
            module.board = module.trainer = OUTSIDE_STEPS  # type: ignore[assignment]
    return model


def view(model: Any, **mode: bool) -> Any:
    """Return a view of `model` in a mode; it shares the model's variables."""
    return computation_only(nnx.view(model, raise_if_not_found=False, **mode))


def global_name(function: Any) -> str:
    """Return the name under which pickle finds a function with its own gradient: `nnx.relu`."""
    return function.__qualname__


# Layers hold such functions. Pickle would take them apart and fail on a function inside.
copyreg.pickle(jax.custom_jvp, global_name)
copyreg.pickle(jax.custom_vjp, global_name)
