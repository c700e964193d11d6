"""Checks of a fit that only JAX needs: shapes, precision, and labels that compiled code took."""

from typing import Any

import jax
from flax import nnx

from d2l_common.data.loader import TensorLoader
from d2l_jax.functional import is_integer
from d2l_jax.nn.lazy import lazy_layers, learn_shapes


def give_shapes(trainer: Any, model: Any) -> None:
    """Give the layers of `model` that have no shape yet that of the first minibatch."""
    if lazy_layers(model):
        loader: Any = trainer.train_dataloader
        batch = trainer.prepare_batch([trainer.as_tensor(x) for x in loader.first()])
        learn_shapes(model, *batch[:-1])


def check_epoch(trainer: Any) -> None:
    """Raise, with the model as before the epoch, if a label was outside the classes."""
    recorder = trainer.recorder
    if recorder is None:  # under a `fit` of the reader's own
        return
    recorder.read()
    if "train_loss" in recorder.nonfinite and not recorder.is_reported:
        try:
            trainer.recheck(train=True)
        except Exception:
            trainer._compiled.drop_epoch()
            raise


def check_precision(model: Any) -> None:
    """Raise a ValueError if parameters are of 64 bits, which JAX has only while x64 is enabled."""
    for param in jax.tree.leaves(nnx.state(model, nnx.Param)):
        if jax.dtypes.canonicalize_dtype(param.dtype) != param.dtype:
            raise ValueError(
                f"the parameters must be of a type that JAX has now, got {param.dtype}; "
                "enable x64 again (jax_enable_x64), or create the model after it was disabled"
            )


def run_on_each_label(trainer: Any, train: bool) -> None:
    """Run steps uncompiled on each label: that raises where compiled code returns NaN."""
    seen: set[int] = set()
    loader, split = trainer.loader(train), trainer._compiled.split
    if isinstance(loader, TensorLoader):
        loader = [loader.one_of_each_label()] if is_integer(loader.first()[-1]) else []
    state = split.read()
    for batch in loader:
        labels = set(batch[-1].reshape(-1).tolist()) if is_integer(batch[-1]) else set()
        if not labels <= seen:
            seen |= labels
            with jax.disable_jit():
                split.run_copy(state.params, state.rest, trainer.prepare_batch(batch), train)
