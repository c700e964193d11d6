"""Training (sections 3.2.4 and 3.4.4)."""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import optax
from flax import nnx
from jax import numpy as jnp

from d2l_common.arrays import to_numpy
from d2l_common.checks import nothing_to_train
from d2l_common.history import History
from d2l_common.loader import TensorLoader
from d2l_common.own_methods import OwnMethods
from d2l_common.trainer import TrainerBase
from d2l_jax import devices
from d2l_jax.classification import Classifier
from d2l_jax.compiled import Program
from d2l_jax.module import Module, computation_only
from d2l_jax.steps import (
    make_epoch,
    make_train_step,
    make_validation_step,
    read_state,
    strongly_typed,
)
from d2l_jax.tensors import to


class Trainer(TrainerBase):
    """
    Trains a model on the data of a data module (section 3.2.4).

    A step is a pure function of the model's state, compiled; over data that is in memory a whole
    epoch of them is one scan. Both are traced anew in each fit, so what the reader has redefined
    is what runs, and compiled only if they are new.

    Parameters
    ----------
    max_epochs : int
        How many times `fit` goes over the training data; 0 trains nothing.
    num_gpus : int
        With 1 or more, training runs on the first GPU, as in the book.
    gradient_clip_val : float
        The largest norm of the gradient (of all parameters together); 0 for no limit.

    Attributes
    ----------
    model : Module
    optim : nnx.Optimizer
    train_model, val_model : views of the model, in training mode and in evaluation mode
    epoch, train_batch_idx, val_batch_idx : int
        How far the fit has come.
    """

    def __init__(self, max_epochs: int, num_gpus: int = 0, gradient_clip_val: float = 0):
        super().__init__(max_epochs, num_gpus, gradient_clip_val)
        self.gpus = self.choose_gpus(devices) if num_gpus else []

    def prepare_model(self, model: Any) -> None:
        """Tie model and trainer together; move the model to the GPU if one is used."""
        model.trainer = self
        model.board.xlim = [0, max(1, self.max_epochs)]
        if self.gpus:
            nnx.update(model, jax.device_put(nnx.state(model), self.gpus[0]))
        self.model = model

    def prepare_batch(self, batch: Any) -> Any:
        """Return the minibatch as the model gets it: on the GPU if one is used."""
        return [to(x, self.gpus[0]) for x in batch] if self.gpus else batch

    def fit(self, model: Any, data: Any) -> History:
        """
        Train `model` on `data` for `max_epochs` epochs.

        Parameters
        ----------
        model : Module
        data : DataModule

        Returns
        -------
        History
            The training loss of each step; validation loss and accuracy of each epoch.

        Raises
        ------
        TypeError, ValueError
            If the data is empty or does not fit the model, before anything is trained.
        """
        self.prepare_data(data)
        self.prepare_model(model)
        self.check_data()
        if not jax.tree.leaves(nnx.state(model, nnx.Param)):
            raise nothing_to_train(model)
        self.optim = model.configure_optimizers()
        self._prepare_steps()
        history = self.run_epochs()
        model.eval()  # for predictions without dropout, as PyTorch's loop leaves it
        return history

    def _prepare_steps(self) -> None:
        """Make optimizer, views of the model, and the pure steps that will be compiled."""
        model = self.model
        if not isinstance(self.optim, nnx.Optimizer):
            tx = as_transformation(self.optim)
            if self.gradient_clip_val > 0:
                clip = optax.stateless(lambda g, _: self.clip_gradients(self.gradient_clip_val, g))
                tx = optax.chain(clip, tx)
            self.optim = nnx.Optimizer(model, tx, wrt=nnx.Param)
        self.train_model = computation_only(model, deterministic=False, use_running_average=False)
        self.val_model = computation_only(model, deterministic=True, use_running_average=True)
        self._train_step = make_train_step(self.train_model, self.optim.tx)
        self._val_step = make_validation_step(self.val_model)
        self._programs: dict[Any, Program] = {}
        self._prepared_for = self._surroundings()

    def _surroundings(self) -> dict[Any, Any]:
        """Return the plain attributes that a step may depend on, of model and trainer."""
        plain = int | float | str | tuple | list | dict
        found: dict[Any, Any] = {
            (path, name): repr(value)
            for path, module in nnx.iter_modules(self.model)
            for name, value in vars(module).items()
            if isinstance(value, plain) or inspect.isroutine(value)
        }
        found["trainer"] = id(self.optim), self.gradient_clip_val
        return found

    def fit_epoch(self) -> None:
        """Train for one epoch and validate."""
        if getattr(self, "_prepared_for", None) != self._surroundings():
            self._prepare_steps()  # the reader has changed something since the last epoch
        state = (*read_state(self.train_model), strongly_typed(self.optim.opt_state))
        params, rest, opt_state = self._run(self._train_step, state, self.train_dataloader, True)
        nnx.update(self.train_model, params, rest)  # which shares its variables with the model
        nnx.update(self.optim.opt_state, nnx.state(opt_state))
        self.optim.step[...] += self.num_train_batches
        if self.val_dataloader is not None:
            read = read_state(self.val_model)
            _, rest = self._run(self._val_step, read, self.val_dataloader, False)
            nnx.update(self.val_model, rest)

    def clip_gradients(self, grad_clip_val: float, grads: Any) -> Any:
        """
        Return gradients of norm at most `grad_clip_val` (section 9.5.3).

        Parameters
        ----------
        grad_clip_val : float
        grads : pytree of arrays

        Returns
        -------
        pytree of arrays
            `grads`, times `grad_clip_val / norm` if their norm, taken together, is larger.
        """
        norm = jnp.sqrt(jnp.stack([jnp.sum(grad**2) for grad in jax.tree.leaves(grads)]).sum())
        scale = jnp.where(norm > grad_clip_val, grad_clip_val / norm, 1)
        return jax.tree.map(lambda grad: grad * scale.astype(grad.dtype), grads)

    def probe(self, batch: Any) -> tuple[int, ...] | None:
        """Trace outputs and loss of a minibatch; return a classifier's output shape, or None."""
        graphdef, state = nnx.split(computation_only(self.model, deterministic=True))
        is_classifier = isinstance(self.model, Classifier)

        def forward(state: Any, *batch: Any) -> Any:
            model = nnx.merge(graphdef, state, copy=True)
            output = model(*batch[:-1])
            if not is_classifier:
                model.loss(output, batch[-1])
            return output

        output = jax.eval_shape(forward, state, *batch)
        return output.shape if is_classifier else None

    def as_tensor(self, x: Any) -> Any:
        """Return an array of any kind, also a PyTorch tensor, as an array of JAX."""
        return jnp.asarray(x if isinstance(x, jax.Array) else to_numpy(x))

    def _run(self, step: Callable[..., Any], state: Any, loader: Any, train: bool) -> Any:
        """Take `step` over the minibatches of `loader`, record its metrics, return the state."""
        at_once = self.own.prepares_nothing(self) and self.own.plots(self.model)
        if at_once and isinstance(loader, TensorLoader):
            key = step, loader.gather, loader.plan.batch_size
            if key not in self._programs:
                self._programs[key] = Program(make_epoch(*key))
            arrays = self.prepare_batch(loader.arrays)
            state, metrics = self._programs[key](state, arrays, loader.next_order())
            self.record_epoch(metrics, train, loader.plan.sizes)
            self.count_batches(len(loader), train)
            return state
        program = self._programs.setdefault(step, Program(step))
        for batch in loader:
            state, metrics = program(state, self.prepare_batch(batch))
            self.record_missing(metrics)
            self.count_batches(1, train)
        return state


Trainer.own = OwnMethods.of(Trainer, Module, Classifier)


def as_transformation(optimizer: Any) -> optax.GradientTransformation:
    """
    Return the optimizer that a model configured as an Optax transformation.

    Raises
    ------
    TypeError
        If it has no `init` and `update`.
    """
    if not (callable(getattr(optimizer, "init", None)) and hasattr(optimizer, "update")):
        raise TypeError(
            "configure_optimizers must return an Optax transformation, with init and update, "
            f"not {optimizer!r}"
        )
    extra = optax.with_extra_args_support(
        optax.GradientTransformation(optimizer.init, optimizer.update)
    )
    return optax.GradientTransformation(extra.init, extra.update)
