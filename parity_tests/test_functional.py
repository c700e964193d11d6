"""Softmax, cross-entropy and their gradients against the truth, and so against each other."""

import jax
import numpy as np
import pytest
import torch
from support import BACKENDS, assert_within, eps, precision

SHAPES = [(1, 2), (3, 1), (7, 5), (256, 10)]
SCALES = [1e-30, 1e-3, 1.0, 30.0, 1e4]
# Units of eps times condition that each operation may be off by. Each counts the roundings on
# the longest path from input to output; exp and log are taken to be within 2 ulp.
C = {
    "softmax": 6,  # subtraction, exp, sum (error of pairwise sums folded in), division
    "cross_entropy": 6,  # log, sum, mean
    "softmax_cross_entropy": 8,
    "squared_loss": 3,
    "linreg": 2,  # times the number of terms
}


def logits(shape, scale, dtype, seed=0):
    return (scale * np.random.default_rng(seed).standard_normal(shape)).astype(dtype)


def labels(shape, seed=1):
    return np.random.default_rng(seed).integers(0, shape[1], shape[0])


def longdouble_softmax(X):
    X = np.asarray(X, np.longdouble)
    powers = np.exp(X - X.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def longdouble_log_softmax(X):
    X = np.asarray(X, np.longdouble)
    X = X - X.max(axis=-1, keepdims=True)
    return X - np.log(np.exp(X).sum(axis=-1, keepdims=True))


def tensors(d2l, *arrays):
    return [d2l.tensor(array) for array in arrays]


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    with precision(request.param):
        yield request.param


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", SCALES)
def test_softmax(d2l, dtype, shape, scale):
    X = logits(shape, scale, dtype)
    truth = longdouble_softmax(X)
    # An error in a logit's difference to the largest is an error of as many eps in its power.
    spread = np.abs(X - X.max(axis=1, keepdims=True))
    bound = C["softmax"] * eps(dtype) * (1 + spread + np.log2(shape[1])) * truth
    tiny = np.finfo(dtype).tiny  # subnormals count as 0
    P = d2l.numpy(d2l.softmax(*tensors(d2l, X)))
    assert P.dtype == dtype
    assert_within(P, truth, bound + tiny, f"softmax of {shape}")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", SCALES)
def test_softmax_cross_entropy_and_gradient(d2l, dtype, shape, scale):
    X, y = logits(shape, scale, dtype), labels(shape)
    rows = np.arange(len(y))
    losses = -longdouble_log_softmax(X)[rows, y]
    size = np.abs(X).max(axis=1) + 1 + np.log(shape[1])
    bound = C["softmax_cross_entropy"] * eps(dtype) * size
    X_, y_ = tensors(d2l, X, y)
    assert_within(d2l.numpy(d2l.softmax_cross_entropy(X_, y_, averaged=False)), losses, bound)
    value, gradient = d2l.value_and_grad(d2l.softmax_cross_entropy)(X_, y_)
    assert_within(d2l.numpy(value), losses.mean(), bound.mean())
    truth = longdouble_softmax(X)
    truth[rows, y] -= 1
    bound = C["softmax_cross_entropy"] * eps(dtype) * size[:, None] / len(y)
    assert_within(d2l.numpy(gradient), truth / len(y), bound, "gradient")


@pytest.mark.parametrize("shape", SHAPES)
def test_cross_entropy_and_gradient(d2l, dtype, shape):
    P, y = longdouble_softmax(logits(shape, 3.0, dtype)).astype(dtype), labels(shape)
    rows = np.arange(len(y))
    losses = -np.log(P[rows, y].astype(np.longdouble))
    bound = C["cross_entropy"] * eps(dtype) * (1 + losses).mean()
    value, gradient = d2l.value_and_grad(d2l.cross_entropy)(*tensors(d2l, P, y))
    assert_within(d2l.numpy(value), losses.mean(), bound)
    truth = np.zeros(shape, np.longdouble)
    truth[rows, y] = -1 / P[rows, y].astype(np.longdouble) / len(y)
    assert_within(d2l.numpy(gradient), truth, C["cross_entropy"] * eps(dtype) * np.abs(truth))


@pytest.mark.parametrize("n", [1, 5, 256])
def test_linreg_and_squared_loss(d2l, dtype, n):
    rng = np.random.default_rng(n)
    X, w, b, y = (rng.standard_normal(s).astype(dtype) for s in ((n, 20), (20, 1), (1,), (n, 1)))
    y_hat = d2l.linreg(*tensors(d2l, X, w, b))
    condition = np.abs(X) @ np.abs(w) + np.abs(b)
    bound = C["linreg"] * len(w) * eps(dtype) * condition
    truth = X.astype(np.longdouble) @ w + b
    assert_within(d2l.numpy(y_hat), truth, bound)
    y_hat = d2l.numpy(y_hat)
    truth = (y_hat.astype(np.longdouble) - y) ** 2 / 2
    bound = C["squared_loss"] * eps(dtype) * truth
    assert_within(d2l.numpy(d2l.squared_loss(*tensors(d2l, y_hat, y))), truth, bound)


def test_relu_and_its_gradient_at_ties(d2l, dtype):
    X = np.array([-1.0, -0.0, 0.0, 2.0, np.inf, -np.inf], dtype)
    (X_,) = tensors(d2l, X)
    np.testing.assert_array_equal(d2l.numpy(d2l.relu(X_)), np.maximum(X, 0))
    gradient = d2l.grad(lambda X: d2l.reduce_sum(d2l.relu(X)))(X_)
    np.testing.assert_array_equal(d2l.numpy(gradient), [0, 0, 0, 1, 1, 0])


def test_accuracy_counts_the_first_of_equals(d2l):
    scores = d2l.tensor([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.1, 0.2, 0.7]])
    y = d2l.tensor([0, 2, 2])
    np.testing.assert_array_equal(d2l.numpy(d2l.accuracy(scores, y, averaged=False)), [1, 0, 1])
    assert float(d2l.accuracy(scores, y)) == np.float32(2 / 3)


