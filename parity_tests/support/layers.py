"""Every stock layer of NNX with its counterpart in PyTorch, and how each is called."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
import torch
from flax import nnx
from jax import numpy as jnp
from torch import nn


class Layers(NamedTuple):
    """A layer of both frameworks; `shape` is that of the input, with channels last if it has."""

    make_jax: Callable[[], Any]
    make_torch: Callable[[], Any]
    shape: tuple[int, ...]
    call_jax: Callable[[Any, Any], Any] = lambda layer, X: layer(X)
    call_torch: Callable[[Any, Any], Any] = lambda layer, X: layer(X)


def options():
    """Return the arguments of every NNX layer."""
    return {"rngs": nnx.Rngs(0), "param_dtype": jnp.float64}


def channels_first(layer, X):
    """Call a layer of PyTorch on an array with channels last."""
    return torch.movedim(layer(torch.movedim(X, -1, 1)), 1, -1)


def images(make_jax, make_torch, shape):
    """Return layers of images, whose channels are last in JAX."""
    return Layers(make_jax, make_torch, shape, call_torch=channels_first)


def evaluation(make_jax, make_torch, shape):
    """Return layers that are called in evaluation mode, on channels that are last in JAX."""
    return Layers(
        make_jax,
        make_torch,
        shape,
        lambda layer, X: layer(X, use_running_average=True),
        lambda layer, X: channels_first(layer.eval(), X),
    )


def convolutions():
    """Return convolutions and transposed ones of 1 to 3 axes, whose options all differ from 1."""
    found = {}
    for n, (conv, back) in enumerate(
        [
            (nn.Conv1d, nn.ConvTranspose1d),
            (nn.Conv2d, nn.ConvTranspose2d),
            (nn.Conv3d, nn.ConvTranspose3d),
        ],
        1,
    ):
        window, stride, padding, dilation = (4, 3, 2)[:n], (2, 3, 1)[:n], (1, 0, 1)[:n], (1, 2, 1)
        shape = (2, *(7, 8, 5)[:n], 4)
        found[f"Conv{n}d"] = images(
            lambda w=window, s=stride, p=padding: nnx.Conv(
                4, 6, w, s, padding=[(k, k) for k in p], **options()
            ),
            lambda c=conv, w=window, s=stride, p=padding: c(4, 6, w, s, p),
            shape,
        )
        found[f"Conv{n}d, 2 groups"] = images(
            lambda w=window: nnx.Conv(
                4, 6, w, padding="VALID", feature_group_count=2, use_bias=False, **options()
            ),
            lambda c=conv, w=window: c(4, 6, w, groups=2, bias=False),
            shape,
        )
        for transpose_kernel in (True, False):
            # NNX counts the zeros around the input, PyTorch what a convolution would have added.
            around = [
                (d * (k - 1) - p,) * 2 for k, p, d in zip(window, padding, dilation, strict=False)
            ]
            found[f"ConvTranspose{n}d, transpose_kernel={transpose_kernel}"] = images(
                lambda t=transpose_kernel, w=window, s=stride, a=around, d=dilation[:n]: (
                    nnx.ConvTranspose(
                        4, 6, w, s, padding=a, kernel_dilation=d, transpose_kernel=t, **options()
                    )
                ),
                lambda b=back, w=window, s=stride, p=padding, d=dilation[:n]: b(
                    4, 6, w, s, p, dilation=d
                ),
                shape,
            )
    found["ConvTranspose2d, VALID"] = images(
        lambda: nnx.ConvTranspose(4, 3, (3, 4), (2, 2), padding="VALID", **options()),
        lambda: nn.ConvTranspose2d(4, 3, (3, 4), 2),
        (2, 5, 6, 4),
    )
    return found


def recurrent(cell, make_torch, **arguments):
    """Return a recurrent layer of PyTorch and an nnx.RNN of `cell`."""
    return Layers(
        lambda: nnx.RNN(cell(3, 4, **arguments, **options())),
        lambda: make_torch(3, 4, batch_first=True),
        (2, 5, 3),
        call_torch=lambda layer, X: layer(X)[0],
    )


def single_cell(cell, make_torch, has_memory=False, **arguments):
    """Return a cell of both frameworks, called on an input and a state that the input holds."""

    def call_jax(layer, X):
        h, c = X[:, 3:7], X[:, 7:]
        return layer((c, h) if has_memory else h, X[:, :3])[1]

    def call_torch(layer, X):
        h, c = X[:, 3:7], X[:, 7:]
        return layer(X[:, :3], (h, c))[0] if has_memory else layer(X[:, :3], h)

    return Layers(
        lambda: cell(3, 4, **arguments, **options()),
        lambda: make_torch(3, 4),
        (2, 11),
        call_jax,
        call_torch,
    )


def bidirectional(cell, width=3):
    """Return an nnx.Bidirectional of two cells."""
    return nnx.Bidirectional(*(nnx.RNN(cell(width, 4, **options())) for _ in range(2)))


def in_float64(query, key, value, **options):
    """Return the result of attention; NNX's own function computes in float32 whatever it gets."""
    scores = jnp.einsum("bqhd,bkhd->bhqk", query, key) / query.shape[-1] ** 0.5
    return jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores), value)


