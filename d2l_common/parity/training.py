"""One training run, with all that two runs are compared by."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from d2l_common.history import History
from d2l_common.loader import as_loader
from d2l_common.parity.backends import data_for, package, probe

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

    def renamed(self, pairs: Mapping[str, str]) -> "Run":
        """Return this run with its parameters under the names that `pairs` gives them."""
        named = ("gradients", "weights", "final_weights")
        return replace(
            self,
            **{n: {pairs[ours]: x for ours, x in getattr(self, n).items()} for n in named},
        )


def train(
    backend: str,
    model: Any,
    data: Any,
    weights: Mapping[str, np.ndarray],
    dtype: str,
    epochs: int,
    gradient_clip_val: float = 0,
    watch: bool = True,
) -> Run:
    """
    Train a copy of `model` by its backend's `Trainer`, and return what it did.

    Parameters
    ----------
    backend : str
        "jax" or "torch".
    model : Module
        Stays as it is.
    data : callable, or list of minibatches
        As for `compare`.
    weights : dict of arrays
        The initial weights, in the model's own names.
    dtype : str
        "float32" or "float64", of weights, data and arithmetic.
    epochs : int
    gradient_clip_val : float
    watch : bool
        Whether to keep gradients and weights of the steps, which takes time and memory.
    """
    d2l, seen = package(backend), probe(backend)
    with seen.precision(dtype):
        module = data_for(backend, data, dtype)
        model = seen.copy_as(model, dtype)
        d2l.import_weights(model, weights)
        if watch:
            steps = epochs * len(as_loader(module.train_dataloader, lambda batch: batch) or ())
            size = 2 * sum(np.size(array) for array in weights.values()) * np.dtype(dtype).itemsize
            seen.watch(model, steps, every=max(1, -(-steps * size // MAX_KEPT_BYTES)))
        history = d2l.Trainer(epochs, gradient_clip_val=gradient_clip_val).fit(model, module)
        norms, gradients, kept = seen.watched(model) if watch else (np.empty(0), {}, {})
        loader = module.val_dataloader() or module.train_dataloader()
        outputs = seen.predict(model, loader)
        final = d2l.export_weights(model)
    return Run(history, norms, gradients, kept, final, outputs)


def moved_by_one_ulp(weights: Mapping[str, np.ndarray], dtype: str, seed: int) -> Weights:
    """Return `weights` in `dtype`, each number moved up or down to its neighbour."""
    rng = np.random.default_rng(seed)
    ends = np.array([-np.inf, np.inf], dtype)
    return {
        name: np.nextafter(np.asarray(w, dtype), rng.choice(ends, np.shape(w)))
        for name, w in weights.items()
    }


def zero_model_loss(backend: str, model: Any, data: Any, weights: Mapping[str, Any]) -> float:
    """Return the first minibatch's loss if all weights are 0: of a model that knows nothing."""
    d2l, seen = package(backend), probe(backend)
    with seen.precision("float64"):
        model = seen.copy_as(model, "float64")
        d2l.import_weights(model, {name: np.zeros(np.shape(w)) for name, w in weights.items()})
        batch = next(iter(data_for(backend, data, "float64").train_dataloader()))
        return seen.value_and_gradients(model, batch)[0]
