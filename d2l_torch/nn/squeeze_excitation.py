"""Gates that weight channels (section 8.8)."""

from typing import Any

from torch import Tensor, nn

from d2l_common.checks.architectures import squeezed
from d2l_common.checks.images import check_channels, check_num_axes
from .linear import linear


class SE(nn.Module):
    """
    Squeeze and excitation: images `(n, num_channels, h, w)`, of the same shape (section 8.8).

    Each channel is multiplied by a number in (0, 1) that depends on the means of all channels. The
    section is that of the 2026 edition.

    Parameters
    ----------
    num_channels : int
    ratio : int
        Channels for each unit of the hidden layer between the means and the factors.
    generator : torch.Generator
        Draws the initial weights; PyTorch's global one if not given.

    Raises
    ------
    TypeError, ValueError
        If a number is not a positive integer, or `ratio` exceeds `num_channels`.
    """

    def __init__(self, num_channels: int, ratio: int = 4, generator: Any = None):
        super().__init__()
        width = squeezed(num_channels, ratio)
        self.num_channels = num_channels
        self.fc = nn.Sequential(
            linear(num_channels, width, generator=generator),
            nn.ReLU(),
            linear(width, num_channels, generator=generator),
            nn.Sigmoid(),
        )

    def forward(self, X: Tensor) -> Tensor:
        """Return `X`, each channel multiplied by its factor."""
        check_num_axes(4, X.shape)
        check_channels(self.num_channels, X.shape[1], X.shape)
        return X * self.fc(X.mean(dim=(2, 3)))[:, :, None, None]
