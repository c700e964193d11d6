"""Training (sections 3.2.4 and 3.4.4)."""

from contextlib import closing
from functools import partial
from typing import Any

import torch

from d2l_common.checks.fits import check_fit_arguments, nothing_learned
from d2l_common.data.loader import TensorLoader
from d2l_common.training.history import History
from d2l_common.training.interrupts import between_steps, held, interruptible
from d2l_common.training.tape import StepRecord, record_step
from d2l_common.training.trainer import TrainerBase
from d2l_common.training.trial import check_data
from .. import devices
from ..data.loader import Loader
from ..tensors import to
from . import parallel
from .checkpoints import BACKEND
from .checks import give_shapes, try_out
from .classifier import Classifier
from .compilation import compiled
from .ema import average_of
from .module import Module, as_scalar
from .optimizers import learning_rates, make_optimizer, set_learning_rates


class Trainer(TrainerBase):
    """
    Trains a model on the data of a data module (section 3.2.4).

    A step changes the model's parameters in place; a pass is a loop over minibatches.

    Inside the step (in JAX traced, once a fit): `prepare_batch`, `training_step`,
    `validation_step`, `forward`, `loss`, `accuracy`, `plot`, `clip_gradients`. What you redefine
    counts from the next fit; what you change outside the step counts from the next epoch; what
    changes at every step lives in the optimizer's state or, in JAX, in an `nnx.Variable`.

    Parameters
    ----------
    max_epochs : int
        Number of passes over the training data; 0 trains nothing.
    num_gpus : int
        With 1 or more, training runs on the first GPU, as in the book; with several processes, each
        trains on its own.
    gradient_clip_val : float
        Largest norm of the gradient of all parameters together; 0 for no limit.
    compile : bool, optional
        None or False runs operation by operation. True compiles the model's forward pass, and with
        it the gradient, by `torch.compile`; dropout then draws other masks. On a CPU the book's
        models do not gain by it: 3 to 20 s to compile, and epochs as long or up to 1.2 times.
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
        Devices of any kind, in place of `num_gpus`: as many as processes, which
        `torchrun --nproc-per-node K SCRIPT` starts. Each holds a copy of the weights and computes a
        part of every minibatch; the numbers are those of one device, up to rounding.

    Attributes
    ----------
    model : Module
    optim : torch.optim.Optimizer
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
    as_tensor, move = staticmethod(Loader.as_tensor), staticmethod(to)
    learning_rates = staticmethod(learning_rates)
    set_learning_rates = staticmethod(set_learning_rates)
    average_of = staticmethod(average_of)
    try_out, keep_rng = try_out, staticmethod(torch.random.fork_rng)
    agreed, rank = staticmethod(parallel.agreed), property(lambda self: parallel.rank())
    _replicas: parallel.Replicas | None = None

    @property
    def place(self) -> Any:
        """The device of model and data: the GPU of this process; None leaves them as they are."""
        return next(iter(self.gpus), None)

    def choose_gpus(self) -> list[Any]:
        """Return the GPUs to use; that of this process if several train."""
        found = super().choose_gpus()
        several = self.num_devices or (found and parallel.num_processes() > 1)
        return parallel.own_gpu() if several else found

    def prepare_model(self, model: Any) -> None:
        """Tie model and trainer together; move the model to the GPU if one is used."""
        model.trainer = self
        model.board.xlim = [0, max(1, self.max_epochs)]
        self.model = model
        if self.place is not None:
            give_shapes(self)  # a GPU starts from the weights that the CPU draws
            model.to(self.place)

    def room_for_data(self) -> int:
        """Return the number of bytes of the data's arrays that may stay on the device."""
        if self.place is None:
            return super().room_for_data() // parallel.num_processes()
        return torch.cuda.mem_get_info(self.place)[0] // 2

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
        parallel.check_processes(self.num_devices, self.compile)
        grad_mode = torch.set_grad_enabled(torch.is_grad_enabled())  # as it was, after an interrupt
        with self.alone(), between_steps(), grad_mode, parallel.process_group(self.place):
            self.prepare_data(data)
            self.prepare_model(model)
            give_shapes(self)  # also where a reader's prepare_model does not
            check_data(self)
            parallel.set_alike(model)
            self.optim = make_optimizer(model, self.ema_decay)
            with compiled(self.compile, model):
                return self.run_epochs(data, resume)

    def fit_epoch(self) -> None:
        """Train for one epoch and validate."""
        with held(), parallel.replicas(self):
            self.run(train=True)
            if self.val_dataloader is not None:
                self.run(train=False)

    def run(self, train: bool) -> None:
        """Take a step on each minibatch of a pass."""
        loader, step = self.loader(train), self.train_step if train else self.validation_step
        replicas = self._replicas  # None unless several processes train
        self.model.train(train)
        if not isinstance(loader, TensorLoader):
            for batch in interruptible(loader):
                self.record(step(replicas.part(batch) if replicas else batch), train)
            return
        with closing(self.chunks(loader)) as chunks:  # also after an error: a thread may fetch them
            for arrays, order in interruptible(chunks):
                rows = torch.from_numpy(order).to(arrays[0].device)  # once, not at each minibatch
                gather = partial(replicas.gather, loader) if replicas else None
                for batch in interruptible(loader.minibatches(arrays, rows, gather)):
                    self.record(step(batch), train)

    def train_step(self, batch: Any) -> StepRecord:
        """Update the parameters in place; return the record of the step."""
        loss, record = self._run_step(batch, True)
        if not getattr(loss, "requires_grad", False):
            raise nothing_learned()
        self.optim.zero_grad()
        if self.gradient_clip_val > 0:
            self.model.zero_grad()  # the optimizer may hold only some of what is clipped
        loss.backward()
        with torch.no_grad():
            if self.gradient_clip_val > 0:
                self.clip_gradients(self.gradient_clip_val, self.model)
            self.optim.step()
        return record

    @torch.no_grad()
    def validation_step(self, batch: Any) -> StepRecord:
        """Return the record of a validation step."""
        _, record = self._run_step(batch, False)
        return record

    def _run_step(self, batch: Any, train: bool) -> tuple[Any, StepRecord]:
        """Return the loss and the record of the model's step, in parallel if there are replicas."""
        if self._replicas is not None:
            return self._replicas.step(self.prepare_batch, batch, train)
        return record_step(self.model, self.prepare_batch(batch), train, as_scalar)

    def clip_gradients(self, grad_clip_val: float, model: Any) -> None:
        """
        Scale the gradients of `model` in place to norm at most `grad_clip_val` (section 9.5.3).

        Parameters
        ----------
        grad_clip_val : float
        model : Module
            The gradients of its parameters, taken together, are multiplied by
            `grad_clip_val / norm` if their norm is larger.
        """
        grads = [param.grad for param in model.parameters() if param.grad is not None]
        if not grads:
            return
        norm = torch.stack([torch.sum(grad**2) for grad in grads]).sum().sqrt()
        scale = torch.where(norm > grad_clip_val, grad_clip_val / norm, 1)
        for grad in grads:
            grad *= scale

    def named_parameters(self) -> Any:
        """Return the names and the values of the model's parameters."""
        return self.model.named_parameters()
