"""Training (sections 3.2.4 and 3.4.4)."""

from contextlib import closing
from typing import Any

import jax
from flax import nnx
from jax import Array
from jax import numpy as jnp

from d2l_common.checks.fits import check_fit_arguments, nothing_learned
from d2l_common.data.loader import TensorLoader
from d2l_common.training.history import History
from d2l_common.training.interrupts import between_steps, held, interruptible
from d2l_common.training.tape import StepRecord
from d2l_common.training.trainer import TrainerBase
from d2l_common.training.trial import check_data
from .. import devices
from ..data.loader import Loader
from ..units import dotted
from ..variables import move_variables, raw_value
from . import parallel
from .checkpoints import BACKEND
from .checks import check_epoch, check_precision, give_shapes, recheck, try_out
from .classifier import Classifier
from .compilation import compilation_cache
from .ema import average_of
from .module import Module, view
from .optimizer_state import OptimizerAsArrays
from .optimizers import learning_rates, make_optimizer, set_learning_rates, updated
from .state import State
from .steps import CompiledSteps


class Trainer(OptimizerAsArrays, TrainerBase):
    """
    Trains a model on the data of a data module (section 3.2.4).

    A step is a pure function of a state, compiled; a pass is a scan over minibatches.
    An array that a step sets on the model is there after the epoch.

    Inside the step (in JAX traced, once a fit): `prepare_batch`, `training_step`,
    `validation_step`, `forward`, `loss`, `accuracy`, `plot`, `clip_gradients`. What you redefine
    counts from the next fit; what you change outside the step counts from the next epoch; what
    changes at every step lives in the optimizer's state or, in JAX, in an `nnx.Variable`.

    Parameters
    ----------
    max_epochs : int
        Number of passes over the training data; 0 trains nothing.
    num_gpus : int
        The number of GPUs to use, as in the book; 0 for the CPU.
    gradient_clip_val : float
        Largest norm of the gradient of all parameters together; 0 for no limit.
    compile : bool, optional
        None or True compiles the steps. False runs them operation by operation, also what the
        model itself has under `jax.jit`, so that `print` and a debugger show numbers.
    schedule : callable, optional
        Sets the learning rate at the start of each epoch: from `(epoch, max_epochs, base_lr)`, such
        as `d2l.cosine_warmup`, with the optimizer's own rate at the start of the fit for `base_lr`.
    ema_decay : float, optional
        In [0, 1]: average the parameters after each step with this decay, for `ema`.
    on_nonfinite : str
        What happens at the end of an epoch whose loss became infinite or NaN: "warn" explains it
        once a fit, "raise" raises a FloatingPointError instead, "ignore" goes on without a word.
    checkpoint : path of a folder, optional
        Where to write a checkpoint after every `every` epochs and after the last one; the last
        `keep` are kept. `fit(..., resume=True)` goes on from the last good one.
    every, keep : int
    progress : bool, optional
        Whether to show progress on standard error: a bar in a terminal, else a line an epoch.
        None shows the bar in a terminal, and nothing elsewhere.
    num_devices : int, optional
        Devices of any kind, in place of `num_gpus`. With more than one, each holds a copy of the
        weights and computes a part of every minibatch; the numbers are those of one device, up to
        rounding. Several processes (`jax.distributed.initialize`) use all devices of all of them.

    Attributes
    ----------
    model : Module
    optim : nnx.Optimizer
    train_model, val_model : views of the model, in training mode and in evaluation mode
    epoch, train_batch_idx, val_batch_idx : int
        Position within the fit.
    ema : EMA
        The averages that `ema_decay` asks for, there from the start of the fit.
    history : History
        The record of the running or last fit.
    """

    devices = devices
    checkpoint_backend = BACKEND
    module_class, classifier_class = Module, Classifier
    as_tensor, move = staticmethod(Loader.as_tensor), staticmethod(parallel.put)
    learning_rates = staticmethod(learning_rates)
    set_learning_rates = staticmethod(set_learning_rates)
    average_of = staticmethod(average_of)
    agreed, rank = staticmethod(parallel.agreed), property(lambda self: parallel.rank())
    try_out = try_out
    _compiled: Any = None

    @property
    def place(self) -> Any:
        """The placement of the arrays of a step; None leaves them as they are."""
        return parallel.training_place(self)

    def prepare_model(self, model: Any) -> None:
        """Tie model and trainer together; move the model to the GPU if one is used."""
        check_precision(model)
        model.trainer = self
        model.board.xlim = [0, max(1, self.max_epochs)]
        move_variables(model, self.gpus)
        model.eval()  # for predictions between epochs; a step switches its copy of the model
        self.model = model
        self._compiled = None  # the steps are traced as they are defined by now
        self.train_model = view(model, deterministic=False, use_running_average=False)
        self.val_model = view(model, deterministic=True, use_running_average=True)

    def room_for_data(self) -> int:
        """Return the number of bytes of the data's arrays that may stay on the device."""
        device = next(iter(self.gpus or jnp.zeros(()).devices()))
        memory = device.memory_stats()
        if not memory:  # the CPU's is the machine's
            return super().room_for_data() // getattr(self.place, "num_devices", 1)
        return (memory["bytes_limit"] - memory["bytes_in_use"]) // 2

    def fit(self, model: Any, data: Any, resume: bool = False) -> History:
        """
        Train `model` on `data` for `max_epochs` epochs.

        Parameters
        ----------
        model : Module
        data : DataModule
        resume : bool
            Whether to go on from the last good checkpoint in the folder `checkpoint`, with the same
            bits as a fit that was never interrupted; from the beginning if there is none. One of
            the other backend resumes too, except for its random streams.

        Returns
        -------
        History
            The training loss of each step; validation loss and accuracy of each epoch.

        Raises
        ------
        TypeError, ValueError, AttributeError
            If the data is empty or does not fit the model, or the model lacks what training needs,
            before anything is trained; or if a step does not return a loss. Or if a checkpoint is
            damaged, of a newer format, or does not fit.
        FloatingPointError
            If a loss is not finite and `on_nonfinite` is "raise".
        OSError
            If a checkpoint cannot be written, or, unless `resume`, the folder holds some.
        """
        check_fit_arguments(self, model, data, resume)
        parallel.check_compiled(self)
        setting = jax.disable_jit() if self.compile is False else compilation_cache()
        with self.alone(), between_steps(), setting, parallel.process_group():
            self.prepare_data(data)
            self.model, model.trainer = model, self  # a reader's prepare_batch may read both
            give_shapes(self)
            self.prepare_model(model)
            check_data(self)
            self.optim = make_optimizer(model, self.ema_decay)
            move_variables(self.optim, self.gpus)  # else the second epoch would compile again
            return self.run_epochs(data, resume)

    def fit_epoch(self) -> None:
        """Train for one epoch and validate."""
        with held():
            self._compiled = self._compiled or CompiledSteps(self)
            self._compiled.begin_epoch()
            try:
                self.run(train=True)
                if self.val_dataloader is not None:
                    self.run(train=False)
                check_epoch(self)
            finally:  # an interrupt keeps the steps that were taken
                self._compiled.end_epoch()

    def run(self, train: bool) -> None:
        """Take a step on each minibatch of a pass."""
        loader, compiled = self.loader(train), self._compiled
        if not isinstance(loader, TensorLoader):
            for record in compiled.run(interruptible(loader), train):
                self.record(record, train)
            return
        with closing(self.chunks(loader)) as chunks:  # also after an error: a thread may fetch them
            for record in compiled.run_chunks(interruptible(chunks), loader, train):
                self.record(record, train)

    def recheck(self, train: bool) -> None:
        """Run steps uncompiled on each label: that raises where compiled code returns NaN."""
        recheck(self, train)

    def train_step(self, state: State, batch: Any) -> tuple[State, StepRecord]:
        """Update the parameters of `state`; return the new one, and the record of the step."""
        batch = parallel.in_parts(self.prepare_batch(batch), self.place)
        run_copy = self._compiled.split.run_copy

        def loss_fn(params: Any) -> tuple[Array, Any]:
            loss, record, params_after, rest = run_copy(params, state.rest, batch, train=True)
            if type(loss) is not type(jax.tree.leaves(params)[0]):
                raise nothing_learned()  # what depends on the parameters is traced as they are
            return loss, (record, params_after, rest)

        grad_fn = jax.value_and_grad(loss_fn, has_aux=True)
        # Gradients at the parameters before the step, which may have written to them.
        (loss, (record, params, rest)), grads = grad_fn(state.params)
        if self.gradient_clip_val > 0:
            grads = self.clip_gradients(self.gradient_clip_val, grads)
        num_steps, opt_state = state.optimizer
        value_fn = lambda params: loss_fn(params)[0]  # noqa: E731  # for a line search
        params, opt_state = updated(self.optim.tx, opt_state, params, grads, loss, value_fn)
        return State(params, rest, (num_steps + 1, opt_state)), record

    def validation_step(self, state: State, batch: Any) -> tuple[State, StepRecord]:
        """Return the state after a validation step, and the record of the step."""
        batch = parallel.in_parts(self.prepare_batch(batch), self.place)
        run_copy = self._compiled.split.run_copy
        _, record, params, rest = run_copy(state.params, state.rest, batch, train=False)
        return State(params, rest, state.optimizer), record

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

    def named_parameters(self) -> Any:
        """Return the names and the values of the model's parameters."""
        params = nnx.to_flat_state(nnx.state(self.model, nnx.Param))
        return [(dotted(path), raw_value(param)) for path, param in params]
