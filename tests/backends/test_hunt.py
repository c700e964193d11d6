"""
A random hunt for arrays on which the backends disagree without a word.

Each public function that takes arrays gets arrays of any kind, mostly unfit: both backends raise
the same error, or return the same numbers. `HUNT_EXAMPLES=1000` with `HUNT_RANDOM=1` hunts longer
and with new seeds.
"""

import os
import re
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parity_tests.support.backends import BACKENDS

EXAMPLES = int(os.environ.get("HUNT_EXAMPLES", 6))
always = settings(
    max_examples=EXAMPLES,
    derandomize="HUNT_RANDOM" not in os.environ,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

DTYPES = ("float32", "float64", "int64", "int32", "int8", "uint8", "bool", "float16", ">f4", "<U1")
SPECIAL = (0, 1, -1, 2, 3, 0.5, -1.5, 300, 2**31, 2**40, -(2**33), 1e30, np.nan, np.inf, -np.inf)


@st.composite
def arrays(draw, dtypes=DTYPES, values=SPECIAL, shapes=None):
    """Draw an array of NumPy, a view of one with negative strides, a list, or a number."""
    few = st.lists(st.integers(0, 3), max_size=3).map(tuple)
    shape = draw(few if shapes is None else shapes)
    dtype = draw(st.sampled_from(dtypes))
    size = int(np.prod(shape))
    numbers = draw(st.lists(st.sampled_from(values), min_size=size, max_size=size))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array = np.array(numbers, np.float64).reshape(shape)
        if np.dtype(dtype).kind in "iub":
            array = np.nan_to_num(array, posinf=7, neginf=-7).astype(np.int64)
        array = array.astype(dtype)
    form = draw(st.sampled_from(["array", "array", "array", "view", "list", "masked"]))
    if form == "view" and array.ndim:
        return array[::-1]
    if form == "masked":
        return np.ma.masked_array(array, mask=np.zeros(shape, bool))
    return array.tolist() if form == "list" else array


PLAIN = arrays()
FLOATS = arrays(("float32",), (0, 1, -1, 0.5, -2.5, np.nan, np.inf))
SHAPES = st.sampled_from([(2, 3), (2,), (3,), (2, 1), (1, 3), (), (0, 3), (3, 2), (1,)])
SCORES = arrays(("float32", "float32", "int64"), (0.1, 0.5, 1, -2, np.nan), SHAPES)
LABELS = arrays(("int64", "int32", "uint8", "int8", "bool", "float32"), (0, 1, 2, 3, -1), SHAPES)
AXIS = st.sampled_from([None, 0, 1, -1, 2, -4, 0.5, (0, 1), (0, 0), (), True])
SIZE = st.sampled_from([(2, 3), (-1,), (6,), (3, -1), (0, -1), (-1, -1), (-2,), (2.0,), 6, ()])
NUMBER = st.sampled_from([0, 1, -1, 2.5, 0.5, np.nan, np.inf, "1", None, True, np.int8(2)])
INDEX = st.sampled_from(
    [
        *(0, -1, 5, 0.5, None, Ellipsis, slice(0, 2), slice(None, None, -1), (0, 1), [0, 1], True),
        *([True], np.array([0, 1], "uint8"), np.array([1.0]), np.array([2**40]), (slice(None), 0)),
    ]
)


def call(name, *arguments):
    """Return how a function of the library is called, with strategies of its arguments."""
    return (lambda d2l, *args: getattr(d2l, name)(*args)), st.tuples(*arguments)


ONE = ("exp", "log", "sin", "cos", "sinh", "cosh", "tanh", "sigmoid", "abs", "transpose", "size")
ONE += ("tensor", "ones_like", "zeros_like", "relu", "softmax", "entropy", "l2_penalty")
CALLS = {name: call(name, PLAIN) for name in ONE} | {
    "reduce_sum": call("reduce_sum", PLAIN, AXIS),
    "reduce_mean": call("reduce_mean", PLAIN, AXIS),
    "argmax": call("argmax", PLAIN, AXIS),
    "reshape": call("reshape", PLAIN, SIZE),
    "expand_dims": call("expand_dims", PLAIN, AXIS),
    "swapaxes": call("swapaxes", PLAIN, AXIS, AXIS),
    "repeat": call("repeat", PLAIN, NUMBER, AXIS),
    "concat": call("concat", st.lists(FLOATS, max_size=3), AXIS),
    "stack": call("stack", st.lists(FLOATS, max_size=3), AXIS),
    "concat of any": call("concat", st.lists(PLAIN, max_size=2)),
    "meshgrid": call("meshgrid", FLOATS, FLOATS),
    "matmul": call("matmul", FLOATS, FLOATS),
    "batch_matmul": call("batch_matmul", FLOATS, FLOATS),
    "index_update": call("index_update", PLAIN, INDEX, PLAIN),
    "index_update of floats": call("index_update", FLOATS, INDEX, FLOATS),
    "arange": call("arange", NUMBER, NUMBER, NUMBER),
    "linspace": call("linspace", NUMBER, NUMBER, NUMBER),
    "eye": call("eye", NUMBER, NUMBER),
    "prelu": call("prelu", PLAIN, NUMBER | FLOATS),
    "linreg": call("linreg", SCORES, FLOATS, FLOATS),
    "squared_loss": call("squared_loss", SCORES, SCORES | LABELS),
    "cross_entropy": call("cross_entropy", SCORES, LABELS),
    "softmax_cross_entropy": call("softmax_cross_entropy", SCORES, LABELS),
    "losses": call("softmax_cross_entropy", SCORES, LABELS, st.just(False)),
    "accuracy": call("accuracy", SCORES, LABELS),
    "kl_divergence": call("kl_divergence", SCORES, SCORES),
    "normal_density": call("normal_density", PLAIN, NUMBER | FLOATS, NUMBER),
    "confusion_matrix": call("confusion_matrix", LABELS, LABELS, NUMBER | st.just(3)),
    "label_shift_weights": call("label_shift_weights", SCORES, LABELS),
    "dropout_layer": call("dropout_layer", PLAIN, NUMBER, SCORES),
    "sgd": (lambda d2l, p, g, lr: d2l.sgd(d2l.tensor(p), d2l.tensor(g), lr),
            st.tuples(FLOATS, FLOATS, NUMBER)),
    "grad": (lambda d2l, x: d2l.grad(lambda x: d2l.reduce_sum(d2l.sin(x)))(x), st.tuples(PLAIN)),
    "astype": (lambda d2l, x: d2l.astype(x, d2l.float32), st.tuples(PLAIN)),
    "tensor of int32": (lambda d2l, x: d2l.tensor(x, dtype=d2l.int32), st.tuples(PLAIN)),
    "tensor of float32": (lambda d2l, x: d2l.tensor(x, dtype=d2l.float32), st.tuples(PLAIN)),
    "loader": (lambda d2l, X, y: list(loader(d2l, X, y)), st.tuples(PLAIN, PLAIN)),
    "forward_propagation": (
        lambda d2l, X, y, lambd: d2l.forward_propagation(
            {"W1": d2l.ones(3, 2), "W2": d2l.ones(2, 1)}, X, y, lambd
        ),
        st.tuples(SCORES, SCORES, NUMBER),
    ),
}  # fmt: skip


def loader(d2l, X, y):
    return type("Data", (d2l.DataModule,), {"batch_size": 2})().get_tensorloader((X, y), False)


def outcome(function, d2l, args):
    """Return the error of a call as text, or its result as a list of arrays."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = flat(function(d2l, *args))
            return [np.asarray(d2l.numpy(x)) for x in result]
    except Exception as error:
        return re.sub(r"\b(u?int|float)(32|64)\b", r"\1", f"{type(error).__name__}: {error}")


def flat(result):
    """Return the tensors in a result of lists, tuples and dicts."""
    if isinstance(result, dict):
        result = [result[name] for name in sorted(result)]
    if not isinstance(result, list | tuple):
        return [result]
    return [tensor for part in result for tensor in flat(part)]


# Differences that docs/differences.md names, by what PyTorch or JAX says.
NAMED = re.compile(
    "OverflowError.*range of int,"  # integers of 64 bits in PyTorch alone
    "|expected m1 and m2 to have the same dtype|must have the same dtype"  # mixed dtypes
)


def assert_same(jax, torch):
    """Raise an AssertionError unless both outcomes are the same error or the same numbers."""
    if any(isinstance(x, str) and NAMED.search(x) for x in (jax, torch)):
        return
    if isinstance(jax, str) or isinstance(torch, str):
        assert jax == torch
        return
    assert len(jax) == len(torch)
    for one, other in zip(jax, torch, strict=True):
        assert one.shape == other.shape
        # The sum of bytes is unsigned in JAX.
        assert one.dtype.kind.replace("u", "i") == other.dtype.kind.replace("u", "i")
        # Operations on float16 are some 1e-3 apart.
        np.testing.assert_allclose(one, other, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("name", CALLS)
def test_hunt(name):
    function, arguments = CALLS[name]

    @always
    @given(arguments)
    def holds(args):
        assert_same(*(outcome(function, BACKENDS[backend], args) for backend in BACKENDS))

    holds()