def test_sgd_changes_nothing_in_place(d2l):
    params = {"w": d2l.tensor([1.0, 2.0]), "b": [d2l.tensor([3.0])]}
    grads = {"w": d2l.tensor([0.5, -0.5]), "b": [d2l.tensor([1.0])]}
    updated = d2l.sgd(params, grads, lr=0.5)
    np.testing.assert_array_equal(d2l.numpy(updated["w"]), [0.75, 2.25])
    np.testing.assert_array_equal(d2l.numpy(updated["b"][0]), [2.5])
    np.testing.assert_array_equal(d2l.numpy(params["w"]), [1.0, 2.0])


def test_gradient_of_a_structure_and_of_another_argument(d2l):
    def fun(x, params):
        return d2l.reduce_sum(x * params["w"] ** 2)

    x, params = d2l.tensor([1.0, 2.0]), {"w": d2l.tensor([3.0, 4.0]), "unused": d2l.ones(2)}
    gradient = d2l.grad(fun, argnums=1)(x, params)
    np.testing.assert_array_equal(d2l.numpy(gradient["w"]), [6.0, 16.0])
    np.testing.assert_array_equal(d2l.numpy(gradient["unused"]), [0.0, 0.0])


@pytest.mark.parametrize("name", ["cross_entropy", "softmax_cross_entropy"])
def test_jit_and_vmap_say_the_same(name):
    d2l = BACKENDS["jax"]
    fun = getattr(d2l, name)
    P, y = (
        d2l.tensor(longdouble_softmax(logits((4, 3), 1.0, "float32")).astype("float32")),
        labels((4, 3)),
    )
    assert_within(jax.jit(fun)(P, y), fun(P, y), 2 * eps("float32"))
    batched = jax.vmap(fun)(P[:, None], d2l.tensor(y)[:, None])
    assert_within(batched.mean(), fun(P, y), 4 * eps("float32"))


@pytest.mark.parametrize("bad", [-1, 3, -100, 2**31 - 1])
def test_a_bad_label_under_jit_is_nan(bad):
    d2l = BACKENDS["jax"]
    scores = d2l.tensor([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]])
    y = np.array([1, bad], np.int32)
    for fun in (d2l.cross_entropy, d2l.softmax_cross_entropy):
        value, gradient = jax.jit(jax.value_and_grad(fun))(scores, y)
        assert np.isnan(value)
        assert np.isnan(gradient).any()


def test_integers_and_plans_are_equal():
    plans = [d2l.Digits(seed=5).train_dataloader() for d2l in BACKENDS.values()]
    for _ in range(2):
        orders = [plan.next_order() for plan in plans]
        np.testing.assert_array_equal(*orders)
    X = [d2l.numpy(next(iter(d2l.Digits(seed=5).val_dataloader()))[0]) for d2l in BACKENDS.values()]
    np.testing.assert_array_equal(X[0][..., 0], X[1][:, 0])  # pixels too, to the bit


def test_torch_gradients_through_the_graph_agree_with_value_and_grad():
    d2l = BACKENDS["torch"]
    X, y = (
        torch.tensor(logits((7, 5), 1.0, "float32"), requires_grad=True),
        torch.tensor(labels((7, 5))),
    )
    d2l.softmax_cross_entropy(X, y).backward()
    gradient = d2l.grad(d2l.softmax_cross_entropy)(X.detach(), y)
    np.testing.assert_array_equal(X.grad.numpy(), gradient.numpy())
