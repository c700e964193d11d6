"""What a comparison with the other framework sees of a model and of its training."""

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
from flax import nnx
from jax import Array
from jax import numpy as jnp

from d2l_common.arrays import to_numpy
from d2l_jax.training.compiled import Program
from d2l_jax.training.module import Module, computation_only
from d2l_jax.training.steps import as_transformation, split
from d2l_jax.weights import named_parameters
from d2l_parity.jax_dropout import share_dropout

__all__ = [
    "Wrapped",
    "copy_as",
    "layer_values",
    "parameter_paths",
    "precision",
    "predict",
    "share_dropout",
    "value_and_gradients",
    "watch",
    "watched",
]


@contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Make `dtype`, "float32" or "float64", the default float type, also of products on a GPU."""
    with jax.enable_x64(dtype == "float64"), jax.default_matmul_precision("highest"):
        yield


def copy_as(model: nnx.Module, dtype: str) -> Any:
    """Return a copy of `model` whose parameters and other numbers have the float type `dtype`."""
    model = copy.deepcopy(model)
    cast = lambda x: x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x  # noqa: E731
    nnx.update(model, jax.tree.map(cast, nnx.state(model)))
    return model


class Wrapped(Module):
    """
    A reader's own module as a model: with a loss, trained by minibatch SGD.

    Parameters
    ----------
    net : nnx.Module
    loss_function : callable
        `loss_function(y_hat, y)` returns one number.
    lr : float
        The learning rate.
    """

    loss_function: Any

    def __init__(self, net: nnx.Module, loss_function: Callable[..., Array], lr: float):
        super().__init__()
        self.save_hyperparameters()

    def loss(self, y_hat: Array, y: Array) -> Array:
        """Return the loss of predictions against targets."""
        return self.loss_function(y_hat, y)


class Watched(NamedTuple):
    """The state of an optimizer that is watched: its own, and what was seen at each step."""

    inner: Any
    step: Array
    norms: Array
    gradients: Any
    weights: Any


def watch(model: Any, num_steps: int, every: int = 1) -> None:
    """
    Keep what the optimizer of `model` sees in a fit, for `watched`.

    Parameters
    ----------
    model : Module
    num_steps : int
        How many steps the fit will take.
    every : int
        Of so many steps in a row, gradients and weights of the last one are kept.
    """
    configure = model.configure_optimizers

    def configure_watched() -> optax.GradientTransformation:
        optimizer = configure()
        inner = optimizer.tx if isinstance(optimizer, nnx.Optimizer) else optimizer
        return watching(as_transformation(inner), num_steps, every)

    model.configure_optimizers = configure_watched


def watching(
    tx: optax.GradientTransformation, num_steps: int, every: int
) -> optax.GradientTransformation:
    """Return the transformation `tx`, which keeps in its state what it is given."""

    def init(params: Any) -> Watched:
        room = lambda x: jnp.zeros((-(-num_steps // every), *x.shape), x.dtype)  # noqa: E731
        kept = jax.tree.map(room, params)
        norms = jnp.zeros(num_steps, jnp.zeros(()).dtype)
        return Watched(tx.init(params), jnp.zeros((), jnp.int32), norms, kept, kept)

    def update(grads: Any, state: Watched, params: Any = None) -> tuple[Any, Watched]:
        updates, inner = tx.update(grads, state.inner, params)
        norm = jnp.sqrt(sum(jnp.sum(grad**2) for grad in jax.tree.leaves(grads)))
        put = lambda kept, x: kept.at[state.step // every].set(x)  # noqa: E731
        return updates, Watched(
            inner,
            state.step + 1,
            state.norms.at[state.step].set(norm),
            jax.tree.map(put, state.gradients, grads),
            jax.tree.map(put, state.weights, params),
        )

    return optax.GradientTransformation(init, update)


def watched(model: Any) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """
    Return what was seen in the fit of a model that was given to `watch`.

    Returns
    -------
    norms : array of shape `(num_steps,)`
        Of the gradient of all parameters together.
    gradients, weights : dict of arrays of shape `(num_kept, ...)`
        By PyTorch's names and in its layout; weights as they were before the step.
    """
    states = jax.tree.leaves(
        nnx.as_pure(model.trainer.optim.opt_state), is_leaf=lambda x: isinstance(x, Watched)
    )
    [seen] = [state for state in states if isinstance(state, Watched)]
    gradients, weights = (by_name(model, kept, stacked=True) for kept in seen[3:])
    return np.array(seen.norms), gradients, weights


def predict(model: Any, batches: Iterable[Any]) -> np.ndarray:
    """Return the outputs of `model` in evaluation mode for minibatches, one after the other."""
    graphdef, state = nnx.split(computation_only(evaluating(model)))
    forward = Program(lambda state, *inputs: nnx.merge(graphdef, state, copy=True)(*inputs))
    return np.concatenate([to_numpy(forward(nnx.as_pure(state), *batch[:-1])) for batch in batches])


def layer_values(model: Any, *inputs: Any) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """
    Return what goes into and what comes out of each layer that has parameters.

    Parameters
    ----------
    model : nnx.Module
    inputs : arrays
        Of a minibatch.

    Returns
    -------
    list of (name, input, output)
        In the order of the calls. Arrays of four axes come with channels first, as in PyTorch.
    """
    model = evaluating(copy.deepcopy(model))
    seen: list[tuple[str, np.ndarray, np.ndarray]] = []
    for name, layer in layers_with_parameters(model).items():
        if layer is not model:
            _listen(layer, name, seen)
    model(*inputs)
    return seen


def _listen(layer: Any, name: str, seen: list[Any]) -> None:
    kind: Any = type(layer)

    def __call__(self: Any, X: Array, *args: Any, **kwargs: Any) -> Array:
        output = kind.__call__(self, X, *args, **kwargs)
        seen.append((name, _channels_first(X), _channels_first(output)))
        return output

    # A call looks for `__call__` on the class, so the layer gets one of its own.
    object.__setattr__(layer, "__class__", type(kind)("Heard", (kind,), {"__call__": __call__}))


def layers_with_parameters(model: nnx.Module) -> dict[str, Any]:
    """Return the modules that hold parameters themselves, by PyTorch's names."""
    modules = dict(nnx.iter_modules(model))
    return {
        name.rpartition(".")[0]: modules[path[:-1]]
        for name, (path, *_) in named_parameters(model).items()
    }


