"""The book's tensor names mean the same on both, and what NumPy means by them."""

import numpy as np
import pytest
from support import BACKENDS

M = np.arange(6, dtype=np.float32).reshape(2, 3) / 4 - 0.5

# What is called, and the values that NumPy gives.
CASES = {
    "ones, loose": (lambda d2l: d2l.ones(2, 3), np.ones((2, 3))),
    "ones, tuple": (lambda d2l: d2l.ones((2, 3)), np.ones((2, 3))),
    "ones, one axis": (lambda d2l: d2l.ones(3, dtype=d2l.int32), np.ones(3)),
    "zeros": (lambda d2l: d2l.zeros((2, 0)), np.zeros((2, 0))),
    "ones_like": (lambda d2l: d2l.ones_like(d2l.tensor(M)), np.ones_like(M)),
    "zeros_like": (lambda d2l: d2l.zeros_like(d2l.tensor(M), dtype=d2l.int32), np.zeros_like(M)),
    "arange": (lambda d2l: d2l.arange(4), np.arange(4)),
    "arange from": (lambda d2l: d2l.arange(1, 9, 3), np.arange(1, 9, 3)),
    "arange by keyword": (lambda d2l: d2l.arange(start=2, end=4), np.arange(2, 4)),
    "linspace": (lambda d2l: d2l.linspace(0, 1, 5), np.linspace(0, 1, 5)),
    "eye": (lambda d2l: d2l.eye(2, 3), np.eye(2, 3)),
    "eye, square": (lambda d2l: d2l.eye(2), np.eye(2)),
    "tensor": (lambda d2l: d2l.tensor([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    "tensor of a tensor": (lambda d2l: d2l.tensor(d2l.tensor(M)), M),
    "exp": (lambda d2l: d2l.exp(d2l.tensor(M)), np.exp(M)),
    "log": (lambda d2l: d2l.log(d2l.tensor(M + 1)), np.log(M + 1)),
    "sin": (lambda d2l: d2l.sin(d2l.tensor(M)), np.sin(M)),
    "cos": (lambda d2l: d2l.cos(d2l.tensor(M)), np.cos(M)),
    "sinh": (lambda d2l: d2l.sinh(d2l.tensor(M)), np.sinh(M)),
    "cosh": (lambda d2l: d2l.cosh(d2l.tensor(M)), np.cosh(M)),
    "tanh": (lambda d2l: d2l.tanh(d2l.tensor(M)), np.tanh(M)),
    "abs": (lambda d2l: d2l.abs(d2l.tensor(M)), np.abs(M)),
    "sigmoid": (lambda d2l: d2l.sigmoid(d2l.tensor(M)), 1 / (1 + np.exp(-M))),
    "matmul": (lambda d2l: d2l.matmul(d2l.tensor(M), d2l.tensor(M.T)), M @ M.T),
    "batch_matmul": (
        lambda d2l: d2l.batch_matmul(d2l.tensor(M[None]), d2l.tensor(M.T[None])),
        (M @ M.T)[None],
    ),
    "concat": (lambda d2l: d2l.concat([d2l.tensor(M), d2l.tensor(M)], 1), np.hstack([M, M])),
    "stack": (lambda d2l: d2l.stack((d2l.tensor(M), d2l.tensor(M)), axis=1), np.stack([M, M], 1)),
    "reshape": (lambda d2l: d2l.reshape(d2l.tensor(M), (3, -1)), M.reshape(3, 2)),
    "reshape to a vector": (lambda d2l: d2l.reshape(d2l.tensor(M), -1), M.ravel()),
    "reduce_sum": (lambda d2l: d2l.reduce_sum(d2l.tensor(M)), M.sum()),
    "reduce_sum over axes": (lambda d2l: d2l.reduce_sum(d2l.tensor(M), axis=[0, 1]), M.sum()),
    "reduce_sum keepdims": (
        lambda d2l: d2l.reduce_sum(d2l.tensor(M), 1, keepdims=True),
        M.sum(1, keepdims=True),
    ),
    "reduce_mean": (lambda d2l: d2l.reduce_mean(d2l.tensor(M), axis=0), M.mean(0)),
    "argmax": (lambda d2l: d2l.argmax(d2l.tensor(-M), axis=1), [0, 0]),
    "argmax of all": (lambda d2l: d2l.argmax(d2l.tensor(M)), 5),
    "astype": (lambda d2l: d2l.astype(d2l.tensor([1.7, -1.7]), d2l.int32), [1, -1]),
    "transpose": (lambda d2l: d2l.transpose(d2l.tensor(M)), M.T),
    "transpose of three axes": (
        lambda d2l: d2l.transpose(d2l.tensor(M[None])),
        M[None].transpose(),
    ),
    "swapaxes": (lambda d2l: d2l.swapaxes(d2l.tensor(M[None]), 0, 2), M[None].swapaxes(0, 2)),
    "expand_dims": (lambda d2l: d2l.expand_dims(d2l.tensor(M), -1), M[..., None]),
    "repeat": (lambda d2l: d2l.repeat(d2l.tensor(M), 2, axis=1), np.repeat(M, 2, 1)),
    "repeat of all": (lambda d2l: d2l.repeat(d2l.tensor(M), 2), np.repeat(M, 2)),
    "meshgrid": (
        lambda d2l: d2l.stack(d2l.meshgrid(d2l.arange(2), d2l.arange(3))),
        np.stack(np.meshgrid(np.arange(2), np.arange(3), indexing="ij")),
    ),
    "size": (lambda d2l: d2l.size(d2l.tensor(M)), 6),
    "to": (lambda d2l: d2l.to(d2l.tensor(M), d2l.cpu()), M),
}


@pytest.mark.parametrize("case", CASES)
def test_same_values(case):
    call, expected = CASES[case]
    dtypes = []
    for d2l in BACKENDS.values():
        value = call(d2l)
        value = value if isinstance(value, int) else d2l.numpy(value)
        assert np.shape(value) == np.shape(expected)
        # Elementary functions are within 2 ulp on both; sums here have six terms.
        np.testing.assert_allclose(value, expected, rtol=4e-7, atol=1e-7)
        dtypes.append(np.asarray(value).dtype.kind)
    assert len(set(dtypes)) == 1


def test_random_numbers(d2l):
    for shape in ((1000,), (10, 100)):
        assert d2l.rand(*shape).shape == d2l.randn(shape).shape == shape
    uniform, normal = d2l.numpy(d2l.rand(20_000)), d2l.numpy(d2l.randn(20_000))
    assert uniform.min() >= 0
    assert uniform.max() < 1
    # Five standard errors: 0.29 / sqrt(20,000) and 1 / sqrt(20,000).
    assert abs(uniform.mean() - 0.5) < 0.0105
    assert abs(normal.mean()) < 0.036
    wide = d2l.numpy(d2l.normal(3, 0.5, (20_000,)))
    assert abs(wide.mean() - 3) < 0.018
    assert abs(wide.std() - 0.5) < 0.013
    assert d2l.normal(0, 1, size=(2, 3)).shape == (2, 3)


def test_numpy_forgets_gradients():
    d2l = BACKENDS["torch"]
    x = d2l.ones(2, requires_grad=True)
    np.testing.assert_array_equal(d2l.numpy(2 * x), [2, 2])
    assert d2l.tensor([1.0], requires_grad=True).requires_grad
    assert d2l.normal(0, 1, (2,), requires_grad=True).is_leaf


def test_seeds_and_keys(d2l):
    assert d2l.get_seed() != d2l.get_seed()
    first, second = d2l.get_key(), d2l.get_key()
    name = "key" if d2l is BACKENDS["jax"] else "generator"
    numbers = [d2l.numpy(d2l.randn(3, **{name: source})) for source in (first, second)]
    assert not np.array_equal(*numbers)
