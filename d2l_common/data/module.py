"""The framework-free half of a DataModule, and the numbers of the synthetic regression data."""

from typing import Any

from d2l_common.hyperparameters import HyperParameters


class DataModuleBase(HyperParameters):
    """
    What the data modules of both backends do alike (section 3.2.3 of the book).

    A subclass sets `self.batch_size` and defines `get_dataloader`; it may set `self.seed`, from
    which, with the number of the pass, the order of the training examples comes.
    """

    seed = 0
    batch_size: int
    _epoch = 0

    def __init__(self, root: str = "../data", num_workers: int = 4):
        self.save_hyperparameters()

    def get_dataloader(self, train: bool) -> Any:
        """Return an iterable over minibatches: of the training data, or of the validation data."""
        raise NotImplementedError

    def train_dataloader(self) -> Any:
        """Return the loader of the training data."""
        return self.get_dataloader(train=True)

    def val_dataloader(self) -> Any:
        """Return the loader of the validation data; None where there is none."""
        return self.get_dataloader(train=False)

    def _next_epoch(self) -> int:
        # Kept here, not in a loader, so that loaders made anew each epoch still reshuffle.
        self._epoch += 1
        return self._epoch - 1
