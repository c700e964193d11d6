"""Small models of both frameworks with their ports, and a short comparison of them."""

import numpy as np
import torch
from flax import nnx
from torch import nn

from d2l_parity import compare

CROSS_ENTROPY = "softmax_cross_entropy"


def batches(*shape, n=2, classes=4, dtype=np.float32):
    """Return `n` minibatches: inputs of `shape`, of integers below 11 or normal, and labels."""
    rng = np.random.default_rng(0)

    def inputs():
        if np.dtype(dtype).kind in "iu":
            return rng.integers(0, 11, shape).astype(dtype)
        return rng.normal(size=shape).astype(dtype)

    return [(inputs(), rng.integers(0, classes, shape[0]).astype(np.int32)) for _ in range(n)]


def port(forward, **layers):
    """Return an NNX module that calls `forward(self, *inputs)`; a layer is a function of rngs."""

    class Port(nnx.Module):
        def __init__(self):
            rngs = nnx.Rngs(0)
            for name, make in layers.items():
                setattr(self, name, make(rngs))

        def __call__(self, *inputs):
            return forward(self, *inputs)

    return Port()


def original(forward, **layers):
    """Return likewise a PyTorch module; a layer is a function without arguments, or a tensor."""

    class Original(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            for name, make in layers.items():
                setattr(self, name, make())

        def forward(self, *inputs):
            return forward(self, *inputs)

    return Original()


def linear(num_inputs, num_outputs, **options):
    """Return a function that makes an NNX linear layer, for `port`."""
    return lambda rngs: nnx.Linear(num_inputs, num_outputs, rngs=rngs, **options)


def torch_linear(num_inputs, num_outputs, **options):
    """Return a function that makes a linear layer of PyTorch, for `original`."""
    return lambda: nn.Linear(num_inputs, num_outputs, **options)


class BatchNorm(nnx.BatchNorm):
    """Batch normalization of NNX whose running variance divides by n - 1, as PyTorch's does."""

    def __init__(self, num_features, *, rngs):
        super().__init__(num_features, momentum=0.9, epsilon=1e-5, rngs=rngs)

    def __call__(self, x):
        kept = 0.9 * self.var[...]
        output = super().__call__(x)
        if not self.use_running_average:
            n = x.size // x.shape[-1]
            self.var[...] = kept + (self.var[...] - kept) * n / (n - 1)
        return output


def short(jax_model, torch_model, data, **options):
    """Return the report of a short comparison: one epoch in float64, no run from one ulp away."""
    brief = {"loss": CROSS_ENTROPY, "epochs": 1, "nudges": 0, "dtypes": ["float64"]}
    return compare(jax_model, torch_model, data, **brief | options)
