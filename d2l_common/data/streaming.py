"""Data that does not fit on the device: an epoch in chunks, each fetched while one is computed."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

Rows = TypeVar("Rows")

# Large enough that a chunk's own costs (some 0.3 ms) do not show, small enough that the first
# one, for which the device waits, comes soon.
CHUNK_BYTES = 2**23


def chunk_size(bytes_per_example: float, batch_size: int, room: int) -> int:
    """
    Return how many examples make a chunk: whole minibatches, at least one.

    Two chunks are on the device at a time, the one that is computed with and the next; together
    they take at most `room` bytes, if that holds two minibatches.
    """
    num_bytes = min(CHUNK_BYTES, room // 2)
    return max(1, int(num_bytes // (batch_size * bytes_per_example))) * batch_size


def fetched_ahead(
    fetch: Callable[[np.ndarray], Rows], order: np.ndarray, size: int
) -> Iterator[Rows]:
    """
    Yield `fetch(part)` for each `size` entries of `order`; a thread fetches the next meanwhile.

    The thread ends with the iteration, also with one that an error or an interrupt ends.

    Parameters
    ----------
    fetch : callable
        Returns the examples of these numbers. It runs in a thread of its own, so it must not
        depend on settings that belong to a thread, as JAX's precision does.
    order : integer array of shape `(num_examples,)`
    size : int
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="data") as thread:
        waiting: Future[Rows] | None = None
        for start in range(0, len(order), size):
            ready, waiting = waiting, thread.submit(fetch, order[start : start + size])
            if ready is not None:
                yield ready.result()
        if waiting is not None:
            yield waiting.result()
