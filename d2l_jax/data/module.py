"""The base class of data modules (sections 3.2.3 and 3.3)."""

from d2l_common.data.module import DataModuleBase
from .loader import Loader


class DataModule(DataModuleBase):  # noqa: D101
    __doc__ = DataModuleBase.__doc__

    loader_class = Loader
