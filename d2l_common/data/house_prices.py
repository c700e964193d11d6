"""The house prices of a Kaggle competition: reading, preprocessing, folds (section 5.7)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from d2l_common.arrays import to_numpy
from d2l_common.checks.arguments import check_count
from d2l_common.data.download import has_checksum
from d2l_common.data.hub import DATA_URL, download
from d2l_common.data.module import DataModuleBase

if TYPE_CHECKING:  # pandas is slow to import, so functions import it when they run
    import pandas as pd

TARGET = "SalePrice"
FILES = {
    "kaggle_house_pred_train.csv": "585e9cc93e70b39160e7921475f9bcd7d31219ce",
    "kaggle_house_pred_test.csv": "fa19780a7b011d9b009e8bff8e99922a8ee2eb90",
}


def read_house_prices(root: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """
    Return the competition's training table and test table, downloaded into `root` if missing.

    A table of other contents that is already there is used, with a warning.

    Raises
    ------
    ConnectionError
        If a table is missing and cannot be downloaded.
    ValueError
        If a table lacks the column `Id`, or the training table the column `SalePrice`.
    """
    import pandas as pd

    tables = []
    for name, sha1_hash in FILES.items():
        path = Path(root) / name
        found = path if path.exists() else download(DATA_URL + name, root, sha1_hash)
        if not has_checksum(Path(found), f"sha1:{sha1_hash}"):  # it may be the reader's own
            warnings.warn(
                f"{found} is not the official table, so results will differ from the book's",
                stacklevel=3,
            )
        tables.append(pd.read_csv(found))
    train, test = tables
    for name, table, columns in zip(FILES, tables, (("Id", TARGET), ("Id",)), strict=True):
        for column in columns:
            if column not in table:
                raise ValueError(f"{name} must have a column {column!r}")
    return train, test


def preprocess(
    raw_train: pd.DataFrame, raw_other: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """
    Return both tables as numbers: standardized, without missing values, one column a category.

    Mean and standard deviation are those of `raw_train`, so that nothing leaks from the other
    table. A missing number becomes the mean; a missing category is a category of its own.

    Parameters
    ----------
    raw_train, raw_other : DataFrames with the competition's columns
        With `SalePrice` or without.

    Returns
    -------
    two DataFrames
        With the same columns, float64, and `SalePrice` last if the raw table has it.
    """
    import pandas as pd

    raws = (raw_train, raw_other)
    features = [table.drop(columns=["Id", TARGET], errors="ignore") for table in raws]
    numeric = features[0].select_dtypes("number").columns
    mean, std = features[0][numeric].mean(), features[0][numeric].std().replace(0, 1)
    done = []
    for table in features:
        numbers = ((table[numeric] - mean) / std).fillna(0)
        categories = pd.get_dummies(table.drop(columns=numeric), dummy_na=True, dtype=float)
        done.append(pd.concat([numbers, categories], axis=1))
    # Only the columns of the training table: a model learns nothing about other categories.
    done[1] = done[1].reindex(columns=done[0].columns, fill_value=0)
    for table, raw in zip(done, raws, strict=True):
        if TARGET in raw:
            table[TARGET] = raw[TARGET].astype(float)
    return done[0].astype(float), done[1].astype(float)


def folds(table: pd.DataFrame, k: int, seed: int = 0) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """
    Cut a table into `k` folds: each validates once, while the others train (section 3.6.2.2).

    Parameters
    ----------
    table : DataFrame
    k : int
        From 2 to the number of rows.
    seed : int
        Determines how the rows are shuffled first.

    Returns
    -------
    list of `k` pairs (training rows, validation rows)
        Fold sizes differ by one at most.

    Raises
    ------
    TypeError, ValueError
        If `k` is not an integer, is below 2, or is larger than the table.
    """
    check_count("k", k, minimum=2)
    if k > len(table):
        raise ValueError(f"k must be at most the number of rows, {len(table)}, got {k}")
    order = np.random.default_rng(seed).permutation(len(table))
    parts = np.array_split(order, k)
    return [
        (table.iloc[np.concatenate(parts[:i] + parts[i + 1 :])], table.iloc[part])
        for i, part in enumerate(parts)
    ]


class KaggleHouseBase(DataModuleBase):
    """
    The houses of the competition: their features, and the logarithm of their prices (section 5.7).

    The two tables are read from `root`, and downloaded into it if they are missing.

    Parameters
    ----------
    batch_size : int
    train, val : pandas.DataFrame
        Preprocessed tables, such as a fold; if not given, the competition's, which `preprocess`
        turns into numbers.
    root : str
        The folder of data files.
    seed : int
        Determines the order of the training examples.

    Attributes
    ----------
    raw_train, raw_val : pandas.DataFrame
        The tables as they were read.
    train, val : pandas.DataFrame
        The tables as numbers.

    Raises
    ------
    ConnectionError
        If the tables are missing and cannot be downloaded.
    """

    def __init__(
        self,
        batch_size: int,
        train: pd.DataFrame | None = None,
        val: pd.DataFrame | None = None,
        root: str = "../data",
        seed: int = 0,
    ):
        super().__init__(root)
        self.save_hyperparameters()
        if train is None:
            self.raw_train, self.raw_val = read_house_prices(root)

    def preprocess(self) -> None:
        """Convert both tables to numbers, by the mean and deviation of the training table."""
        self.train, self.val = preprocess(self.raw_train, self.raw_val)

    @property
    def num_features(self) -> int:
        """Number of features of a house, after `preprocess`."""
        return self.table(train=True).shape[1] - 1

    def table(self, train: bool) -> pd.DataFrame:
        """
        Return the table for training, or the one for validation.

        Raises
        ------
        RuntimeError
            If `preprocess` has not been called.
        """
        table = self.train if train else self.val
        if table is None:
            raise RuntimeError("the tables must be preprocessed; call data.preprocess() first")
        return table

    def k_fold(self, k: int) -> list[Any]:
        """
        Return `k` data modules, each with a different part of the training table for validation.

        Each is preprocessed by itself, so that nothing leaks from its validation part. All have
        the columns of the complete table, 0 for a category that a fold lacks, so that their models
        can predict the test houses' prices.

        Raises
        ------
        TypeError, ValueError
            If `k` is not an integer, is below 2, or is larger than the table.
        """
        columns = preprocess(self.raw_train, self.raw_val)[0].columns
        tables = [
            [table.reindex(columns=columns, fill_value=0) for table in preprocess(train, val)]
            for train, val in folds(self.raw_train, k, self.seed)
        ]
        make: Any = type(self)
        return [make(self.batch_size, *pair, root=self.root, seed=self.seed) for pair in tables]

    def submission(self, models: list[Any]) -> pd.DataFrame:
        """
        Return the table to submit to the competition: the test houses' prices (section 5.7.7).

        Parameters
        ----------
        models : list of models
            Their predictions, logarithms of prices, are averaged.

        Returns
        -------
        DataFrame
            The columns `Id` and `SalePrice`; write it with `to_csv(path, index=False)`.
        """
        import pandas as pd

        X = self.features(self.table(train=False))
        logs = np.mean([to_numpy(model(X)).astype(float).reshape(-1) for model in models], axis=0)
        return pd.DataFrame({"Id": self.raw_val["Id"].to_numpy(), TARGET: np.exp(logs)})

    def get_dataloader(self, train: bool) -> Any:
        """Return the loader of features and logarithms of prices; None if there are no prices."""
        table = self.table(train)
        if TARGET not in table:
            return None
        # Of logarithms the squared loss measures relative errors, as the competition does.
        y = np.log(table[TARGET].to_numpy(dtype=float)).reshape(-1, 1)
        return self.get_tensorloader((self.features(table), self.as_tensor(y)), train)

    def features(self, table: pd.DataFrame) -> Any:
        """Return the features of a preprocessed table as a tensor `(n, num_features)`."""
        return self.as_tensor(table.drop(columns=TARGET, errors="ignore").to_numpy(dtype=float))


def k_fold(
    trainer: Any, data: KaggleHouseBase, k: int, make_model: Callable[[Any], Any]
) -> tuple[list[Any], list[float]]:
    """
    Train a model on each of `k` folds (section 5.7.6).

    Parameters
    ----------
    trainer : Trainer
    data : KaggleHouse
    k : int
        From 2 to the number of rows.
    make_model : callable
        `make_model(fold)` returns a new model for the data module of a fold.

    Returns
    -------
    models : list of `k` models
    losses : list of `k` floats
        The last validation loss of each model.

    Raises
    ------
    TypeError, ValueError
        If `k` is not an integer, is below 2, or is larger than the table.
    """
    models, losses = [], []
    for fold in data.k_fold(k):
        models.append(make_model(fold))
        losses.append(float(trainer.fit(models[-1], fold).val_loss[-1]))
    return models, losses
