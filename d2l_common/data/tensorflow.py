"""The one name of TensorFlow that the book's JAX cells use, without TensorFlow."""

from types import SimpleNamespace
from typing import Any


def set_seed(seed: Any) -> None:
    """
    Do nothing: no loader shuffles with TensorFlow.

    Cells of the book call it as `d2l.tf.random.set_seed` before a fit. Here a data module's own
    `seed` and the number of the epoch determine the order of the examples.
    """


tf = SimpleNamespace(random=SimpleNamespace(set_seed=set_seed))
