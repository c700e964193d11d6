"""Sources of randomness for readers who pass none."""

import random

import torch

_seeds = random.Random(0)


def get_key() -> torch.Generator:
    """
    Return a new `torch.Generator`, seeded by PyTorch's global one, so by `torch.manual_seed`.

    The counterpart of the key in the book's JAX edition: pass it as `generator=`.
    """
    seed = int(torch.randint(2**63 - 1, ()))
    return torch.Generator().manual_seed(seed)


def get_seed() -> int:
    """Return the next integer of one stream, as a seed for generators of other libraries."""
    return _seeds.randint(0, 10**6)
