"""Mistakes in layers, shapes and activations."""

import jax
import torch
from flax import nnx
from jax import numpy as jnp
from torch import nn
from torch.nn import functional as F

from parity_tests.porting_mistakes.entry import IMAGES, SEQUENCES, Mistake


class KernelLayout(Mistake):
    """
    A matrix used in the layout of the other framework.

    `nn.Linear` stores `(outputs, inputs)` and `nnx.Linear` `(inputs, outputs)`, and the comparison
    transposes between them. A layer of your own keeps the layout that its weights have in PyTorch.
    """

    class Original(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(8, 8))

        def forward(self, X):
            return F.linear(X, self.weight)

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.weight = nnx.Param(rngs.params.normal((8, 8)))

        def __call__(self, X):
            return X @ self.weight

    class Mended(Mistaken):
        def __call__(self, X):
            return X @ self.weight.T


class FlattenOrder(Mistake):
    """
    Images flattened with the channels last.

    A linear layer after a convolution has one weight for each pixel of each channel, in the order
    of PyTorch's layout. Move the channels to the front before you flatten.
    """

    data = IMAGES

    def original():
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(64, 3))

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.conv = nnx.Conv(3, 4, (3, 3), padding="VALID", rngs=rngs)
            self.fc = nnx.Linear(64, 3, rngs=rngs)

        def __call__(self, X):
            H = self.conv(X.transpose(0, 2, 3, 1))  # channels last
            return self.fc(H.reshape(len(H), -1))

    class Mended(Mistaken):
        def __call__(self, X):
            H = self.conv(X.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
            return self.fc(H.reshape(len(H), -1))


class SamePadding(Mistake):
    """
    `'SAME'` padding at stride 2.

    At stride 2 `'SAME'` pads an even image at the right and at the bottom alone, `padding=1` at
    all sides. The shapes are equal, the pixels are not. The default of `nnx.Conv` is `'SAME'`.
    """

    data = IMAGES

    def original():
        conv = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        return nn.Sequential(conv, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.conv = nnx.Conv(3, 4, (3, 3), strides=2, rngs=rngs)
            self.fc = nnx.Linear(4, 3, rngs=rngs)

        def __call__(self, X):
            return self.fc(self.conv(X.transpose(0, 2, 3, 1)).mean((1, 2)))

    class Mended(Mistaken):
        def __init__(self, rngs):
            super().__init__(rngs)
            self.conv = nnx.Conv(3, 4, (3, 3), strides=2, padding=1, rngs=rngs)


class TransposedConvolution(Mistake):
    """
    Padding of a transposed convolution.

    In PyTorch, a larger `padding` makes the output smaller: the input is padded by
    `kernel - 1 - padding`, at the end also by `output_padding`. NNX takes this number itself. The
    kernel, which NNX mirrors, is converted for you.
    """

    data = IMAGES

    def original():
        up = nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1, output_padding=1)
        return nn.Sequential(up, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.up = nnx.ConvTranspose(3, 4, (3, 3), strides=2, padding="SAME", rngs=rngs)
            self.fc = nnx.Linear(4, 3, rngs=rngs)

        def __call__(self, X):
            return self.fc(nnx.relu(self.up(X.transpose(0, 2, 3, 1))).mean((1, 2)))

    class Mended(Mistaken):
        def __init__(self, rngs):
            super().__init__(rngs)
            pad = (3 - 1 - 1, 3 - 1 - 1 + 1)
            self.up = nnx.ConvTranspose(3, 4, (3, 3), strides=2, padding=(pad, pad), rngs=rngs)


class CausalPadding(Mistake):
    """
    A causal convolution that looks ahead.

    A causal model pads on the left alone. `'SAME'` pads both ends, so that each output depends on
    the next input.
    """

    data = SEQUENCES

    class Original(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fc = nn.Conv1d(8, 8, 3), nn.Linear(8, 3)

        def forward(self, X):
            H = self.conv(F.pad(X.transpose(1, 2), (2, 0)))
            return self.fc(torch.relu(H).mean(2))

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.conv = nnx.Conv(8, 8, (3,), padding="SAME", rngs=rngs)
            self.fc = nnx.Linear(8, 3, rngs=rngs)

        def __call__(self, X):
            return self.fc(nnx.relu(self.conv(X)).mean(1))

    class Mended(Mistaken):
        def __init__(self, rngs):
            super().__init__(rngs)
            self.conv = nnx.Conv(8, 8, (3,), padding="VALID", rngs=rngs)

        def __call__(self, X):
            H = self.conv(jnp.pad(X, ((0, 0), (2, 0), (0, 0))))
            return self.fc(nnx.relu(H).mean(1))


class PooledPadding(Mistake):
    """
    Average pooling that counts the padding.

    Both frameworks count the zeros of the padding by default. A model that does not needs the
    argument on both sides.
    """

    data = IMAGES

    def original():
        pool = nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)
        return nn.Sequential(nn.Conv2d(3, 4, 1), pool, nn.Flatten(), nn.Linear(36, 3))

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.conv = nnx.Conv(3, 4, (1, 1), rngs=rngs)
            self.fc = nnx.Linear(36, 3, rngs=rngs)

        def pool(self, X):
            return nnx.avg_pool(X, (3, 3), (2, 2), ((1, 1), (1, 1)))

        def __call__(self, X):
            H = self.pool(self.conv(X.transpose(0, 2, 3, 1))).transpose(0, 3, 1, 2)
            return self.fc(H.reshape(len(H), -1))

    class Mended(Mistaken):
        def pool(self, X):
            return nnx.avg_pool(X, (3, 3), (2, 2), ((1, 1), (1, 1)), count_include_pad=False)


class TanhGelu(Mistake):
    """
    GELU by its approximation.

    `nn.GELU()` is exact by default, `nnx.gelu` is the approximation by tanh.
    """

    def original():
        return nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 3))

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.fc1, self.fc2 = nnx.Linear(8, 16, rngs=rngs), nnx.Linear(16, 3, rngs=rngs)

        def __call__(self, X):
            return self.fc2(nnx.gelu(self.fc1(X)))

    class Mended(Mistaken):
        def __call__(self, X):
            return self.fc2(nnx.gelu(self.fc1(X), approximate=False))


