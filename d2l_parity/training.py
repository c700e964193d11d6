"""One training run, with all that two runs are compared by."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from d2l_common.data.readers import as_loader
from d2l_common.training.history import History
from d2l_parity.backends import Side

Weights = dict[str, np.ndarray]

# Gradients and weights of each step are kept as long as they take no more memory than this;
# of a longer run, those of every second, third, ... step.
MAX_KEPT_BYTES = 100 * 2**20


@dataclass
class Run:
    """
    What one training run did.

    Attributes
    ----------
    history : History
    gradient_norms : array of shape `(num_steps,)`
        After clipping, of all parameters together.
    gradients, weights : dict of arrays of shape `(num_kept, ...)`
        By PyTorch's names and in its layout; weights before the step of the gradients.
    final_weights : dict of arrays
    outputs : array of shape `(num_val, ...)`
        For the validation examples, after the fit.
    """

    history: History
    gradient_norms: np.ndarray
    gradients: Weights
    weights: Weights
    final_weights: Weights
    outputs: np.ndarray

    @property
    def classes(self) -> np.ndarray | None:
        """The predicted classes, `(num_val,)`; None if there is one output for an example."""
        wide = self.outputs.ndim == 2 and self.outputs.shape[1] > 1
        return self.outputs.argmax(axis=1) if wide else None


def train(
    side: Side,
    data: Any,
    weights: Mapping[str, np.ndarray],
    dtype: str,
    epochs: int,
    gradient_clip_val: float = 0,
    num_gpus: int = 0,
    watch: bool = True,
) -> Run:
    """
    Train a copy of a model by its backend's `Trainer`, and return what it did.

    Parameters
    ----------
    side : Side
        Its model stays as it is.
    data : callable, or list of minibatches
        As for `compare`.
    weights : dict of arrays
        The initial weights, by the common names.
    dtype : str
        "float32" or "float64", of weights, data and arithmetic.
    epochs : int
    gradient_clip_val : float
    num_gpus : int
        With 1, the model is trained on the first GPU, otherwise on the CPU.
    watch : bool
        Whether to keep gradients and weights of the steps, which takes time and memory.
    """
    d2l, seen = side.d2l, side.probe
    with seen.precision(dtype), on_device(d2l, num_gpus):
        module = side.data(data, dtype)
        # Each framework would draw dropout masks of its own.
        model = seen.share_dropout(seen.copy_as(side.model, dtype))
        d2l.import_weights(model, side.to_own_names(weights))
        if watch:
            steps = epochs * len(as_loader(module.train_dataloader, lambda batch: batch) or ())
            size = 2 * sum(np.size(array) for array in weights.values()) * np.dtype(dtype).itemsize
            seen.watch(model, steps, every=max(1, -(-steps * size // MAX_KEPT_BYTES)))
        history = d2l.Trainer(epochs, num_gpus, gradient_clip_val).fit(model, module)
        norms, *kept = seen.watched(model) if watch else (np.empty(0),)
        loader = module.val_dataloader() or module.train_dataloader()
        outputs = seen.predict(model, loader)
        final = side.to_common_names(d2l.export_weights(model))
    gradients, kept = map(side.to_common_names, kept) if watch else ({}, {})
    return Run(history, norms, gradients, kept, final, outputs)


def on_device(d2l: ModuleType, num_gpus: int) -> AbstractContextManager[Any]:
    """Return a context in which tensors are made on the first GPU, or on the CPU."""
    if num_gpus:
        return d2l.use_device(d2l.gpu())
    # Where there is no other device, a context would only make each call slower.
    return d2l.use_device(d2l.cpu()) if d2l.num_gpus() else nullcontext()


def moved_by_one_ulp(weights: Mapping[str, np.ndarray], dtype: str, seed: int) -> Weights:
    """Return `weights` in `dtype`, each number moved up or down to its neighbour."""
    rng = np.random.default_rng(seed)
    ends = np.array([-np.inf, np.inf], dtype)
    return {
        name: np.nextafter(np.asarray(w, dtype), rng.choice(ends, np.shape(w)))
        for name, w in weights.items()
    }


def zero_model_loss(side: Side, data: Any, weights: Mapping[str, Any]) -> float:
    """Return the first minibatch's loss if all weights are 0: of a model that knows nothing."""
    with side.probe.precision("float64"):
        model = side.probe.copy_as(side.model, "float64")
        zeros = {name: np.zeros(np.shape(array)) for name, array in weights.items()}
        side.d2l.import_weights(model, side.to_own_names(zeros))
        batch = next(iter(side.data(data, "float64").train_dataloader()))
        return side.probe.value_and_gradients(model, batch)[0]
