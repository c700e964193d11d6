"""Describe a comparison in a sentence: data, epochs, optimizer, precisions."""

from collections.abc import Mapping, Sequence
from typing import Any

from d2l_parity.minibatches import data_module, flatten
from d2l_parity.sides import Side

# Arguments of a data module that only say where the files are and how they are read.
LEFT_OUT = ("root", "num_workers", "train", "download")


def describe(
    sides: Mapping[str, Side],
    data: Any,
    history: Any,
    lr: float | None,
    clip: float,
    where: str,
    dtypes: Sequence[str],
) -> str:
    """Return the sentence, from arguments of `compare` (`lr` of SGD, if it was used) and a run."""
    epochs = len(history.seconds)
    steps = count(len(history.train_loss) // max(1, epochs), "minibatch", "es")
    optimizer = _optimizers(sides) if lr is None else f"minibatch SGD, learning rate {lr:g}"
    limit = f", gradients of norm {clip:g} at most" if clip else ""
    return (
        f"Trained on {_data(sides['torch'], data)}: {count(epochs, 'epoch')} of {steps} by "
        f"{optimizer}{limit}, in {' and in '.join(dtypes)} on the {where}."
    )


def _data(side: Side, data: Any) -> str:
    """Return the name and the arguments of a data module, or the shapes of given minibatches."""
    if not callable(data):
        *inputs, targets = flatten(tuple(data[0]))[0]
        shapes = ", ".join(str(x.shape) for x in inputs)
        all_shapes = {tuple(x.shape for x in flatten(tuple(batch))[0]) for batch in data}
        also = " (some of other shapes)" if len(all_shapes) > 1 else ""
        return f"given minibatches of inputs {shapes} and targets {targets.shape}{also}"
    module = data_module(side.d2l, data, "float64")
    arguments = ", ".join(
        f"{name}={value!r}"
        for name, value in getattr(module, "hparams", {}).items()
        if name not in LEFT_OUT and isinstance(value, int | float | str | tuple)
    )
    return f"{type(module).__name__}({arguments})"


def _optimizers(sides: Mapping[str, Side]) -> str:
    """Return the kind of PyTorch's optimizer (Optax's have no names), and the learning rates."""
    kind = type(sides["torch"].model.configure_optimizers()).__name__
    if sides["torch"].prefix:
        return f"the given optimizers, {kind} in PyTorch"
    ours, theirs = (getattr(sides[backend].model, "lr", None) for backend in ("jax", "torch"))
    if ours is None and theirs is None:
        rates = ""
    elif ours == theirs:
        rates = f", learning rate {ours}"
    else:
        rates = f", learning rates {ours} in JAX and {theirs} in PyTorch"
    return f"the models' own optimizers, {kind} in PyTorch{rates}"


def count(number: int, noun: str, ending: str = "s") -> str:
    """Return a number with its noun: `1 epoch`, `3 epochs`."""
    return f"{number} {noun}{'' if number == 1 else ending}"
