"""The base class of models (section 3.2.2)."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import jax
import numpy as np
import optax
from flax import nnx
from jax import Array
from jax import numpy as jnp

from d2l_common.checks.models import learning_rate, missing_net, missing_trainer
from d2l_common.hyperparameters import HyperParameters
from d2l_common.plotting.board import ProgressBoard
from d2l_common.training.recording import check_plotted, plot_label, plot_value

# While a step is traced, its plotted values are outputs of the step, collected here.
_tape: ContextVar[dict[str, Any] | None] = ContextVar("tape", default=None)


class Module(nnx.Module, HyperParameters):
    """
    A model: its parameters, its loss, and how to train it (section 3.2.2).

    Its parameters are the `nnx.Param`s that are assigned to it, or to its layers.

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

    def loss(self, y_hat: Array, y: Array) -> Array:
        """Return the loss, an array of shape `()`, of predictions against targets."""
        raise NotImplementedError

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
        Record a number for the step under way, for the board and the history.

        Parameters
        ----------
        key : str
            What it is, such as `'loss'`.
        value : number or array of one element
        train : bool
            Whether it comes from a training step or from a validation step.

        Raises
        ------
        TypeError, ValueError
            If `value` is something else.
        RuntimeError
            If no Trainer is training this model, or if `value` has none yet because the call
            stands in a function that the reader compiles.

        Notes
        -----
        A compiled step keeps numbers in JAX's default type, float32 unless x64 is enabled.
        """
        check_plotted(key, value)
        tape = _tape.get()
        if tape is not None:
            # Any other number by way of a float: JAX cuts large integers off without a word.
            known = not isinstance(value, Array | nnx.Variable)
            value = float(np.reshape(value, ())) if known else value
            tape[plot_label(key, train)] = jnp.reshape(value, ())
            return
        if isinstance(value, jax.core.Tracer):
            raise RuntimeError(
                "plot() has no value to record inside a function under jax.jit; "
                "return the value and plot it outside"
            )
        if self.trainer is None:
            raise missing_trainer()
        plot_value(self, key, value, train)

    def training_step(self, batch: tuple[Array, ...]) -> Array:
        """Return the loss of a minibatch `(*inputs, targets)`; the Trainer records it."""
        return self.loss(self(*batch[:-1]), batch[-1])

    def validation_step(self, batch: tuple[Array, ...]) -> Any:
        """Return the loss of a minibatch, or `(loss, accuracy)`; the Trainer records it."""
        return self.loss(self(*batch[:-1]), batch[-1])

    def configure_optimizers(self) -> Any:
        """Return the optimizer: minibatch SGD at `self.lr`, unless overridden (section 4.3.1)."""
        # In the optimizer's state, so that another learning rate is not another program.
        return optax.inject_hyperparams(optax.sgd)(learning_rate(self))

    def __deepcopy__(self, memo: Any = None) -> Any:
        """Return a copy of the model, without its trainer."""
        trainer, self.trainer = self.trainer, None
        try:
            return super().__deepcopy__(memo)
        finally:
            self.trainer = trainer

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy or a file keeps of a model: all but its trainer."""
        return {name: value for name, value in vars(self).items() if name != "trainer"}


class OutsideSteps:
    """Stands for what a compiled step cannot see, and says so."""

    def __getattr__(self, name: str) -> Any:
        """Explain."""
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"board and trainer (here its {name!r}) are not there inside a compiled step: "
            "set what the step needs as an attribute of the model, before or between epochs"
        )


OUTSIDE_STEPS = OutsideSteps()


@contextmanager
def taping() -> Iterator[dict[str, Any]]:
    """Collect what is plotted within this context, as `{label: value}`."""
    tape: dict[str, Any] = {}
    token = _tape.set(tape)
    try:
        yield tape
    finally:
        _tape.reset(token)


def computation_only(model: Any, **mode: bool) -> Any:
    """
    Return a view of `model` in a mode, without what is not computation.

    The view shares the model's variables. Board and trainer stay off it: NNX counts plain
    attributes as part of the program, so with them each model would be a program of its own.
    """
    view = nnx.view(model, raise_if_not_found=False, **mode)
    for _, module in nnx.iter_modules(view):
        if isinstance(module, Module):
            for name in ("board", "trainer"):
                setattr(module, name, OUTSIDE_STEPS)
    return view
