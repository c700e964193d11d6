"""The order in which a training run sees its examples: NumPy's, so the same for both backends."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from d2l_common.checks.arguments import check_count, check_not_empty


@dataclass(frozen=True)
class BatchPlan:
    """
    Assignment of examples to minibatches, determined by `(seed, epoch)` alone.

    The last minibatch is smaller when `batch_size` does not divide `num_examples`; it is kept.

    Attributes
    ----------
    num_examples, batch_size : int
        Both at least 1.
    shuffle : bool
        A new order each epoch; otherwise the order of the data.
    seed : int
        Not negative.

    Raises
    ------
    TypeError, ValueError
        If `num_examples`, `batch_size` or `seed` is not an integer, or is too small.
    """

    num_examples: int
    batch_size: int
    shuffle: bool
    seed: int = 0

    def __post_init__(self) -> None:
        check_not_empty("the data set", self.num_examples)
        check_count("batch_size", self.batch_size)
        check_count("seed", self.seed, minimum=0)

    def __len__(self) -> int:
        """Return the number of minibatches an epoch."""
        return -(-self.num_examples // self.batch_size)

    def order(self, epoch: int) -> np.ndarray:
        """Return the examples' indices in the order of epoch `epoch`: int32, `(num_examples,)`."""
        indices = np.arange(self.num_examples, dtype=np.int32)
        if not self.shuffle:
            return indices
        return np.random.default_rng((self.seed, epoch)).permutation(indices)

    def split(self, order: np.ndarray) -> Iterator[np.ndarray]:
        """Yield `order` one minibatch at a time: int32, `(batch_size,)` or fewer at the end."""
        for start in range(0, len(order), self.batch_size):
            yield order[start : start + self.batch_size]
