"""Compute in one precision in PyTorch, also where a model asks for float32."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from d2l_parity.activations import place_of_call


@contextmanager
def precision(dtype: str) -> Iterator[None]:
    """
    Make `dtype`, "float32" or "float64", the default float type, also of products on a GPU.

    With "float64", what asks for float32 gets float64: its rounding would hide differences.
    Gradients are computed, also where the caller has turned them off.
    """
    before = torch.get_default_dtype(), torch.get_float32_matmul_precision()
    torch.set_default_dtype(getattr(torch, dtype))
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.enable_grad():
            if dtype == "float32":
                yield
            else:
                with _Wide():
                    yield
    finally:
        torch.set_default_dtype(before[0])
        torch.set_float32_matmul_precision(before[1])


# Products take factors of one type only; a constant of the model may be of float32.
PRODUCTS = {"matmul", "__matmul__", "__rmatmul__", "mm", "bmm", "linear"}


def _is_float64(x: Any) -> bool:
    return isinstance(x, Tensor) and x.dtype is torch.float64


class _Wide(TorchFunctionMode):
    """Mode in which what asks for float32 gets float64."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call `func` with float64 for float32 among its arguments."""
        if func is Tensor.float:
            func = Tensor.double
        if func is F.hardsigmoid:  # its gradient in float64 has the 1/6 of float32
            return F.relu6(args[0] + 3) / 6
        if func.__name__ in PRODUCTS and any(_is_float64(x) for x in args):
            args = [x.double() if isinstance(x, Tensor) else x for x in args]
        kwargs = {name: _wide(value) for name, value in (kwargs or {}).items()}
        return func(*map(_wide, args), **kwargs)


def _wide(x: Any) -> Any:
    return torch.float64 if x is torch.float32 else x


def copy_as(model: nn.Module, dtype: str) -> Any:
    """Return a copy of `model` whose parameters and other tensors have the float type `dtype`."""
    model, kind = copy.deepcopy(model), getattr(torch, dtype)
    narrow = torch.float32, torch.float64
    for module in model.modules():
        places: tuple[Any, ...] = module._parameters, module._buffers, vars(module)
        for held in places:
            for name, x in held.items():
                if isinstance(x, Tensor) and x.dtype in narrow:
                    if isinstance(x, nn.Parameter):
                        x.data = x.data.to(kind)
                    else:
                        held[name] = x.to(kind)
                elif name == "dtype" and x in narrow:
                    held[name] = kind
    return model


class Narrowed(TorchDispatchMode):
    """
    Mode that collects where less precise numbers are computed from float64.

    Attributes
    ----------
    found : dict
        Its keys are texts such as "float16 at a.py:3".
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, None] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # To keep its compiler away from the mode, PyTorch would import it, which takes a second.
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call `func`, and compare the types of its arguments and results."""
        result = func(*args, **(kwargs or {}))
        given, returned = (_float_types(x) for x in ((args, kwargs), result))
        if torch.float64 in given:
            for dtype in returned - {torch.float64}:
                self.found[f"{str(dtype).removeprefix('torch.')} at {place_of_call()}"] = None
        return result


def _float_types(tree: Any) -> set[torch.dtype]:
    leaves = [x for x in tree_leaves(tree) if isinstance(x, Tensor)]
    return {x.dtype for x in leaves if x.is_floating_point()}
