"""Read a Flax NNX model: its outputs and gradients, its layers, and the steps of its fit."""

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
from flax import nnx
from jax import Array
from jax import numpy as jnp

from d2l_common.arrays import to_numpy
from d2l_jax.weights import named_parameters

Values = dict[str, tuple[np.ndarray, np.ndarray]]


@contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Make `dtype`, "float32" or "float64", the default float type, also of products on a GPU."""
    with jax.enable_x64(dtype == "float64"), jax.default_matmul_precision("highest"):
        yield


def copy_as(model: nnx.Module, dtype: str) -> Any:
    """Return a copy of `model` whose parameters and other state have the float type `dtype`."""
    model = copy.deepcopy(model)
    cast = lambda x: x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x  # noqa: E731
    nnx.update(model, jax.tree.map(cast, nnx.state(model)))
    return model


def evaluation_view(model: Any) -> Any:
    """Return a view of `model` in evaluation mode."""
    return nnx.view(model, deterministic=True, use_running_average=True, raise_if_not_found=False)


def parameter_paths(model: nnx.Module) -> dict[str, str]:
    """Return the place of each parameter in `model`, as `hidden.kernel`, by PyTorch's names."""
    named = named_parameters(model)
    return {name: ".".join(map(str, path)) for name, (path, *_) in named.items()}


def by_name(model: nnx.Module, state: Any) -> dict[str, np.ndarray]:
    """
    Return a pytree of the model's parameters as arrays by PyTorch's names and in its layout.

    Its arrays may have further axes in front.
    """
    arrays, found = dict(nnx.to_flat_state(state)), {}
    for name, (path, _, axes) in named_parameters(model).items():
        extra = arrays[path].ndim - len(axes)
        order = [*range(extra), *(extra + axis for axis in axes)]
        found[name] = to_numpy(arrays[path]).transpose(order)
    return found


def predict(model: Any, batches: Iterable[Any]) -> np.ndarray:
    """Return the outputs of `model` in evaluation mode for all minibatches, concatenated."""
    graphdef, state = nnx.split(evaluation_view(model))
    forward = jax.jit(lambda state, *inputs: nnx.merge(graphdef, state, copy=True)(*inputs))
    return np.concatenate([to_numpy(forward(nnx.as_pure(state), *batch[:-1])) for batch in batches])


def forward(model: Any, *inputs: Any) -> tuple[np.ndarray, Values]:
    """
    Return the output of `model` in evaluation mode, and `{name: (input, output)}` of its layers.

    The layers are those that have parameters, in the order of their first calls, which count.
    Arrays of four axes come with channels first, as in PyTorch.
    """
    model = evaluation_view(copy.deepcopy(model))
    modules, values = dict(nnx.iter_modules(model)), Values()
    owners = {path[:-1]: name for name, (path, *_) in named_parameters(model).items()}
    for path, name in owners.items():
        if path:  # not the model itself
            _add_hook(modules[path], name.rpartition(".")[0], values)
    return to_numpy(model(*inputs)), values


def _add_hook(layer: Any, name: str, values: Values) -> None:
    """Make `layer` record its input and output in `values` when it is called."""
    kind: Any = type(layer)

    def __call__(self: Any, X: Array, *args: Any, **kwargs: Any) -> Array:
        output = kind.__call__(self, X, *args, **kwargs)
        values.setdefault(name, (_channels_first(X), _channels_first(output)))
        return output

    # Python looks up `__call__` on the class, so the layer gets a class of its own.
    object.__setattr__(layer, "__class__", type(kind)("Hooked", (kind,), {"__call__": __call__}))


def _channels_first(x: Array) -> np.ndarray:
    array = to_numpy(x)
    return np.moveaxis(array, -1, 1) if array.ndim == 4 else array


def value_and_gradients(model: Any, batch: Any) -> tuple[float, dict[str, np.ndarray]]:
    """Return the loss of a minibatch in evaluation mode, and its gradients by PyTorch's names."""
    graphdef, params, *rest = nnx.split(evaluation_view(model), nnx.Param, ...)

    def loss(params: Any) -> Array:
        model: Any = nnx.merge(graphdef, params, *rest, copy=True)
        return model.loss(model(*batch[:-1]), batch[-1])

    value, gradients = jax.value_and_grad(loss)(nnx.as_pure(params))
    return float(value), by_name(model, gradients)


class Recording(NamedTuple):
    """State of an optimizer that records: the inner optimizer's, and a buffer for each quantity."""

    inner: Any
    step: Array
    norms: Array
    gradients: Any
    weights: Any


def recording(optimizer: Any, model: Any, num_steps: int, every: int) -> Any:
    """
    Return `optimizer` with the gradients and weights of the parameters recorded in its state.

    Of `every` steps in a row, those of the last one are kept.
    """
    tx = optimizer.tx if isinstance(optimizer, nnx.Optimizer) else optimizer
    if not hasattr(tx, "init"):
        return optimizer  # the Trainer raises
    tx = optax.with_extra_args_support(tx)

    def init(params: Any) -> Recording:
        buffer = lambda x: jnp.zeros((-(-num_steps // every), *x.shape), x.dtype)  # noqa: E731
        kept = jax.tree.map(buffer, params)
        norms = jnp.zeros(num_steps, jnp.zeros(()).dtype)
        return Recording(tx.init(params), jnp.zeros((), jnp.int32), norms, kept, kept)

    def update(grads: Any, state: Recording, params: Any = None, **extra: Any) -> Any:
        updates, inner = tx.update(grads, state.inner, params, **extra)
        norm = jnp.sqrt(sum(jnp.sum(grad**2) for grad in jax.tree.leaves(grads)))
        put = lambda kept, x: kept.at[state.step // every].set(x)  # noqa: E731
        return updates, Recording(
            inner,
            state.step + 1,
            state.norms.at[state.step].set(norm),
            jax.tree.map(put, state.gradients, grads),
            jax.tree.map(put, state.weights, params),
        )

    return optax.GradientTransformationExtraArgs(init, update)


def recorded(model: Any) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return gradient norms, gradients and weights of the steps of a fit, by PyTorch's names."""
    state = nnx.as_pure(model.trainer.optim.opt_state)
    leaves = jax.tree.leaves(state, is_leaf=lambda x: isinstance(x, Recording))
    [found] = [leaf for leaf in leaves if isinstance(leaf, Recording)]
    return np.array(found.norms), by_name(model, found.gradients), by_name(model, found.weights)
