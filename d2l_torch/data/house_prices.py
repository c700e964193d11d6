"""Predicting house prices on Kaggle (section 5.7)."""

from typing import TYPE_CHECKING

import torch

from d2l_common.data.house_prices import TARGET, KaggleHouseBase, log_prices, read_house_prices
from d2l_common.data.loader import TensorLoader
from d2l_torch.data.module import DataModule

if TYPE_CHECKING:
    import pandas as pd


class KaggleHouse(KaggleHouseBase, DataModule):
    """
    The houses of the competition: their features, and the logarithm of their prices (section 5.7).

    The two tables are read from `root`, or downloaded to it.

    Parameters
    ----------
    batch_size : int
    train, val : pandas DataFrames
        Preprocessed tables, of a fold; if not given, the competition's own, before
        `preprocess()`.
    root : str
        The folder of data files.
    seed : int
        Of the order of the training examples.

    Attributes
    ----------
    raw_train, raw_val : DataFrames
        The tables as they were read.
    train, val : DataFrames
        The tables as numbers.

    Raises
    ------
    ConnectionError
        If the tables are not there and cannot be downloaded.
    """

    def __init__(self, batch_size: int, train=None, val=None, root: str = "../data", seed: int = 0):
        super().__init__(root)
        self.save_hyperparameters()
        if self.train is None:
            self.raw_train, self.raw_val = read_house_prices(root)

    def get_dataloader(self, train: bool) -> TensorLoader | None:
        """Return the loader of a table; None if it has no prices, as that of the test houses."""
        table = self.table(train)
        if TARGET not in table:
            return None
        y = torch.tensor(log_prices(table), dtype=torch.get_default_dtype())
        return self.get_tensorloader((self.features(table), y), train)

    def features(self, table: "pd.DataFrame") -> torch.Tensor:
        """Return the features of a preprocessed table as a tensor `(n, num_features)`."""
        X = table.drop(columns=TARGET, errors="ignore").to_numpy(dtype=float)
        return torch.tensor(X, dtype=torch.get_default_dtype())
