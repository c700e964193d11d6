# %% [markdown]
"""
# Port a small residual network from PyTorch to Flax, and prove it (a tool, not a section)

The first port has three mistakes. Each report names the first of them; the next port mends it. At
the end the weights go from PyTorch to Flax, into a file, and back.
"""

# %% [markdown]
# The options are read first, before the frameworks are imported.

# %%
from ports import find_mistakes, finish, gpus_of, prove, start_tool

args = start_tool(__doc__, epochs=2)

# %%
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
import torch
from flax import nnx
from options import OUTPUT
from torch import nn

import d2l_jax
import d2l_torch
from d2l_common.data.digits import load_digits_images
from d2l_parity import Report, compare

# %% [markdown]
# ## The original in PyTorch


# %%
class TorchBlock(nn.Module):
    """Two convolutions with a shortcut, which is a convolution where the shape changes."""

    def __init__(self, num_inputs, num_channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(num_inputs, num_channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(num_channels)
        self.conv2 = nn.Conv2d(num_channels, num_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(num_channels)
        same = stride == 1 and num_inputs == num_channels
        self.shortcut = None if same else nn.Conv2d(num_inputs, num_channels, 1, stride)

    def forward(self, X):
        """Return the outputs `(n, num_channels, height / stride, width / stride)`."""
        Y = torch.relu(self.bn1(self.conv1(X)))
        Y = self.bn2(self.conv2(Y))
        return torch.relu(Y + (X if self.shortcut is None else self.shortcut(X)))


class TorchResNet(nn.Module):
    """The original model in PyTorch."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(8)
        self.block1, self.block2 = TorchBlock(8, 8, 1), TorchBlock(8, 16, 2)
        self.fc = nn.Linear(16, 10)

    def forward(self, X):
        """Return the logits `(n, 10)` of images `(n, 1, 8, 8)`."""
        H = torch.relu(self.bn(self.conv(X)))
        return self.fc(self.block2(self.block1(H)).mean((2, 3)))


# %% [markdown]
# ## The port to Flax


# %%
class TorchBatchNorm(nnx.BatchNorm):
    """Batch normalization whose running variance is PyTorch's, divided by n - 1."""

    def __call__(self, X):
        """Return the normalized `X`, of the same shape."""
        old = self.var[...]
        Y = super().__call__(X)
        if not self.use_running_average:
            n, kept = X.size // X.shape[-1], self.momentum * old
            self.var[...] = kept + (self.var[...] - kept) * n / (n - 1)
        return Y


class FlaxBlock(nnx.Module):
    """The port of `TorchBlock`; `padding` is that of the convolution with a stride."""

    def __init__(self, num_inputs, num_channels, stride, padding, norm, rngs):
        conv = partial(nnx.Conv, use_bias=False, rngs=rngs)
        self.conv1 = conv(num_inputs, num_channels, (3, 3), stride, padding=padding)
        self.bn1 = norm(num_channels, rngs=rngs)
        self.conv2 = conv(num_channels, num_channels, (3, 3), padding=1)
        self.bn2 = norm(num_channels, rngs=rngs)
        same = stride == 1 and num_inputs == num_channels
        shortcut = partial(nnx.Conv, num_inputs, num_channels, (1, 1), stride, rngs=rngs)
        self.shortcut = None if same else shortcut()

    def __call__(self, X):
        """Return the outputs `(n, height / stride, width / stride, num_channels)`."""
        Y = nnx.relu(self.bn1(self.conv1(X)))
        Y = self.bn2(self.conv2(Y))
        return nnx.relu(Y + (X if self.shortcut is None else self.shortcut(X)))


class FlaxResNet(nnx.Module):
    """The port of `TorchResNet`, with the same names."""

    def __init__(self, padding, norm, rngs):
        self.conv = nnx.Conv(1, 8, (3, 3), padding=1, use_bias=False, rngs=rngs)
        self.bn = norm(8, rngs=rngs)
        self.block1 = FlaxBlock(8, 8, 1, padding, norm, rngs)
        self.block2 = FlaxBlock(8, 16, 2, padding, norm, rngs)
        self.fc = nnx.Linear(16, 10, rngs=rngs)

    def __call__(self, X):
        """Return the logits `(n, 10)` of images `(n, 1, 8, 8)`, the layout of PyTorch."""
        X = X.transpose(0, 2, 3, 1)
        H = nnx.relu(self.bn(self.conv(X)))
        return self.fc(self.block2(self.block1(H)).mean((1, 2)))


# The ports in the order in which they were written: title, padding and normalization.
PORTS: dict[str, tuple[Any, Callable[..., Any]]] = {
    "The first port": ("SAME", nnx.BatchNorm),
    "Padding at all sides": (1, nnx.BatchNorm),
    "Momentum 0.9": (1, partial(nnx.BatchNorm, momentum=0.9)),
    "PyTorch's running variance": (1, partial(TorchBatchNorm, momentum=0.9)),
}


# %% [markdown]
# ## The proof
#
# Both models get the same weights and train on the same minibatches.


# %%
def digits(num_batches: int = 4, batch_size: int = 50) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return minibatches of images `(n, 1, 8, 8)` and labels, for both frameworks."""
    (images, labels), _ = load_digits_images()
    size = num_batches * batch_size
    X = images[:size].reshape(num_batches, batch_size, 1, 8, 8).astype(np.float32) / 255
    y = labels[:size].reshape(num_batches, batch_size).astype(np.int32)
    return list(zip(X, y, strict=True))


def compare_port(title: str, epochs: int, **options: Any) -> Report:
    """Compare a port with the original."""
    torch.manual_seed(args.seed)
    port = FlaxResNet(*PORTS[title], nnx.Rngs(args.seed))
    options |= {
        "loss": "softmax_cross_entropy",
        "epochs": epochs,
        "name": title,
        "num_gpus": gpus_of(args),
    }
    return compare(port, TorchResNet(), digits(), **options)


def weights_travel() -> bool:
    """Send weights from PyTorch to Flax and back through a file; return whether outputs agree."""
    original, restored = TorchResNet().eval(), TorchResNet().eval()
    port = FlaxResNet(*list(PORTS.values())[-1], nnx.Rngs(args.seed))
    port.eval()
    d2l_jax.import_weights(port, original.state_dict())
    path = OUTPUT / "resnet.safetensors"
    d2l_jax.save_weights(path, port)
    d2l_torch.load_weights(path, restored)
    X, _ = digits(num_batches=1)[0]
    with torch.no_grad():
        before, after = (model(torch.tensor(X)).numpy() for model in (original, restored))
    gap = float(abs(before - np.asarray(jax.jit(port)(X))).max())
    print(f"weights: {path}; the outputs of PyTorch and Flax differ by {gap:.1e}")
    return bool((before == after).all()) and gap < 1e-5


# %% [markdown]
# The first ports, each with a mistake that the next one mends. The report names the first layer
# that is different.

# %%
*mistaken, proven = PORTS
found = find_mistakes(mistaken, compare_port)

# %% [markdown]
# The last port is the same.

# %%
same = prove("port_resnet", proven, args.epochs, compare_port)

# %% [markdown]
# Its weights go from PyTorch to Flax, into a file, and back to PyTorch.

# %%
finish(weights_travel() and same and found)