def parameter_paths(model: nnx.Module) -> dict[str, str]:
    """Return the place of each parameter in `model`, as `hidden.kernel`, by PyTorch's names."""
    named = named_parameters(model)
    return {name: ".".join(map(str, path)) for name, (path, *_) in named.items()}


def value_and_gradients(model: Any, batch: Any) -> tuple[float, dict[str, np.ndarray]]:
    """Return the loss of a minibatch in evaluation mode, and its gradients by PyTorch's names."""
    graphdef, params, rest = split(evaluating(model))

    def loss(params: Any) -> Array:
        model = nnx.merge(graphdef, params, rest, copy=True)
        return model.loss(model(*batch[:-1]), batch[-1])

    value, gradients = jax.value_and_grad(loss)(nnx.as_pure(params))
    return float(value), by_name(model, gradients)


def by_name(model: nnx.Module, state: Any, stacked: bool = False) -> dict[str, np.ndarray]:
    """
    Return arrays that belong to the parameters, by PyTorch's names and in its layout.

    Parameters
    ----------
    model : nnx.Module
    state : pytree
        Of the structure of the model's parameters.
    stacked : bool
        Whether each array has a further axis in front.
    """
    arrays = dict(nnx.to_flat_state(state))
    found = {}
    for name, (path, _, axes) in named_parameters(model).items():
        order = (0, *(axis + 1 for axis in axes)) if stacked else axes
        found[name] = to_numpy(arrays[path]).transpose(order)
    return found


def evaluating(model: Any) -> Any:
    """Return a view of `model` in evaluation mode."""
    return nnx.view(model, deterministic=True, use_running_average=True, raise_if_not_found=False)


def _channels_first(x: Array) -> np.ndarray:
    array = to_numpy(x)
    return np.moveaxis(array, -1, 1) if array.ndim == 4 else array
