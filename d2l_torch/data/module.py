"""The base class of data modules (sections 3.2.3 and 3.3)."""

from d2l_common.data.module import DataModuleBase
from d2l_torch.data.loader import Loader


class DataModule(DataModuleBase):
    """
    The base class of data (section 3.2.3).

    A subclass sets `self.batch_size` and defines `get_dataloader(train)`.

    Parameters
    ----------
    root : str
        The folder of data files.
    num_workers : int
        Kept for the book's own loaders; those of the library need no workers.
    """

    loader_class = Loader
