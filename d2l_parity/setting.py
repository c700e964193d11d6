"""What was compared, in a sentence: the data, how long, by which optimizer, in which precision."""

from collections.abc import Mapping
from typing import Any

from d2l_common.arrays import to_numpy
from d2l_common.training.history import History
from d2l_parity.backends import Side

# Of a data module's arguments, those that say where the files are and how they are read.
NOT_TOLD = ("root", "num_workers", "train", "download")


def describe(
    sides: Mapping[str, Side], data: Any, history: History, lr: float | None, clip: float, gpu: bool
) -> str:
    """
    Return what was compared.

    Parameters
    ----------
    sides : dict
        `{"jax": Side, "torch": Side}`.
    data : callable, or list of minibatches
        As for `compare`.
    history : History
        Of one of the runs.
    lr : float, optional
        The learning rate of minibatch SGD; None if the models have optimizers of their own.
    clip : float
        The largest norm of the gradient; 0 for no limit.
    gpu : bool
        Whether the runs were on a GPU.
    """
    epochs = len(history.seconds)
    steps = count(len(history.train_loss) // max(1, epochs), "minibatch", "es")
    optimizer = _own_optimizers(sides) if lr is None else f"minibatch SGD, learning rate {lr:g}"
    limit = f", gradients of norm {clip:g} at most" if clip else ""
    return (
        f"Trained on {_data(sides['torch'], data)}: {count(epochs, 'epoch')} of {steps} by "
        f"{optimizer}{limit}, in float32 and in float64 on the {'GPU' if gpu else 'CPU'}."
    )


def _data(side: Side, data: Any) -> str:
    """Return the name and the arguments of a data module, or the shapes of given minibatches."""
    if not callable(data):
        *inputs, targets = map(to_numpy, data[0])
        shapes = ", ".join(str(x.shape) for x in inputs)
        others = {tuple(to_numpy(x).shape for x in batch) for batch in data}
        also = " (some of other shapes)" if len(others) > 1 else ""
        return f"given minibatches of inputs {shapes} and targets {targets.shape}{also}"
    module = side.data(data, "float64")
    told = {
        name: value
        for name, value in getattr(module, "hparams", {}).items()
        if name not in NOT_TOLD and isinstance(value, int | float | str | tuple)
    }
    arguments = ", ".join(f"{name}={value!r}" for name, value in told.items())
    return f"{type(module).__name__}({arguments})"


def _own_optimizers(sides: Mapping[str, Side]) -> str:
    """Return the kind of PyTorch's optimizer (Optax's have no names), and the learning rates."""
    kind = type(sides["torch"].model.configure_optimizers()).__name__
    ours, theirs = (getattr(sides[backend].model, "lr", None) for backend in ("jax", "torch"))
    rates = f" {ours}" if ours == theirs else f"s {ours} in JAX and {theirs} in PyTorch"
    known = ours is not None or theirs is not None
    return f"the models' own optimizers, {kind} in PyTorch" + (
        f", learning rate{rates}" if known else ""
    )


def count(number: int, noun: str, ending: str = "s") -> str:
    """Return a number with its noun: `1 epoch`, `3 epochs`."""
    return f"{number} {noun}{'' if number == 1 else ending}"
