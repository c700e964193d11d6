"""Predicting house prices on Kaggle (section 5.7)."""

import numpy as np
import torch
from torch import Tensor

from d2l_common.data.house_prices import KaggleHouseBase
from d2l_torch.data.module import DataModule


class KaggleHouse(KaggleHouseBase, DataModule):  # noqa: D101
    __doc__ = KaggleHouseBase.__doc__

    def as_tensor(self, array: np.ndarray) -> Tensor:
        """Return an array as a tensor of the default float type."""
        return torch.tensor(array, dtype=torch.get_default_dtype())
