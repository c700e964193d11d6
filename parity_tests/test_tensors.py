"""
The book's tensor names mean the same on both, and what NumPy means by them.

Elementary functions, products and sums, as functions of any numbers, are in test_properties.py.
"""

import jax
import numpy as np
import pytest
import torch
from flax import nnx
from jax import numpy as jnp

from d2l_parity import assert_within
from parity_tests.support.backends import BACKENDS, precision

M = np.arange(6, dtype=np.float32).reshape(2, 3) / 4 - 0.5

# The dtype of a result, by the default float type: integers are of 32 bits in JAX unless it is
# asked for 64, and floats, too; in PyTorch integers have 64 bits.
DTYPES = {
    "float": {"float32": ("float32", "float32"), "float64": ("float64", "float64")},
    "integer": {"float32": ("int32", "int64"), "float64": ("int64", "int64")},
    # What is asked for, and what is given in M or in a NumPy array.
    "float32": {"float32": ("float32", "float32"), "float64": ("float32", "float32")},
    "float64": {"float32": ("float32", "float64"), "float64": ("float64", "float64")},
    "int32": {"float32": ("int32", "int32"), "float64": ("int32", "int32")},
    "int64": {"float32": ("int32", "int64"), "float64": ("int64", "int64")},
    "bool": {"float32": ("bool", "bool"), "float64": ("bool", "bool")},
}

