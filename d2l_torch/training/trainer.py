"""Training (sections 3.2.4 and 3.4.4)."""

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import Parameter, signature
from typing import Any

import torch

from d2l_common.checks.fits import (
    check_fit_arguments,
    check_training_loss,
    named_metrics,
    nothing_learned,
)
from d2l_common.checks.models import nothing_to_train
from d2l_common.data.loader import TensorLoader
from d2l_common.data.streaming import free_memory
from d2l_common.training.history import History
from d2l_common.training.own_methods import OwnMethods
from d2l_common.training.trainer import TrainerBase
from d2l_torch import devices
from d2l_torch.data.loader import as_default_float
from d2l_torch.functional import labels_are_checked
from d2l_torch.tensors import to
from d2l_torch.training.classifier import Classifier
from d2l_torch.training.module import Module


class Trainer(TrainerBase):
    """
    Trains a model on the data of a data module (section 3.2.4).

    A step changes the model's parameters in place; an epoch is a Python loop over steps.

    Parameters
    ----------
    max_epochs : int
        How many times `fit` goes over the training data; 0 trains nothing.
    num_gpus : int
        With 1 or more, training runs on the first GPU, as in the book.
    gradient_clip_val : float
        The largest norm of the gradient (of all parameters together); 0 for no limit.
    compile : bool
        None or False runs operation by operation. True compiles the model's forward pass, and with
        it the gradient, by `torch.compile`; dropout then draws other masks. On a CPU the book's
        models do not gain by it: 3 to 20 s to compile, and epochs as long or up to 1.2 times.

    Attributes
    ----------
    model : Module
    optim : torch.optim.Optimizer
    epoch, train_batch_idx, val_batch_idx : int
        How far the fit has come.
    """

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
            model.to(self.gpus[0])
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
        if self.gpus:
            return torch.cuda.mem_get_info(self.gpus[0])[0] // 2
        return free_memory() // 2

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
        if not any(True for _ in model.parameters()):
            raise nothing_to_train(model)
        self.optim = model.configure_optimizers()
        if not (hasattr(self.optim, "step") and hasattr(self.optim, "zero_grad")):
            raise TypeError(
                "configure_optimizers must return an optimizer, with step and zero_grad, "
                f"not {self.optim!r}"
            )
        groups = getattr(self.optim, "param_groups", ())
        held = {id(param) for group in groups for param in group["params"]}
        if held and held.isdisjoint(id(param) for param in model.parameters()):
            raise ValueError(
                f"the optimizer of {type(model).__name__} holds no parameter of it, "
                "so that nothing would be learned"
            )
        if takes_closure(self.optim):
            raise TypeError(
                f"{type(self.optim).__name__} computes the loss again within a step, which the "
                "Trainer does not offer: choose an optimizer whose step() needs no closure"
            )
        with self._compiled():
            return self.run_epochs()

    @contextmanager
    def _compiled(self) -> Iterator[None]:
        """Within this context, if `compile`, calls of the model are compiled."""
        if not self.compile:
            yield
            return
        # Anew in each fit: what dynamo keeps is bounded, beyond that it would run uncompiled.
        torch.compiler.reset()
        own = self.model._compiled_call_impl
        self.model.compile(mode="reduce-overhead" if self.gpus else None)  # CUDA graphs
        try:
            yield
        finally:
            self.model._compiled_call_impl = own

    def fit_epoch(self) -> None:
        """Train for one epoch and validate."""
        no_grad = torch.no_grad()
        with self.recording_results(), labels_are_checked(self.labels_were_checked):
            self.model.train()
            for batch in self._minibatches(self.train_dataloader):
                loss = self.model.training_step(batch)
                check_training_loss(loss)
                if not getattr(loss, "requires_grad", False):
                    raise nothing_learned()
                # Now, since the update may change it; but a GPU would have to be waited for.
                value = loss.item() if loss.is_cpu else loss.detach().clone()
                self.record_missing({"train_loss": value})
                self.optim.zero_grad()
                if self.gradient_clip_val > 0:
                    self.model.zero_grad()  # the optimizer may hold only some of what is clipped
                loss.backward()
                with no_grad:
                    if self.gradient_clip_val > 0:
                        self.clip_gradients(self.gradient_clip_val, self.model)
                    self.optim.step()
                self.count_batches(1, train=True)
            self.model.eval()
            if self.val_dataloader is None:
                return
            with no_grad:
                for batch in self._minibatches(self.val_dataloader):
                    metrics = self.model.validation_step(batch)
                    self.record_missing(named_metrics(metrics))
                    self.count_batches(1, train=False)

    def _minibatches(self, loader: Any) -> Iterator[Any]:
        """Yield the minibatches of the next epoch as the model gets them."""
        if not (self.own.prepares_nothing(self) and isinstance(loader, TensorLoader)):
            yield from self.prepared(loader)
            return
        for arrays, order in self.chunks(loader):
            yield from loader.minibatches(arrays, order)

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

    def probe(self, batch: Any) -> tuple[int, ...] | None:
        """Compute outputs and loss of a minibatch; return a classifier's output shape, or None."""
        was_training = self.model.training
        self.model.eval()
        try:
            with torch.no_grad():
                output = self.model(*batch[:-1])
                if not isinstance(self.model, Classifier):
                    self.model.loss(output, batch[-1])
        finally:
            self.model.train(was_training)
        return output.shape if isinstance(self.model, Classifier) else None

    def as_tensor(self, x: Any) -> Any:
        """Return an array of any kind as a tensor."""
        return as_default_float(x)


def takes_closure(optimizer: Any) -> bool:
    """Return whether an optimizer's `step` cannot be called without a function of its own."""
    closure = signature(optimizer.step).parameters.get("closure")
    return closure is not None and closure.default is Parameter.empty


Trainer.own = OwnMethods.of(Trainer, Module, Classifier)
