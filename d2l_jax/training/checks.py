"""Before a fit: shapes and a trial of the model; precision; labels that compiled code took."""

from functools import partial
from typing import Any

import jax
from flax import nnx
from jax import Array

from d2l_common.data.loader import TensorLoader
from ..functional import is_integer
from ..nn.lazy import lazy_layers, learn_shapes
from .parallel import one_copy
from .state import give_containers


def give_shapes(trainer: Any) -> None:
    """Give the layers of the model that have no shape yet that of the first minibatch."""
    if lazy_layers(trainer.model):
        batch = [trainer.as_tensor(x) for x in trainer.train_dataloader.first()]
        learn_shapes(trainer.model, *trainer.prepare_batch(batch)[:-1])


def try_out(trainer: Any, batch: Any) -> Any:
    """Return the outputs for a minibatch, or their shape, of a copy of the model."""
    graphdef, state = nnx.split(trainer.val_model)

    def try_model(state: Any, *batch: Any) -> Array:
        model = nnx.merge(graphdef, state, copy=True)
        give_containers(model)
        output = model(*batch[:-1])
        if not isinstance(model, trainer.classifier_class):
            model.loss(output, batch[-1])
        return output

    run = try_model if trainer.compile is False else partial(jax.eval_shape, try_model)
    return run(state, *batch)


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


def recheck(trainer: Any, train: bool) -> None:
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
                batch = one_copy(trainer.prepare_batch(batch))
                split.run_copy(state.params, state.rest, batch, train)