# What is called, the values that NumPy gives, and their dtype.
CASES = {
    "ones, loose": (lambda d2l: d2l.ones(2, 3), np.ones((2, 3)), "float"),
    "ones, tuple": (lambda d2l: d2l.ones((2, 3)), np.ones((2, 3)), "float"),
    "ones of int32": (lambda d2l: d2l.ones(3, dtype=d2l.int32), np.ones(3), "int32"),
    "ones of float64": (lambda d2l: d2l.ones(3, dtype=d2l.float64), np.ones(3), "float64"),
    "zeros, loose": (lambda d2l: d2l.zeros(2, 3), np.zeros((2, 3)), "float"),
    "zeros, tuple": (lambda d2l: d2l.zeros((2, 0)), np.zeros((2, 0)), "float"),
    "zeros of int64": (lambda d2l: d2l.zeros(3, dtype=d2l.int64), np.zeros(3), "int64"),
    "ones_like": (lambda d2l: d2l.ones_like(d2l.tensor(M)), np.ones_like(M), "float32"),
    "ones_like of int32": (
        lambda d2l: d2l.ones_like(d2l.tensor(M), dtype=d2l.int32),
        np.ones_like(M),
        "int32",
    ),
    "zeros_like": (lambda d2l: d2l.zeros_like(d2l.tensor([1, 2])), [0, 0], "integer"),
    "zeros_like of float32": (
        lambda d2l: d2l.zeros_like(d2l.tensor([1, 2]), dtype=d2l.float32),
        [0, 0],
        "float32",
    ),
    "arange": (lambda d2l: d2l.arange(4), np.arange(4), "integer"),
    "arange to a float": (lambda d2l: d2l.arange(4.0), np.arange(4), "float"),
    "arange from": (lambda d2l: d2l.arange(1, 9, 3), np.arange(1, 9, 3), "integer"),
    "arange down": (lambda d2l: d2l.arange(3, 0, -1), [3, 2, 1], "integer"),
    "arange in quarters": (lambda d2l: d2l.arange(0, 1, 0.25), [0, 0.25, 0.5, 0.75], "float"),
    "arange by keyword": (lambda d2l: d2l.arange(start=2, end=4), np.arange(2, 4), "integer"),
    "arange of float32": (lambda d2l: d2l.arange(3, dtype=d2l.float32), [0, 1, 2], "float32"),
    "linspace": (lambda d2l: d2l.linspace(0, 1, 5), np.linspace(0, 1, 5), "float"),
    "linspace, default": (lambda d2l: d2l.linspace(-1, 3), np.linspace(-1, 3, 100), "float"),
    "linspace of float32": (
        lambda d2l: d2l.linspace(0, 1, 3, dtype=d2l.float32),
        [0, 0.5, 1],
        "float32",
    ),
    "eye": (lambda d2l: d2l.eye(2, 3), np.eye(2, 3), "float"),
    "eye, square": (lambda d2l: d2l.eye(2), np.eye(2), "float"),
    "eye of int32": (lambda d2l: d2l.eye(2, dtype=d2l.int32), np.eye(2), "int32"),
    "tensor": (lambda d2l: d2l.tensor([[1, 2], [3, 4]]), [[1, 2], [3, 4]], "integer"),
    "tensor of floats": (lambda d2l: d2l.tensor([1, 2.5]), [1, 2.5], "float"),
    "tensor of bools": (lambda d2l: d2l.tensor([True, False]), [True, False], "bool"),
    "tensor of one number": (lambda d2l: d2l.tensor(3), 3, "integer"),
    "tensor of NumPy's float64": (lambda d2l: d2l.tensor(np.ones(2)), [1, 1], "float64"),
    "tensor of a tensor": (lambda d2l: d2l.tensor(d2l.tensor(M)), M, "float32"),
    "tensor of int32": (lambda d2l: d2l.tensor([1.0, 2.0], dtype=d2l.int32), [1, 2], "int32"),
    "tensor of a tensor of int32": (
        lambda d2l: d2l.tensor(d2l.tensor([1.0, 2.0]), dtype=d2l.int32),
        [1, 2],
        "int32",
    ),
    "rand": (lambda d2l: 0 * d2l.rand(2, 3), np.zeros((2, 3)), "float"),
    "randn": (lambda d2l: 0 * d2l.randn((2, 3)), np.zeros((2, 3)), "float"),
    "rand of float32": (lambda d2l: 0 * d2l.rand(2, dtype=d2l.float32), [0, 0], "float32"),
    "randn of float32": (lambda d2l: 0 * d2l.randn(2, dtype=d2l.float32), [0, 0], "float32"),
    "normal": (lambda d2l: d2l.normal(3, 0, (2, 3)), np.full((2, 3), 3), "float"),
    "normal, one number": (lambda d2l: 0 * d2l.normal(), 0, "float"),
    "abs of integers": (lambda d2l: d2l.abs(d2l.tensor([-2, 0, 1])), [2, 0, 1], "integer"),
    "exp of integers": (lambda d2l: d2l.exp(d2l.tensor([0, 0])), [1, 1], "float"),
    "astype": (lambda d2l: d2l.astype(d2l.tensor([1.7, -1.7]), d2l.int32), [1, -1], "int32"),
    "astype of float32": (
        lambda d2l: d2l.astype(d2l.tensor([1, 2]), d2l.float32),
        [1, 2],
        "float32",
    ),
    "matmul": (lambda d2l: d2l.matmul(d2l.tensor(M), d2l.tensor(M.T)), M @ M.T, "float32"),
    "matmul of vectors": (
        lambda d2l: d2l.matmul(d2l.tensor([1, 2]), d2l.tensor([3, 4])),
        11,
        "integer",
    ),
    "matmul of a vector": (
        lambda d2l: d2l.matmul(d2l.tensor(M), d2l.ones(3, dtype=d2l.float32)),
        M.sum(1),
        "float32",
    ),
    "matmul of batches": (
        lambda d2l: d2l.matmul(d2l.tensor(np.stack([M, -M])), d2l.tensor(M.T)),
        np.stack([M @ M.T, -M @ M.T]),
        "float32",
    ),
    "batch_matmul": (
        lambda d2l: d2l.batch_matmul(d2l.tensor(M[None]), d2l.tensor(M.T[None])),
        (M @ M.T)[None],
        "float32",
    ),
    "concat": (
        lambda d2l: d2l.concat([d2l.tensor(M), d2l.tensor(M)]),
        np.vstack([M, M]),
        "float32",
    ),
    "concat of columns": (
        lambda d2l: d2l.concat((d2l.tensor(M), d2l.tensor(M)), axis=1),
        np.hstack([M, M]),
        "float32",
    ),
    "stack": (lambda d2l: d2l.stack([d2l.tensor(M), d2l.tensor(-M)]), np.stack([M, -M]), "float32"),
    "stack of columns": (
        lambda d2l: d2l.stack((d2l.tensor(M), d2l.tensor(-M)), axis=1),
        np.stack([M, -M], 1),
        "float32",
    ),
    "reshape": (lambda d2l: d2l.reshape(d2l.tensor(M), (3, -1)), M.reshape(3, 2), "float32"),
    "reshape to a vector": (lambda d2l: d2l.reshape(d2l.tensor(M), -1), M.ravel(), "float32"),
    "reduce_sum": (lambda d2l: d2l.reduce_sum(d2l.tensor(M)), M.sum(), "float32"),
    "reduce_sum of integers": (lambda d2l: d2l.reduce_sum(d2l.tensor([1, 2])), 3, "integer"),
    "reduce_sum of bools": (lambda d2l: d2l.reduce_sum(d2l.tensor([True, True])), 2, "integer"),
    "reduce_sum over axes": (
        lambda d2l: d2l.reduce_sum(d2l.tensor(M), axis=[0, 1]),
        M.sum(),
        "float32",
    ),
    "reduce_sum over two of three": (
        lambda d2l: d2l.reduce_sum(d2l.tensor(np.stack([M, M])), axis=(0, 2)),
        2 * M.sum(1),
        "float32",
    ),
    "reduce_sum keepdims": (
        lambda d2l: d2l.reduce_sum(d2l.tensor(M), 1, keepdims=True),
        M.sum(1, keepdims=True),
        "float32",
    ),
    "reduce_mean": (lambda d2l: d2l.reduce_mean(d2l.tensor(M), axis=0), M.mean(0), "float32"),
    "reduce_mean over axes": (
        lambda d2l: d2l.reduce_mean(d2l.tensor(M), axis=[0, 1]),
        M.mean(),
        "float32",
    ),
    "reduce_mean keepdims": (
        lambda d2l: d2l.reduce_mean(d2l.tensor(M[:, :2]), -1, keepdims=True),
        M[:, :2].mean(1, keepdims=True),
        "float32",
    ),
    "argmax": (lambda d2l: d2l.argmax(d2l.tensor(-M), axis=1), [0, 0], "integer"),
    "argmax of columns": (lambda d2l: d2l.argmax(d2l.tensor(M), 0), [1, 1, 1], "integer"),
    "argmax of all": (lambda d2l: d2l.argmax(d2l.tensor(M)), 5, "integer"),
    "argmax of equals": (lambda d2l: d2l.argmax(d2l.tensor([0, 2, 2])), 1, "integer"),
    "transpose": (lambda d2l: d2l.transpose(d2l.tensor(M)), M.T, "float32"),
    "transpose of three axes": (
        lambda d2l: d2l.transpose(d2l.tensor(M[None])),
        M[None].transpose(),
        "float32",
    ),
    "swapaxes": (
        lambda d2l: d2l.swapaxes(d2l.tensor(M[None]), 0, 2),
        M[None].swapaxes(0, 2),
        "float32",
    ),
    "expand_dims": (lambda d2l: d2l.expand_dims(d2l.tensor(M), -1), M[..., None], "float32"),
    "expand_dims in front": (lambda d2l: d2l.expand_dims(d2l.tensor(M), 0), M[None], "float32"),
    "repeat": (lambda d2l: d2l.repeat(d2l.tensor(M), 2, axis=1), np.repeat(M, 2, 1), "float32"),
    "repeat of all": (lambda d2l: d2l.repeat(d2l.tensor(M), 2), np.repeat(M, 2), "float32"),
    "meshgrid": (
        lambda d2l: d2l.stack(d2l.meshgrid(d2l.arange(2), d2l.arange(3))),
        np.stack(np.meshgrid(np.arange(2), np.arange(3), indexing="ij")),
        "integer",
    ),
    "meshgrid, Cartesian": (
        lambda d2l: d2l.stack(d2l.meshgrid(d2l.arange(2), d2l.arange(3), indexing="xy")),
        np.stack(np.meshgrid(np.arange(2), np.arange(3))),
        "integer",
    ),
    "index_update": (
        lambda d2l: d2l.index_update(d2l.tensor(M), (slice(None), 1), 7),
        [[-0.5, 7, 0], [0.25, 7, 0.75]],
        "float32",
    ),
    "to": (lambda d2l: d2l.to(d2l.tensor(M), d2l.cpu()), M, "float32"),
    "numpy": (lambda d2l: d2l.numpy(d2l.tensor(M)), M, "float32"),
}


