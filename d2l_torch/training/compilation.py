"""The compilation of a fit: by `torch.compile`, if it is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def compiled(compile: bool | None, model: Any) -> Iterator[None]:
    """Within this context, if `compile` is true, calls of the model are compiled."""
    if not compile:
        yield
        return
    # From scratch in each fit: what dynamo keeps is bounded, beyond that it would not compile.
    torch.compiler.reset()
    before = model._compiled_call_impl
    on_gpu = any(param.is_cuda for param in model.parameters())
    model.compile(mode="reduce-overhead" if on_gpu else None)  # CUDA graphs
    try:
        yield
    finally:
        model._compiled_call_impl = before
