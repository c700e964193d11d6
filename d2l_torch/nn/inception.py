"""The block of parallel branches of GoogLeNet (section 8.4.1)."""

from typing import Any

import torch
from torch import Tensor, nn

from d2l_common.checks.architectures import check_counts
from ..functional import relu
from .convolution import conv2d
from .pooling import MaxPool2d


class Inception(nn.Module):
    """
    Four branches side by side: images `(n, channels, h, w)`, of the same size (section 8.4.1).

    The outputs have `c1 + c2[1] + c3[1] + c4` channels.

    Parameters
    ----------
    c1 : int
        Channels of the 1 x 1 convolution.
    c2, c3 : pair of int
        Channels of a 1 x 1 convolution, and of the 3 x 3 or 5 x 5 convolution after it.
    c4 : int
        Channels of the 1 x 1 convolution after maximum pooling.
    in_channels : int
        Channels of the inputs; None to infer them from the first minibatch.
    generator : torch.Generator
        Draws the initial weights; PyTorch's global one if not given.

    Raises
    ------
    TypeError, ValueError
        If a number of channels is not a positive integer, or `c2` or `c3` is not a pair.
    """

    def __init__(
        self,
        c1: int,
        c2: tuple[int, int],
        c3: tuple[int, int],
        c4: int,
        in_channels: int | None = None,
        generator: Any = None,
    ):
        super().__init__()
        (a2, b2), (a3, b3) = check_counts("c2", c2, 2), check_counts("c3", c3, 2)
        self.b1_1 = conv2d(in_channels, c1, kernel_size=1, generator=generator)
        self.b2_1 = conv2d(in_channels, a2, kernel_size=1, generator=generator)
        self.b2_2 = conv2d(a2, b2, kernel_size=3, padding=1, generator=generator)
        self.b3_1 = conv2d(in_channels, a3, kernel_size=1, generator=generator)
        self.b3_2 = conv2d(a3, b3, kernel_size=5, padding=2, generator=generator)
        self.b4_1 = MaxPool2d(kernel_size=3, stride=1, padding=1)
        self.b4_2 = conv2d(in_channels, c4, kernel_size=1, generator=generator)

    def forward(self, X: Tensor) -> Tensor:
        """Return the outputs of the branches, one after the other along the channels."""
        b1 = relu(self.b1_1(X))
        b2 = relu(self.b2_2(relu(self.b2_1(X))))
        b3 = relu(self.b3_2(relu(self.b3_1(X))))
        b4 = relu(self.b4_2(self.b4_1(X)))
        return torch.cat((b1, b2, b3, b4), dim=1)