def attention(**arguments):
    """Return attention of both frameworks; the first 6 numbers of an input are the queries."""
    inputs = arguments.get("kdim", 6)

    def call_torch(layer, X):
        memory = X[..., -inputs:]
        return layer(X[..., :6], memory, memory, need_weights=False)[0]

    return Layers(
        lambda: nnx.MultiHeadAttention(
            2,
            6,
            in_kv_features=inputs,
            use_bias=arguments.get("bias", True),
            decode=False,
            attention_fn=in_float64,
            **options(),
        ),
        lambda: nn.MultiheadAttention(6, 2, batch_first=True, **arguments),
        (2, 5, 8),
        lambda layer, X: layer(X[..., :6], X[..., -inputs:]),
        call_torch,
    )


def tokens(X):
    """Return indices from 0 to 4."""
    return (X * 100).astype("int32") % 5 if isinstance(X, jax.Array) else (X * 100).int() % 5


LAYERS: dict[str, Layers] = {
    "Linear": Layers(lambda: nnx.Linear(3, 4, **options()), lambda: nn.Linear(3, 4), (2, 3)),
    "Linear without bias": Layers(
        lambda: nnx.Linear(3, 4, use_bias=False, **options()),
        lambda: nn.Linear(3, 4, bias=False),
        (2, 3),
    ),
    "LinearGeneral": Layers(
        lambda: nnx.LinearGeneral((3, 4), (5, 2), axis=(-2, -1), **options()),
        lambda: nn.Linear(12, 10),
        (2, 3, 4),
        call_torch=lambda layer, X: layer(X.flatten(1)).reshape(2, 5, 2),
    ),
    "LinearGeneral over other axes": Layers(
        lambda: nnx.LinearGeneral((2, 4), 5, axis=(0, -1), **options()),
        lambda: nn.Linear(8, 5),
        (2, 3, 4),
        call_torch=lambda layer, X: layer(X.permute(1, 0, 2).flatten(1)),
    ),
    "Einsum": Layers(
        lambda: nnx.Einsum("...ti,hio->...tho", (2, 4, 3), (2, 3), **options()),
        lambda: nn.Linear(4, 6),
        (2, 3, 4),
        call_torch=lambda layer, X: layer(X).reshape(2, 3, 2, 3),
    ),
    **convolutions(),
    "Embed": Layers(
        lambda: nnx.Embed(5, 3, **options()),
        lambda: nn.Embedding(5, 3),
        (2, 4),
        lambda layer, X: layer(tokens(abs(X))),
        lambda layer, X: layer(tokens(abs(X))),
    ),
    "BatchNorm": evaluation(
        lambda: nnx.BatchNorm(4, **options()), lambda: nn.BatchNorm2d(4), (2, 3, 5, 4)
    ),
    "BatchNorm without scale and bias": evaluation(
        lambda: nnx.BatchNorm(4, use_scale=False, use_bias=False, **options()),
        lambda: nn.BatchNorm1d(4, affine=False),
        (2, 4),
    ),
    "LayerNorm": Layers(
        lambda: nnx.LayerNorm(4, epsilon=1e-5, **options()), lambda: nn.LayerNorm(4), (2, 3, 4)
    ),
    "LayerNorm without bias": Layers(
        lambda: nnx.LayerNorm(4, epsilon=1e-5, use_bias=False, **options()),
        lambda: nn.LayerNorm(4, bias=False),
        (2, 3, 4),
    ),
    "GroupNorm": images(
        lambda: nnx.GroupNorm(6, 3, epsilon=1e-5, **options()),
        lambda: nn.GroupNorm(3, 6),
        (2, 3, 5, 6),
    ),
    "InstanceNorm": images(
        lambda: nnx.InstanceNorm(4, epsilon=1e-5, **options()),
        lambda: nn.InstanceNorm2d(4, affine=True),
        (2, 3, 5, 4),
    ),
    "RMSNorm": Layers(
        lambda: nnx.RMSNorm(4, epsilon=1e-6, **options()),
        lambda: nn.RMSNorm(4, eps=1e-6),
        (2, 3, 4),
    ),
    "PReLU": Layers(lambda: nnx.PReLU(param_dtype=jnp.float64), nn.PReLU, (2, 3)),
    "MultiHeadAttention": attention(),
    "MultiHeadAttention without bias": attention(bias=False),
    "MultiHeadAttention, other keys": attention(kdim=8, vdim=8),
    "LSTMCell": single_cell(nnx.LSTMCell, nn.LSTMCell, has_memory=True),
    "OptimizedLSTMCell": single_cell(nnx.OptimizedLSTMCell, nn.LSTMCell, has_memory=True),
    "GRUCell": single_cell(nnx.GRUCell, nn.GRUCell),
    "SimpleCell": single_cell(nnx.SimpleCell, nn.RNNCell, dtype=jnp.float64),
    "RNN of LSTMCell": recurrent(nnx.LSTMCell, nn.LSTM),
    "RNN of OptimizedLSTMCell": recurrent(nnx.OptimizedLSTMCell, nn.LSTM),
    "RNN of GRUCell": recurrent(nnx.GRUCell, nn.GRU),
    "RNN of SimpleCell": recurrent(nnx.SimpleCell, nn.RNN, dtype=jnp.float64),
    "Bidirectional": Layers(
        lambda: bidirectional(nnx.GRUCell),
        lambda: nn.GRU(3, 4, batch_first=True, bidirectional=True),
        (2, 5, 3),
        call_torch=lambda layer, X: layer(X)[0],
    ),
    "2 layers, bidirectional": Layers(
        lambda: nnx.Sequential(bidirectional(nnx.LSTMCell), bidirectional(nnx.LSTMCell, 8)),
        lambda: nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True),
        (2, 5, 3),
        call_torch=lambda layer, X: layer(X)[0],
    ),
    "Sequential": Layers(
        lambda: nnx.Sequential(
            nnx.Linear(3, 4, **options()), nnx.relu, nnx.Linear(4, 2, **options())
        ),
        lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)),
        (2, 3),
    ),
}


def random_weights(layer, seed=0):
    """
    Return a `state_dict` of random numbers: variances above 0, and no hidden bias of a new gate.

    The biases that NNX lacks are 0 on one side, so that a round trip is exact.
    """
    rng, found = np.random.default_rng(seed), {}
    absent = "bias_hh" if not isinstance(layer, nn.LSTM | nn.LSTMCell) else "bias_ih"
    for name, x in layer.state_dict().items():
        array = rng.standard_normal(x.shape)
        array = 0.5 + array**2 if name.endswith("running_var") else array
        found[name] = torch.tensor(np.zeros(x.shape) if absent in name else array)
        if name.endswith("num_batches_tracked"):
            found[name] = torch.tensor(7)
    return found