class LostResidual(Mistake):
    """
    A residual connection that is lost.

    All layers return the same outputs for the same inputs. The input of the next layer differs.
    """

    class Original(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc2, self.fc3 = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3)

        def forward(self, X):
            H = self.fc1(X)
            H = H + torch.relu(self.fc2(H))
            return self.fc3(H)

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.fc1, self.fc2 = nnx.Linear(8, 8, rngs=rngs), nnx.Linear(8, 8, rngs=rngs)
            self.fc3 = nnx.Linear(8, 3, rngs=rngs)

        def __call__(self, X):
            H = self.fc1(X)
            H = nnx.relu(self.fc2(H))
            return self.fc3(H)

    class Mended(Mistaken):
        def __call__(self, X):
            H = self.fc1(X)
            H = H + nnx.relu(self.fc2(H))
            return self.fc3(H)


class LostDetach(Mistake):
    """
    A gradient that is not stopped.

    `detach()` is `jax.lax.stop_gradient` in JAX. Without it all outputs are the same, and only the
    gradients differ.
    """

    class Original(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc2 = nn.Linear(8, 8), nn.Linear(8, 3)

        def forward(self, X):
            H = self.fc1(X)
            return self.fc2(H * torch.sigmoid(H.detach()))

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.fc1, self.fc2 = nnx.Linear(8, 8, rngs=rngs), nnx.Linear(8, 3, rngs=rngs)

        def __call__(self, X):
            H = self.fc1(X)
            return self.fc2(H * nnx.sigmoid(H))

    class Mended(Mistaken):
        def __call__(self, X):
            H = self.fc1(X)
            return self.fc2(H * nnx.sigmoid(jax.lax.stop_gradient(H)))


class NegativeDivision(Mistake):
    """
    Integers divided with another rounding.

    `//` rounds down on both sides. `torch.div(..., rounding_mode="trunc")` and a cast round toward
    0, which differs for negative numbers, such as relative positions.
    """

    data = SEQUENCES

    class Original(nn.Module):
        def __init__(self):
            super().__init__()
            self.bias, self.fc = nn.Parameter(torch.randn(5)), nn.Linear(8, 3)

        def forward(self, X):
            i = torch.arange(5)
            bucket = torch.div(i[:, None] - i, 2, rounding_mode="trunc") + 2
            return self.fc(torch.relu(self.bias[bucket] @ X).mean(1))

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.bias = nnx.Param(rngs.params.normal((5,)))
            self.fc = nnx.Linear(8, 3, rngs=rngs)

        def __call__(self, X):
            i = jnp.arange(5)
            bucket = (i[:, None] - i) // 2 + 2
            return self.fc(nnx.relu(self.bias[bucket] @ X).mean(1))

    class Mended(Mistaken):
        def __call__(self, X):
            i = jnp.arange(5)
            bucket = jax.lax.div(i[:, None] - i, 2) + 2
            return self.fc(nnx.relu(self.bias[bucket] @ X).mean(1))
