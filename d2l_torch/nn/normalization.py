"""Normalization layers that check their input (section 8.5.5)."""

from typing import Any

from torch import Tensor, nn

from d2l_common.checks.arguments import check_count, check_positive
from d2l_common.checks.images import check_channels, check_num_axes, check_several_values
from d2l_common.checks.tensors import check_floating, check_last_axis
from .lazy import LearnsInit


class Checked:
    """Mixin of PyTorch's batch normalization that raises the library's errors."""

    num_axes: int
    training: bool
    num_features: int

    def forward(self, X: Tensor) -> Tensor:
        """Return `X` normalized; in training mode, update the moving averages."""
        check_floating("X", X.is_floating_point(), X.dtype)
        check_num_axes(self.num_axes, X.shape)
        check_channels(self.num_features, X.shape[1], X.shape)
        if self.training:
            check_several_values(X.numel() // X.shape[1], X.shape)
        return super().forward(X)  # type: ignore[misc]


class BatchNorm1d(Checked, nn.BatchNorm1d):
    """Batch normalization of vectors `(n, num_features)`."""

    num_axes = 2


class BatchNorm2d(Checked, nn.BatchNorm2d):
    """Batch normalization of images `(n, num_features, h, w)`."""

    num_axes = 4


class LearnsFeatures(LearnsInit):
    """Mixin of PyTorch's lazy batch normalization, for a `num_features` that is never 0."""

    weight: Any

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give the layer its shape; PyTorch leaves its number at 0 after a `load_state_dict`."""
        super().initialize_parameters(*args, **kwargs)
        self.num_features = len(self.weight)


class LazyBatchNorm1d(LearnsFeatures, nn.LazyBatchNorm1d):
    """Batch normalization of vectors that infers its size from the first minibatch."""

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(LearnsFeatures, nn.LazyBatchNorm2d):
    """Batch normalization of images that infers its size from the first minibatch."""

    cls_to_become = BatchNorm2d


def batch_norm_1d(num_features: int | None = None) -> Any:
    """Return batch normalization of vectors; None infers `num_features` at the first call."""
    if num_features is None:
        return LazyBatchNorm1d()
    return BatchNorm1d(check_count("num_features", num_features))


def batch_norm_2d(num_features: int | None = None) -> Any:
    """Return batch normalization of images; None infers `num_features` at the first call."""
    if num_features is None:
        return LazyBatchNorm2d()
    return BatchNorm2d(check_count("num_features", num_features))


class LayerNorm(nn.LayerNorm):
    """
    Layer normalization of the last axis: `(..., num_features)`.

    Parameters
    ----------
    num_features : int
    eps : float
        Added to the variance.

    Raises
    ------
    TypeError, ValueError
        If `num_features` is not a positive integer, or `eps` is not a positive number.
    """

    def __init__(self, num_features: int, eps: float = 1e-5):
        super().__init__(check_count("num_features", num_features), check_positive("eps", eps))

    def forward(self, X: Tensor) -> Tensor:
        """Return `X` normalized."""
        check_floating("X", X.is_floating_point(), X.dtype)
        check_last_axis(self.normalized_shape[0], X.shape)
        return super().forward(X)


class LayerNorm2d(LayerNorm):
    """Layer normalization of the channels of images `(n, num_features, h, w)`."""

    def forward(self, X: Tensor) -> Tensor:
        """Return `X` normalized at each pixel."""
        check_num_axes(4, X.shape)
        check_channels(self.normalized_shape[0], X.shape[1], X.shape)
        return super().forward(X.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