# What JAX says when it gives 32 bits for the 64 that were asked for.
@pytest.mark.filterwarnings("ignore:Explicitly requested dtype")
@pytest.mark.parametrize("default", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_same_values(case, default):
    call, expected, kind = CASES[case]
    for d2l, dtype in zip((BACKENDS["jax"], BACKENDS["torch"]), DTYPES[kind][default], strict=True):
        with precision(default):
            result = call(d2l)
            assert isinstance(result, np.ndarray if case == "numpy" else type(d2l.ones(1)))
            found = d2l.numpy(result)
        assert found.dtype == dtype, d2l.__name__
        if case.startswith("linspace"):
            # Both add multiples of the step to the first number, or take them from the last.
            assert_within(found, expected, 2 * np.finfo(found.dtype).eps * np.abs(expected).max())
        else:  # sums and products of eighths are exact
            assert found.shape == np.shape(expected)
            np.testing.assert_array_equal(found, expected)


# Names of the book that are not operations on tensors: models, data, devices, plots, functions of
# chapters 3 to 5 and those of this chapter that are tested elsewhere.
ELEMENTARY = {"exp", "log", "sin", "cos", "sinh", "cosh", "tanh", "sigmoid", "abs"}


def test_every_name_has_a_case():
    """Every function of tensors.py is a case above, or in test_properties.py."""
    named = {case.split()[0].rstrip(",") for case in CASES} | ELEMENTARY
    apart = {"int32", "int64", "float32", "float64", "nn_Module", "size"}
    for d2l in BACKENDS.values():
        own = {
            name
            for name in d2l.__all__
            if getattr(getattr(d2l, name), "__module__", "") == f"{d2l.__name__}.tensors"
        }
        assert own - named - apart == set()
        assert named - own == set()


def test_size_is_a_number(d2l):
    for shape in ((), (0, 3), (2, 3)):
        size = d2l.size(d2l.zeros(shape))
        assert type(size) is int
        assert size == np.zeros(shape).size


@pytest.mark.parametrize("name", ["zeros", "ones", "rand", "randn"])
def test_a_size_may_be_written_in_any_way(d2l, name):
    make = getattr(d2l, name)
    for size in ((2, 3), ((2, 3),), ([2, 3],), (np.int64(2), np.int32(3))):
        assert tuple(make(*size).shape) == (2, 3)
    assert tuple(make(np.int64(2)).shape) == (2,)
    assert tuple(make().shape) == ()
    assert tuple(d2l.reshape(make(2, 3), np.int64(-1)).shape) == (6,)


def test_a_list_is_one_index_not_a_tuple_of_them(d2l):
    x = d2l.tensor([[0.0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(d2l.numpy(d2l.index_update(x, [[0, 1], [1, 0]], 9)), 9)


def test_dtypes_and_modules_are_the_frameworks_own():
    for name in ("int32", "int64", "float32", "float64"):
        assert getattr(BACKENDS["jax"], name) is getattr(jnp, name)
        assert getattr(BACKENDS["torch"], name) is getattr(torch, name)
    assert BACKENDS["jax"].nn_Module is nnx.Module
    assert BACKENDS["torch"].nn_Module is torch.nn.Module


def test_a_tensor_is_a_copy(d2l):
    numbers = np.zeros(3, np.float32)
    first = d2l.tensor(numbers)
    numbers[:] = 1
    np.testing.assert_array_equal(d2l.numpy(first), [0, 0, 0])
    second = d2l.tensor(first)
    if d2l is BACKENDS["torch"]:  # where a tensor may change
        first[:] = 1
    np.testing.assert_array_equal(d2l.numpy(second), [0, 0, 0])


def test_random_numbers(d2l):
    for shape in ((1000,), (10, 100)):
        assert d2l.rand(*shape).shape == d2l.randn(shape).shape == shape
    uniform, normal = d2l.numpy(d2l.rand(20_000)), d2l.numpy(d2l.randn(20_000))
    assert uniform.min() >= 0
    assert uniform.max() < 1
    # Five standard errors: 0.29 / sqrt(20,000) and 1 / sqrt(20,000); of a deviation, 1 / sqrt(2)
    # of that for normal numbers, 0.63 of that for uniform ones.
    assert abs(uniform.mean() - 0.5) < 0.0105
    assert abs(uniform.std() - 12**-0.5) < 0.0065
    assert abs(normal.mean()) < 0.036
    assert abs(normal.std() - 1) < 0.025
    wide = d2l.numpy(d2l.normal(3, 0.5, (20_000,)))
    assert abs(wide.mean() - 3) < 0.018
    assert abs(wide.std() - 0.5) < 0.013
    assert d2l.normal(0, 1, size=(2, 3)).shape == (2, 3)
    standard = d2l.numpy(d2l.normal(size=20_000))
    assert abs(standard.mean()) < 0.036
    assert abs(standard.std() - 1) < 0.025


def test_torch_tensors_may_require_gradients():
    d2l = BACKENDS["torch"]
    x = d2l.ones(2, requires_grad=True)
    np.testing.assert_array_equal(d2l.numpy(2 * x), [2, 2])
    assert d2l.normal(0, 1, (2,), requires_grad=True).is_leaf
    for keywords in ({}, {"requires_grad": True}):
        for x in (
            d2l.ones(2, **keywords),
            d2l.zeros(2, **keywords),
            d2l.arange(2.0, **keywords),
            d2l.tensor([1.0], **keywords),
            d2l.tensor(d2l.ones(2), **keywords),
            d2l.normal(0, 1, (2,), **keywords),
        ):
            assert x.requires_grad == bool(keywords)


def source_of(d2l, seed):
    """Return the keyword by which a source of random numbers with this seed is given."""
    if d2l is BACKENDS["jax"]:
        return {"key": jax.random.key(seed)}
    return {"generator": torch.Generator().manual_seed(seed)}


DRAWS = {
    "rand": lambda d2l, **source: d2l.rand(100, **source),
    "randn": lambda d2l, **source: d2l.randn(100, **source),
    "normal": lambda d2l, **source: d2l.normal(size=(100,), **source),
    "dropout_layer": lambda d2l, **source: d2l.dropout_layer(d2l.ones(100), 0.5, **source),
}


@pytest.mark.parametrize("name", DRAWS)
def test_numbers_come_from_the_source_that_is_given(d2l, name):
    def numbers(seed=None):
        source = {} if seed is None else source_of(d2l, seed)
        return d2l.numpy(DRAWS[name](d2l, **source))

    np.testing.assert_array_equal(numbers(seed=3), numbers(seed=3))
    assert not np.array_equal(numbers(seed=3), numbers(seed=4))
    assert not np.array_equal(numbers(), numbers())


def test_seeds_and_keys(d2l):
    """Each is another one."""
    assert d2l.get_seed() != d2l.get_seed()
    name = "key" if d2l is BACKENDS["jax"] else "generator"
    numbers = [d2l.numpy(d2l.randn(3, **{name: d2l.get_key()})) for _ in range(2)]
    assert not np.array_equal(*numbers)


def test_integers_where_a_function_gives_floats(d2l):
    assert float(d2l.reduce_mean(d2l.tensor([1, 2]))) == 1.5
    assert float(d2l.reduce_mean(d2l.tensor([True, False]))) == 0.5
    halves = d2l.sigmoid(d2l.tensor([0, 0]))
    assert str(halves.dtype).endswith("float32")
    np.testing.assert_array_equal(d2l.numpy(halves), [0.5, 0.5])


@pytest.mark.parametrize("index", [[0, 2], ([0, 2], 1), (slice(None), -1), (..., 0), 1, (2, 3)])
def test_kinds_of_indices_to_update(d2l, index):
    x = np.zeros((3, 4), np.float32)
    updated = d2l.index_update(d2l.tensor(x), index, 1.0)
    x[index] = 1
    np.testing.assert_array_equal(d2l.numpy(updated), x)
