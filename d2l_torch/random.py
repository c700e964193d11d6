"""Where random numbers come from when a reader names no source."""

import random

import torch

_seeds = random.Random(0)


def get_key() -> torch.Generator:
    """
    Return a new `torch.Generator`, seeded by PyTorch's global one (so by `torch.manual_seed`).

    It stands where the book's JAX edition hands out a key: pass it as `generator=`.
    """
    seed = int(torch.randint(2**63 - 1, ()))
    return torch.Generator().manual_seed(seed)


def get_seed() -> int:
    """Return a new integer seed, for generators of other libraries: the next of one stream."""
    return _seeds.randint(0, 10**6)
