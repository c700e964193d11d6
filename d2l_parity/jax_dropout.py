"""Replace dropout in a Flax NNX model: the masks become those of the PyTorch model."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax
from flax import nnx
from flax.nnx.nn.attention import dot_product_attention_weights
from jax import Array
from jax import numpy as jnp

from d2l_jax import DropoutMLPScratch, dropout_layer
from d2l_jax.nn.dropout import DropPath
from d2l_parity.activations import Layout
from d2l_parity.dropout_masks import MaskPlan, is_kept


class SharedDropout(nnx.Module):
    """
    Dropout layer whose masks depend only on the step and the number of the call.

    Parameters
    ----------
    rate : float
    broadcast_dims : sequence of int
    sites : tuple of int
        The numbers that the calls of this layer have among all calls of dropout in a step; empty
        if nothing is to be dropped.
    layout : Layout, optional
        How the input holds the numbers of PyTorch's tensor; in the same order if not given.
    of_examples : bool
        Whether examples are dropped as wholes: `broadcast_dims` are all axes except the first.
    """

    def __init__(
        self,
        rate: float,
        broadcast_dims: Sequence[int] = (),
        sites: tuple[int, ...] = (0,),
        layout: Layout | None = None,
        deterministic: bool | None = False,
        of_examples: bool = False,
    ):
        self.rate, self.broadcast_dims = rate, tuple(broadcast_dims)
        self.sites, self.layout = sites, layout
        self.count = nnx.Variable(jnp.zeros(1, jnp.uint32))
        self.deterministic, self.of_examples = deterministic, of_examples

    def set_view(self, deterministic: bool | None = None) -> None:
        """Switch to evaluation mode, or back to training mode."""
        if deterministic is not None:
            self.deterministic = deterministic

    def drops(self, rate: float | None = None, deterministic: bool | None = None) -> bool:
        """Return whether a call with these arguments would drop anything."""
        rate = self.rate if rate is None else rate
        return rate > 0 and not (self.deterministic if deterministic is None else deterministic)

    def __call__(
        self,
        inputs: Array,
        rate: float | None = None,
        *,
        deterministic: bool | None = None,
        rngs: Any = None,
    ) -> Array:
        """Return `inputs`, in training mode with entries dropped, at `self.rate` by default."""
        rate = self.rate if rate is None else rate
        if not self.sites or not self.drops(rate, deterministic):
            return inputs
        index, calls = jnp.arange(inputs.size, dtype=jnp.uint32), len(self.sites)
        step, turn = self.count[...] // calls, self.count[...] % calls
        mask = is_kept(index, step, jnp.array(self.sites, jnp.uint32)[turn], rate)
        fits = self.layout is not None and self.layout.shapes[1] == inputs.shape
        mask = self.layout.apply(mask) if fits else mask.reshape(inputs.shape)  # type: ignore[union-attr]
        for axis in range(1, inputs.ndim) if self.of_examples else self.broadcast_dims:
            mask = jax.lax.slice_in_dim(mask, 0, 1, axis=axis)
        self.count[...] += 1
        return dropout_layer(inputs, rate, mask=jnp.broadcast_to(mask, inputs.shape))


class SharedAttention(nnx.Module):
    """
    Attention of queries to keys and values whose weights a `SharedDropout` drops.

    Parameters
    ----------
    drop : SharedDropout
    """

    def __init__(self, drop: SharedDropout):
        self.drop = drop

    def __call__(
        self, query: Array, key: Array, value: Array, *, deterministic: bool, **options: Any
    ) -> Array:
        """Return what `nnx.dot_product_attention` does, `(..., num_queries, heads, size)`."""
        # The drawing of masks is left out.
        given = {name: x for name, x in options.items() if "dropout" not in name}
        weights = dot_product_attention_weights(query, key, deterministic=True, **given)
        dropped = self.drop(weights.reshape(-1, *weights.shape[-3:]), deterministic=deterministic)
        value = jnp.repeat(value, weights.shape[-3] // value.shape[-2], axis=-2)
        return jnp.einsum(
            "...hqk,...khd->...qhd",
            dropped.reshape(weights.shape),
            value,
            precision=options.get("precision"),
        )


class Sharing:
    """Replacement of a JAX model's dropout layers, by a plan of masks."""

    calls: tuple[()] = ()  # the layers' own hooks record them

    def __init__(self, plan: MaskPlan):
        self.plan = plan

    def apply(self, model: Any) -> Any:
        """Replace each dropout layer of `model` by a `SharedDropout`, and return the model."""
        if isinstance(model, DropoutMLPScratch):
            setattr(model, "drop", self._shared(model, "drop", 0.5))  # noqa: B010 - a method
        inner: Any = model.net if hasattr(model, "run") else model
        replaced: dict[int, SharedDropout] = {}
        modules: list[Any] = list(nnx.iter_modules(inner))
        for path, parent in modules:
            if isinstance(parent, nnx.MultiHeadAttention) and parent.dropout_rate > 0:
                self._share_attention(parent, ".".join(map(str, path)))
            children: list[Any] = list(nnx.iter_children(parent))
            for name, child in children:
                if isinstance(child, nnx.Dropout | DropPath):
                    if id(child) not in replaced:
                        place = ".".join(map(str, (*path, name)))
                        replaced[id(child)] = self._shared(child, place, rate_of(child))
                    if isinstance(name, int):
                        parent[name] = replaced[id(child)]
                    else:
                        setattr(parent, name, replaced[id(child)])
        return model

    def _share_attention(self, layer: nnx.MultiHeadAttention, place: str) -> None:
        """Let attention get its masks from here, unless its function is the user's."""
        if layer.attention_fn is nnx.dot_product_attention:
            drop = self._shared(layer, f"{place}.attention_fn.drop", layer.dropout_rate)
            drop.broadcast_dims = (0, 1) if layer.broadcast_dropout else ()
            layer.attention_fn = nnx.data(SharedAttention(drop))

    def _shared(self, layer: Any, place: str, rate: float) -> SharedDropout:
        name = dropout_name(place)
        return SharedDropout(
            rate,
            getattr(layer, "broadcast_dims", ()),
            self.plan.sites.get(name, ()),
            self.plan.layouts.get(name),
            getattr(layer, "deterministic", False),
            isinstance(layer, DropPath),
        )


def rate_of(layer: nnx.Dropout | DropPath) -> float:
    """Return the probability by which a layer drops."""
    return layer.drop_prob if isinstance(layer, DropPath) else layer.rate


@contextmanager
def shared_masks(plan: MaskPlan) -> Iterator[Sharing]:
    """Yield the replacement of dropout layers."""
    yield Sharing(plan)


def dropout_name(place: str) -> str:
    """Return the name under which the calls of a dropout layer are recorded."""
    return f"dropout {place}"
