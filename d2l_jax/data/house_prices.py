"""Predicting house prices on Kaggle (section 5.7)."""

from d2l_common.data.house_prices import KaggleHouseBase
from .module import DataModule


class KaggleHouse(KaggleHouseBase, DataModule):  # noqa: D101
    __doc__ = KaggleHouseBase.__doc__
