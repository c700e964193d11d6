"""Predicting house prices on Kaggle (section 5.7)."""

import numpy as np
from jax import Array
from jax import numpy as jnp

from d2l_common.data.house_prices import KaggleHouseBase
from d2l_jax.data.module import DataModule


class KaggleHouse(KaggleHouseBase, DataModule):  # noqa: D101
    __doc__ = KaggleHouseBase.__doc__

    def as_tensor(self, array: np.ndarray) -> Array:
        """Return an array as a JAX array of the default float type."""
        return jnp.asarray(array, dtype=float)
