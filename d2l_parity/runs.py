"""Train a copy of one model, and return everything by which two runs are compared."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from d2l_common.checks.fits import check_minibatch
from d2l_common.memory import return_free_memory
from d2l_parity.dropout_masks import NOTHING_DROPPED, MaskPlan
from d2l_parity.sides import Side

if TYPE_CHECKING:
    from d2l_common.training.history import History

Weights = dict[str, np.ndarray]

# Gradients and weights of each step are kept as long as they take no more memory than this;
# of a longer run, those of every second, third, ... step, from the first on.
MAX_KEPT_BYTES = 100 * 2**20


@dataclass
class Run:
    """
    One training run.

    Attributes
    ----------
    history : History
    final_weights : dict of arrays
        Parameters and state, by PyTorch's names and in its layout.
    gradient_norms : array of shape `(num_steps,)`
        After clipping, of all parameters together.
    gradients, weights : dict of arrays of shape `(num_kept, ...)`
        Likewise; weights before the step of the gradients. None of the weights if one step is
        kept, the first, since they are equal there.
    outputs : list of lists of arrays
        For each minibatch of the validation examples, after the fit.
    """

    history: History
    final_weights: Weights
    gradient_norms: np.ndarray
    gradients: Weights
    weights: Weights
    outputs: list[list[np.ndarray]]

    @property
    def classes(self) -> np.ndarray | None:
        """The predicted classes, `(num_val,)`; None if the outputs are not logits `(n, k)`."""
        shapes = {tuple(x.shape[1:]) for arrays in self.outputs for x in arrays}
        single = all(len(arrays) == 1 for arrays in self.outputs)
        if (
            not self.outputs
            or not single
            or len(shapes) > 1
            or not all(len(shape) == 1 and shape[0] > 1 for shape in shapes)
        ):
            return None
        return np.concatenate([x.argmax(axis=1) for [x] in self.outputs])


def train(
    side: Side,
    data: Any,
    weights: Mapping[str, np.ndarray],
    dtype: str,
    epochs: int,
    gradient_clip_val: float = 0,
    num_gpus: int = 0,
    keep: bool = True,
    plan: MaskPlan = NOTHING_DROPPED,
    counted: Collection[str] | None = None,
    num_devices: int | None = None,
) -> Run:
    """
    Train a copy of a side's model by its backend's `Trainer`; the arguments are as for `compare`.

    `dtype`, "float32" or "float64", is that of weights, data and arithmetic. Without `keep`, the
    run has its history and its final weights only; its steps are recorded all the same, so that JAX
    compiles one program for all runs of a precision. `plan` is that of the dropout masks, and
    `counted` are the common names whose gradients count in the norm.
    """
    d2l, probe = side.d2l, side.probe
    with (
        probe.precision(dtype),
        on_device(d2l, num_gpus),
        probe.shared_masks(plan) as masks,
    ):
        module = side.batches(data, dtype)
        # The masks that each framework draws itself differ.
        model = masks.apply(side.copy(dtype, weights))
        record_steps(side, model, weights, dtype, counted)
        trainer = d2l.Trainer(epochs, num_gpus, gradient_clip_val, num_devices=num_devices)
        if side.prefix:  # its own checks are for the book's models: integers are tokens there
            trainer.check_batch = check_minibatch
        history = trainer.fit(model, module)
        final = side.weights(model)
        norms, outputs = np.empty(0), []
        steps: list[Weights] = [{}, {}]
        if keep:
            norms, *steps = probe.recorded(model, side.whole)
            outputs = probe.predict(model, module.val_dataloader() or module.train_dataloader())
        discard(trainer.optim, model, trainer)
    return_free_memory()  # a large model's next run would come on top of it
    gradients, before = (side.by_common_name(each, stacked=True) for each in steps)
    return Run(history, final, norms, gradients, before, outputs)


def discard(*objects: Any) -> None:
    """Empty objects that hold each other: all their arrays would stay until Python finds that."""
    for each in objects:
        vars(each).clear()


def record_steps(
    side: Side,
    model: Any,
    weights: Mapping[str, Any],
    dtype: str,
    counted: Collection[str] | None = None,
) -> None:
    """Make the optimizer of `model` record the next fit."""
    configure = model.configure_optimizers
    step_size = 2 * sum(np.size(array) for array in weights.values()) * np.dtype(dtype).itemsize
    max_kept = max(1, MAX_KEPT_BYTES // step_size)
    names = {
        side.array_of(name)
        for name, common in side.names.items()
        if counted is None or common in counted
    }

    def configure_recording() -> Any:
        num_steps = model.trainer.max_epochs * model.trainer.num_train_batches
        every = -(-num_steps // max_kept)
        # Of several steps the first alone: its weights are those that both sides have got.
        has_weights = every == 1 or every < num_steps
        arguments = model, num_steps, every, has_weights, names, side.whole
        return side.probe.recording(configure(), *arguments)

    model.configure_optimizers = configure_recording


def on_device(d2l: Any, num_gpus: int) -> AbstractContextManager[Any]:
    """Return a context in which tensors are created on the first GPU, or on the CPU."""
    if num_gpus:
        return d2l.use_device(d2l.gpu())
    # Where there is only the CPU, a context would only make each call slower.
    return d2l.use_device(d2l.cpu()) if d2l.num_gpus() else nullcontext()
