"""Normalization layers that check their input (section 8.5.5)."""

from typing import Any

from torch import Tensor, nn

from d2l_common.checks.arguments import check_count
from d2l_common.checks.images import check_channels, check_num_axes, check_several_values
from d2l_common.checks.tensors import check_floating


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


class LazyBatchNorm1d(nn.LazyBatchNorm1d):
    """Batch normalization of vectors that infers its size from the first minibatch."""

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(nn.LazyBatchNorm2d):
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
