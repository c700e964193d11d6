"""Arrays of any kind are arguments of every function, on both backends."""

import jax
import numpy as np
import pytest
import torch
from flax import nnx
from jax import numpy as jnp

import d2l_jax
import d2l_torch
from parity_tests.support.backends import precision

X = np.arange(6, dtype=np.float32).reshape(2, 3) / 4

KINDS = {
    "float64": X.astype(np.float64),
    "a view with negative strides": X[::-1, ::-1][::-1, ::-1],
    "big-endian": X.astype(">f4"),
    "read-only": np.broadcast_to(X, X.shape),
    "long double": X.astype(np.longdouble),
    "lists": X.tolist(),
    "a tuple of arrays": tuple(X),
    "of JAX": jnp.asarray(X),
    "of PyTorch": torch.from_numpy(X.copy()),
    "a list of tensors of PyTorch": list(torch.from_numpy(X.copy())),
    "a list of arrays of JAX": list(jnp.asarray(X)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_any_kind_of_array(d2l, kind):
    x = KINDS[kind]
    expected = d2l.numpy(d2l.softmax(d2l.tensor(X)))
    result = d2l.softmax(x)
    assert isinstance(result, type(d2l.ones(1)))
    assert d2l.numpy(result).dtype == np.float32
    np.testing.assert_array_equal(d2l.numpy(result), expected)


IMAGES, KERNELS = X[None].tolist(), np.ones((1, 1, 2, 2), np.float32)
ONES, ZEROS = [1.0] * 3, np.zeros(3)
FUNCTIONS = {
    "corr2d": lambda d2l, as_given: d2l.corr2d(as_given(X), as_given(KERNELS[0, 0])),
    "corr2d_multi_in": lambda d2l, as_given: d2l.corr2d_multi_in(
        as_given(IMAGES), as_given(KERNELS[0])
    ),
    "corr2d_multi_in_out": lambda d2l, as_given: d2l.corr2d_multi_in_out(
        as_given(IMAGES), as_given(KERNELS)
    ),
    "corr2d_multi_in_out_1x1": lambda d2l, as_given: d2l.corr2d_multi_in_out_1x1(
        as_given(IMAGES), as_given(KERNELS[:, :, :1, :1])
    ),
    "pool2d": lambda d2l, as_given: d2l.pool2d(as_given(X), (2, 2)),
    "batch_norm": lambda d2l, as_given: d2l.batch_norm(
        as_given(X), *map(as_given, (ONES, ZEROS, ZEROS, ONES)), 1e-5, 0.1, training=True
    )[0],
    "drop_path": lambda d2l, as_given: d2l.drop_path(as_given(X), 0.5, mask=as_given([1, 0])),
    "mixup": lambda d2l, as_given: d2l.mixup(
        as_given(X), as_given([0, 1]), 0.5, lam=as_given(0.25), perm=as_given([1, 0])
    )[0],
    "forward_propagation": lambda d2l, as_given: d2l.forward_propagation(
        *network(as_given), lambd=as_given(0.5)
    )[0],
    "backpropagation": lambda d2l, as_given: d2l.backpropagation(
        *network(as_given),
        {name: as_given([[0.5], [0.25]]) for name in "ZHO"},
        lambd=as_given(0.5),
    )["W1"],
}


def network(as_given):
    """Return the parameters of a perceptron with one unit a layer, examples and targets."""
    return {"W1": as_given(X[:1].T), "W2": as_given([[2.0]])}, as_given(X), as_given([[1.0], [3.0]])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_take_any_kind_of_array(d2l, name):
    call = FUNCTIONS[name]
    expected = d2l.numpy(call(d2l, d2l.tensor))
    for as_given in (np.asarray, lambda x: np.asarray(x).tolist()):
        np.testing.assert_array_equal(d2l.numpy(call(d2l, as_given)), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_float64_of_numpy_becomes_the_default(d2l, dtype):
    with precision(dtype):
        assert d2l.numpy(d2l.exp(np.ones(2))).dtype == dtype
        assert d2l.numpy(d2l.exp(1.0)).dtype == dtype
        assert d2l.numpy(d2l.tensor([1.0])).dtype == dtype


def test_numbers(d2l):
    assert float(d2l.grad(lambda x: x * x)(3.0)) == 6
    assert float(d2l.grad(lambda x: x * x)(np.float64(3))) == 6
    assert (
        float(d2l.prelu(-2.0, np.array(0.25))) == float(d2l.prelu(-2.0, d2l.tensor(0.25))) == -0.5
    )


def test_views_keep_the_memory_of_numpy_alone(d2l):
    x = X[::-1].copy()[::-1]
    result = d2l.index_update(x, 0, 7.0)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(d2l.numpy(result)[0], 7)


def test_lists_of_tensors_keep_their_gradients():
    parts = [torch.ones(2, requires_grad=True), torch.ones(2)]
    d2l_torch.reduce_sum(d2l_torch.exp(parts)).backward()
    assert (parts[0].grad > 0).all()
    assert (jax.grad(lambda x: d2l_jax.reduce_sum(d2l_jax.exp([x, x])))(jnp.ones(2)) > 0).all()


def test_variables_of_nnx_and_traced_arrays():
    weight = nnx.Param(jnp.asarray(X))
    np.testing.assert_array_equal(d2l_jax.exp(weight), jnp.exp(X))
    np.testing.assert_allclose(jax.jit(d2l_jax.softmax)(X), d2l_jax.softmax(X), rtol=1e-6)


def test_the_data_of_a_loader(d2l):
    module = type("Data", (d2l.DataModule,), {"batch_size": 2})()
    for kind in (X[::-1], X.astype(">f4")[::-1]):
        [(batch, _)] = module.get_tensorloader((kind, np.arange(2)), False)
        np.testing.assert_array_equal(d2l.numpy(batch), X[::-1])


def test_unsigned_indices_are_positions(d2l):
    for dtype in (np.uint8, np.int8, np.uint32, np.int64):
        updated = d2l.index_update(d2l.zeros(3), np.array([2, 1], dtype), d2l.tensor([5.0, 6.0]))
        assert d2l.numpy(updated).tolist() == [0, 6, 5]
        index = d2l.tensor(np.array([2, 1], np.uint8))
        updated = d2l.index_update(d2l.zeros(3), index, d2l.tensor([5.0, 6.0]))
        assert d2l.numpy(updated).tolist() == [0, 6, 5]


def test_float16_over_many_examples(d2l):
    half = torch.float16 if d2l is d2l_torch else jnp.float16
    for n in (1000, 70_000, 200_000):
        loss = d2l.softmax_cross_entropy(d2l.zeros(n, 2, dtype=half), d2l.zeros(n, dtype=d2l.int32))
        assert d2l.numpy(loss).dtype == np.float16
        np.testing.assert_allclose(float(loss), np.log(2), rtol=1e-3)  # of float16


def test_indices_of_a_narrow_type(d2l):
    """The number of examples need not be in the range of the indices' type."""
    module = type("Data", (d2l.DataModule,), {"batch_size": 2})()
    X = np.zeros((60_000, 1), np.float32)
    assert len(module.get_tensorloader((X,), False, np.array([1, -2], np.int16))) == 1


def test_a_loader_without_an_end(d2l, monkeypatch):
    from d2l_common.data import loader

    def endless():
        while True:
            yield np.ones((1, 2), np.float32), np.ones((1, 1), np.float32)

    monkeypatch.setattr(loader, "MANY_MINIBATCHES", 10)
    monkeypatch.setattr(loader, "MOST_MINIBATCHES", 100)
    module = type("Data", (d2l.DataModule,), {"get_dataloader": lambda self, train: endless()})()
    with (
        pytest.warns(UserWarning, match="10 so far; if it has no end, end it"),
        pytest.raises(ValueError, match="a loader without a length must have an end, got 101"),
    ):
        d2l.Trainer(1).fit(d2l.LinearRegressionScratch(2, 0.1), module)


def test_x64_switched_off_between_making_and_fitting():
    with precision("float64"):
        model = d2l_jax.LinearRegressionScratch(2, 0.1)
    data = d2l_jax.SyntheticRegressionData(w=d2l_jax.tensor([2.0, -3.4]), b=4.2, num_train=8)
    with pytest.raises(ValueError, match="the parameters must be of a type that JAX has now, got"):
        d2l_jax.Trainer(1).fit(model, data)
