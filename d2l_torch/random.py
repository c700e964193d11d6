"""Sources of randomness for readers who pass none."""

import random

import torch

_seeds = random.Random(0)


def get_key() -> torch.Generator:
    """
    Return a new `torch.Generator`, seeded by `torch.manual_seed`'s stream (section 3.2).

    The counterpart of the key in the book's JAX edition: pass it as `generator=`.
    """
    seed = int(torch.randint(2**63 - 1, ()))
    return torch.Generator().manual_seed(seed)


def get_seed() -> int:
    """Return the next integer of one stream, a seed for other libraries (section 4.4)."""
    return _seeds.randint(0, 10**6)
