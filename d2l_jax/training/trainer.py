"""Training (sections 3.2.4 and 3.4.4)."""

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import jax
from flax import nnx
from jax import numpy as jnp

from d2l_common.arrays import to_numpy
from d2l_common.checks.fits import check_fit_arguments
from d2l_common.checks.models import nothing_to_train
from d2l_common.data.loader import TensorLoader
from d2l_common.data.streaming import free_memory
from d2l_common.training.history import History
from d2l_common.training.own_methods import OwnMethods
from d2l_common.training.trainer import TrainerBase
from d2l_jax import devices
from d2l_jax.tensors import to
from d2l_jax.training.classifier import Classifier
from d2l_jax.training.compiled import Program, contents, differ
from d2l_jax.training.module import Module, computation_only
from d2l_jax.training.steps import (
    LiveState,
    as_transformation,
    make_epoch,
    make_train_step,
    make_validation_step,
    split,
    variables,
)


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
    compile : bool
        None or True compiles the steps. False runs them operation by operation, also what the
        model's own code has under `jax.jit`, so that `print` and a debugger show numbers.

    Attributes
    ----------
    model : Module
    optim : nnx.Optimizer
    train_model, val_model : views of the model, in training mode and in evaluation mode
    epoch, train_batch_idx, val_batch_idx : int
        How far the fit has come.
    """

    _modules: Sequence[Any] = ()
    _prepared_for: list[Any] | None = None

    def __init__(
        self,
        max_epochs: int,
        num_gpus: int = 0,
        gradient_clip_val: float = 0,
        compile: bool | None = None,
    ):
        super().__init__(max_epochs, num_gpus, gradient_clip_val, compile)
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

    def room_for_data(self) -> int:
        """
        Return how many bytes of the data module's arrays may stay on the device during a fit.

        Larger data stays on the host and is streamed: a chunk of minibatches is moved while the
        one before it is computed. The numbers are the same either way. By default there is room
        for half of the memory that is free on the device in use; redefine it for another bound.
        """
        [device] = self.gpus[:1] or jnp.zeros(()).devices()
        memory = device.memory_stats()
        if not memory:  # the CPU's is the machine's
            return free_memory() // 2
        return (memory["bytes_limit"] - memory["bytes_in_use"]) // 2

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
        TypeError, ValueError, AttributeError
            If the data is empty or does not fit the model, or the model lacks what training needs,
            before anything is trained; or if a step returns no loss.
        """
        check_fit_arguments(self, model, data)
        self.prepare_data(data)
        self.prepare_model(model)
        self.check_data()
        if not jax.tree.leaves(nnx.state(model, nnx.Param)):
            raise nothing_to_train(model)
        self.optim = model.configure_optimizers()
        with jax.disable_jit() if self.compile is False else nullcontext():
            self._prepare_steps()
            return self.run_epochs()

    def _prepare_steps(self) -> None:
        """Make optimizer, views of the model, and the pure steps that will be compiled."""
        model = self.model
        if not isinstance(self.optim, nnx.Optimizer):
            self.optim = nnx.Optimizer(model, as_transformation(self.optim), wrt=nnx.Param)
        wrt, limit = self.optim.wrt, self.gradient_clip_val
        clip = partial(self.clip_gradients, limit) if limit > 0 else None
        self.train_model = computation_only(model, deterministic=False, use_running_average=False)
        self.val_model = computation_only(model, deterministic=True, use_running_average=True)
        # Each step, and the state it is taken from; the views share their variables with the model.
        self._train = (
            make_train_step(self.train_model, self.optim.tx, wrt, clip),
            LiveState((*split(self.train_model, wrt)[1:], self.optim.opt_state)),
        )
        self._validation = (
            make_validation_step(self.val_model),
            LiveState(split(self.val_model)[1:]),
        )
        self._programs: dict[Any, Program] = {}
        self._modules = [module for _, module in nnx.iter_modules(model)]
        self._prepared_for = self._surroundings()

    def _surroundings(self) -> list[Any]:
        """Return what a step depends on, of model and trainer."""
        # A reader may set `optim` to a transformation, which has no state of its own.
        optim = self.optim
        clip = getattr(self.clip_gradients, "__func__", self.clip_gradients)
        return [
            *contents(self._modules),
            *(self.model, optim, getattr(optim, "tx", None)),
            *variables(getattr(optim, "opt_state", None))[0],
            *(repr(self.gradient_clip_val), clip),
        ]

    def _has_changed(self) -> bool:
        """Return whether model or trainer are others than when the steps were made."""
        return self._prepared_for is None or differ(self._prepared_for, self._surroundings())

    def fit_epoch(self) -> None:
        """Train for one epoch and validate."""
        if self.epoch == 0:
            self.model.eval()  # for predictions between epochs; its views have modes of their own
        if self._has_changed():
            self._prepare_steps()  # the reader has changed something since the last epoch
        train, val = self.train_dataloader, self.val_dataloader
        trained = self._run(train, True)
        validated = self._run(val, False) if val is not None else []
        # Only now wait for the device: reading a number does.
        self._record(trained, train, True)
        self._record(validated, val, False)

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

        if self.compile is False:
            output = forward(state, *batch)
        else:
            output = jax.eval_shape(forward, state, *batch)
        return output.shape if is_classifier else None

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy or a file keeps of a trainer: all but its compiled steps."""
        compiled = ("_train", "_validation", "_programs", "_modules", "_prepared_for")
        return {name: value for name, value in vars(self).items() if name not in compiled}

    def as_tensor(self, x: Any) -> Any:
        """Return an array of any kind, also a PyTorch tensor, as an array of JAX."""
        return jnp.asarray(x if isinstance(x, jax.Array) else to_numpy(x))

    def _run(self, loader: Any, train: bool) -> list[Any]:
        """Take steps over the minibatches of `loader`; return the metrics yet to be recorded."""
        parts: list[Any] = []
        at_once = self.own.prepares_nothing(self) and self.own.plots(self.model)
        if at_once and isinstance(loader, TensorLoader):
            for arrays, order in self.chunks(loader):
                number = -(-len(order) // loader.plan.batch_size)
                metrics = self._advance(train, number, loader, arrays, order)
                parts.append((metrics, number))
                jax.block_until_ready(parts[-2:-1])  # one is computed while the next is moved
        else:
            for batch in self.prepared(loader):
                if self._has_changed():
                    self._prepare_steps()  # by whoever made the minibatch
                metrics = self._advance(train, 1, None, batch)
                self.record_missing(metrics)
                self.count_batches(1, train)
        return parts

    def _advance(self, train: bool, number: int, loader: Any, *arguments: Any) -> Any:
        """
        Take `number` steps from what model and optimizer are now; return the metrics.

        Parameters
        ----------
        train : bool
        number : int
        loader : TensorLoader
            If given, `arguments` are arrays and an order of their rows; otherwise a minibatch.
        *arguments : pytrees of arrays
        """
        step, live = self._train if train else self._validation
        key = (step, loader.gather, loader.plan.batch_size) if loader is not None else (step,)
        if key not in self._programs:
            self._programs[key] = Program(make_epoch(*key) if loader is not None else step)
        state, metrics = self._programs[key](live.read(), *arguments)
        live.write(state)
        if train:
            self.optim.step.set_value(self.optim.step.get_value() + number)
        return metrics

    def _record(self, parts: list[Any], loader: Any, train: bool) -> None:
        """Record the metrics of the parts of an epoch, `(metrics, number of minibatches)` each."""
        first = 0
        for metrics, number in parts:
            self.record_epoch(metrics, train, loader.plan.sizes[first : first + number])
            self.count_batches(number, train)
            first += number


Trainer.own = OwnMethods.of(Trainer, Module, Classifier)
