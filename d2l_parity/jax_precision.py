"""Compute in one precision in JAX, also where a model asks for float32."""

import copy
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import jax
import numpy as np
from flax import nnx
from jax import numpy as jnp
from jax._src import dtypes
from jax.extend.core import jaxprs_in_params, primitives

from d2l_jax.nn import cpu_convolution
from d2l_parity.activations import MACHINERY

# What asks for a type: `x.astype(jnp.float32)`, and products as in `jax.nn.dot_product_attention`.
CONVERSIONS = {
    primitives.convert_element_type_p: "new_dtype",
    primitives.dot_general_p: "preferred_element_type",
    primitives.conv_general_dilated_p: "preferred_element_type",
}

CHECK = "check_and_canonicalize_user_dtype"


@contextmanager
def precision(dtype: str) -> Iterator[None]:
    """
    Make `dtype`, "float32" or "float64", the default float type, also of products on a GPU.

    With "float64", what asks for float32 gets float64: its rounding would hide differences.
    """
    if dtype == "float32":
        with jax.enable_x64(False), jax.default_matmul_precision("highest"):
            yield
        return
    # "float32" is another name of "highest"; a name that nobody else uses with x64 keeps what is
    # traced here apart from what the user has traced.
    with jax.enable_x64(True), jax.default_matmul_precision("float32"), ExitStack() as restore:
        for primitive, parameter in CONVERSIONS.items():
            primitive.bind = _wide(primitive.bind, parameter)
            restore.callback(delattr, primitive, "bind")
        # What a `dtype` argument asks for. JAX has no public place for it; where this one is not
        # known, such arrays stay float32, and the report says so.
        checked = getattr(dtypes, CHECK, None)
        if checked is not None:
            setattr(
                dtypes,
                CHECK,
                lambda *args, **options: _float64_for_float32(checked(*args, **options)),
            )
            restore.callback(setattr, dtypes, CHECK, checked)
        yield


def _float64_for_float32(dtype: Any) -> Any:
    return np.dtype(np.float64) if dtype == np.float32 else dtype


def _wide(bind: Callable[..., Any], parameter: str) -> Callable[..., Any]:
    """Return `bind` with float64 for float32 in a parameter, if it is computed from float64."""

    def wide(*args: Any, **params: Any) -> Any:
        is_number = not isinstance(args[0], jax.Array)  # a constant meets arrays of its type
        if params.get(parameter) == np.float32 and is_float64(args[0]) and not is_number:
            if parameter == "new_dtype":
                return args[0]
            params[parameter] = np.dtype(np.float64)
        return bind(*args, **params)

    return wide


def is_float64(x: Any) -> bool:
    """Return whether an array, a tracer or an abstract value is of float64, not by default."""
    return getattr(x, "dtype", None) == np.float64 and not getattr(x, "weak_type", False)


def copy_as(model: Any, dtype: str) -> Any:
    """
    Return a copy of `model` whose parameters and other state have the float type `dtype`.

    Layers that compute in float32 whatever they are given (`nnx.Embed`, and each with
    `dtype=jnp.float32`) compute in `dtype`; convolutions take the forms for a CPU, as in a fit.
    """
    model = copy.deepcopy(model)
    narrow = np.float32, np.float64

    def cast(x: Any) -> Any:
        # By NumPy, since JAX would compile a program for each shape.
        is_float = getattr(x, "dtype", None) in narrow
        return jax.device_put(np.asarray(x).astype(dtype)) if is_float else x

    nnx.update(model, jax.tree.map(cast, nnx.state(model)))
    cpu_convolution.use_in(model)
    for _, module in nnx.iter_modules(model):
        for name in ("dtype", "param_dtype"):
            if getattr(module, name, None) in narrow:
                setattr(module, name, jnp.dtype(dtype).type)
    return model


def narrowed(function: Callable[..., Any], *args: Any) -> list[str]:
    """Return where `function` leaves float64 for less, as "float16 at a.py:3"."""
    found: dict[str, None] = {}
    _search(jax.make_jaxpr(function)(*args).jaxpr, found)
    return list(found)


def _search(jaxpr: Any, found: dict[str, None]) -> None:
    jaxpr = getattr(jaxpr, "jaxpr", jaxpr)
    for equation in jaxpr.eqns:
        inner = list(jaxprs_in_params(equation.params))
        for each in inner:
            _search(each, found)
        wide = any(is_float64(x.aval) for x in equation.invars if hasattr(x, "aval"))
        for out in equation.outvars:
            dtype = getattr(out.aval, "dtype", None)
            if dtype is None or not jnp.issubdtype(dtype, jnp.floating):
                continue
            if wide and dtype != np.float64 and not inner:
                found[f"{dtype.name} at {_place(equation)}"] = None


def _place(equation: Any) -> str:
    traceback = equation.source_info.traceback
    for frame in traceback.frames if traceback else ():
        parts = frame.file_name.replace("\\", "/").split("/")
        if not MACHINERY & set(parts) and "<" not in frame.file_name:
            return f"{parts[-1]}:{frame.line_num}"
    return equation.primitive.name
