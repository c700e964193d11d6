"""Several processes that train together: what happens when one of them ends."""

from collections.abc import Iterator
from contextlib import contextmanager

# In what PyTorch and JAX say when a message does not arrive.
SIGNS = (
    "gloo",
    "nccl error",
    "processgroupnccl",
    "connection closed",
    "connection reset",
    "heartbeat",
)


@contextmanager
def together(rank: int, size: int) -> Iterator[None]:
    """
    Return a context in which a failure to reach another process is one sentence.

    Parameters
    ----------
    rank, size : int
        The number of this process, and of processes.

    Raises
    ------
    RuntimeError
        If one of several processes has ended, or does not answer.
    """
    try:
        yield
    except (RuntimeError, ValueError) as error:  # JAX raises either
        if not any(sign in str(error).lower() for sign in SIGNS):
            raise
        raise RuntimeError(
            f"process {rank} of {size} stops because another one has ended or does not answer; "
            "see its error, and go on with fit(..., resume=True)"
        ) from error
