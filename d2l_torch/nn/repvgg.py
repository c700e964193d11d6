"""Branches that become one convolution after training (section 7.7 of 2026)."""

from typing import Any

import torch
from torch import Tensor, nn

from ..functional import relu
from .convolution import conv2d
from .normalization import batch_norm_2d


class RepVGGBlock(nn.Module):
    """
    A 3 x 3 convolution, a 1 x 1 convolution and the identity, added up (section 7.7 of 2026).

    Each has its own batch normalization. Images are `(n, num_channels, h, w)`.

    Parameters
    ----------
    num_channels : int
        Channels of the inputs and of the outputs.
    generator : torch.Generator
        Draws the initial weights; PyTorch's global one if not given.

    Raises
    ------
    TypeError, ValueError
        If `num_channels` is not a positive integer.
    """

    def __init__(self, num_channels: int, generator: Any = None):
        super().__init__()
        self.conv3 = conv2d(
            num_channels, num_channels, 3, padding=1, bias=False, generator=generator
        )
        self.conv1 = conv2d(num_channels, num_channels, 1, bias=False, generator=generator)
        self.bn3 = batch_norm_2d(num_channels)
        self.bn1 = batch_norm_2d(num_channels)
        self.bn0 = batch_norm_2d(num_channels)

    def forward(self, X: Tensor) -> Tensor:
        """Return `relu(sum of the branches)`."""
        return relu(self.bn3(self.conv3(X)) + self.bn1(self.conv1(X)) + self.bn0(X))

    @torch.no_grad()
    def fuse(self) -> Any:
        """
        Return the 3 x 3 convolution, with biases, that is equal to the block.

        `relu(block.fuse()(X))` is `block(X)` in evaluation mode, up to rounding.
        """
        num_channels = self.bn0.num_features
        kernel: Any = self.conv3.weight
        pointwise: Any = self.conv1.weight
        identity = torch.eye(num_channels).to(kernel)[:, :, None, None]
        branches: Any = [
            folded(kernel, self.bn3),
            folded(padded(pointwise), self.bn1),
            folded(padded(identity), self.bn0),
        ]
        fused = conv2d(num_channels, num_channels, 3, padding=1, generator=torch.Generator())
        fused.weight = nn.Parameter(sum(kernel for kernel, _ in branches))
        fused.bias = nn.Parameter(sum(bias for _, bias in branches))
        return fused


def padded(kernel: Tensor) -> Tensor:
    """Return a 1 x 1 kernel as the 3 x 3 kernel with zeros around it."""
    return nn.functional.pad(kernel, (1, 1, 1, 1))


def folded(kernel: Tensor, norm: Any) -> tuple[Tensor, Tensor]:
    """Return kernel and biases of a convolution that includes the normalization after it."""
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return kernel * scale.reshape(-1, 1, 1, 1), norm.bias - norm.running_mean * scale
