"""
Special cases of the formulas of chapters 3 to 5: ties, extremes, labels, structures.

That their values and gradients are true is in test_properties.py, for any numbers.
"""

import jax
import numpy as np
import pytest
import torch

from d2l_parity import assert_within, forward_error_bound
from parity_tests.support.backends import BACKENDS, precision

JAX, TORCH = BACKENDS["jax"], BACKENDS["torch"]


def drawn(shape, dtype="float32", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax(d2l, dtype):
    """Large logits do not overflow, and what is below the range is 0, or as good as 0."""
    largest = np.finfo(dtype).max
    X = np.array([[largest, largest], [-largest, largest], [0, -750], [1e4, 1e4 - 1]], dtype)
    with precision(dtype):
        P = d2l.numpy(d2l.softmax(d2l.tensor(X)))
    q = 1 / (1 + np.exp(1))
    truth = [[0.5, 0.5], [0, 1], [1, 0], [1 - q, q]]
    # 2 classes, and logits that are 1 apart or so far that it does not matter.
    bound = forward_error_bound("softmax", dtype, (1 + 2 + np.log(2) + 8) * np.array(truth))
    assert_within(P, truth, bound)


@pytest.mark.parametrize("shape", [(4,), (2, 3, 4)])
def test_softmax_is_over_the_last_axis(d2l, shape):
    P = d2l.numpy(d2l.softmax(d2l.tensor(drawn(shape))))
    assert P.shape == shape
    total = P.astype(np.float64).sum(-1)
    # 4 classes, and logits less than 6 apart.
    assert_within(total, 1 + 0 * total, forward_error_bound("softmax", "float32", 6 + 4 + 2 + 8))


def test_softmax_cross_entropy_and_gradient(d2l):
    """Of equal logits the loss is log(num_classes), of a certain class it is what is lost."""
    logits = d2l.tensor([[3.0, 3.0, 3.0, 3.0], [0.0, 1e30, 0.0, 0.0]])
    losses = d2l.numpy(d2l.softmax_cross_entropy(logits, d2l.tensor([2, 0]), averaged=False))
    truth = np.array([np.log(4), 1e30])
    bound = forward_error_bound("softmax_cross_entropy", "float32", 2 * truth + 4 + 5 * 1.4 + 3)
    assert_within(losses, truth, bound)
    gradient = d2l.numpy(d2l.grad(d2l.softmax_cross_entropy)(logits, d2l.tensor([2, 0])))
    # In eighths and in halves nothing rounds.
    np.testing.assert_array_equal(gradient * 8, [[1, 1, -3, 1], [-4, 4, 0, 0]])


def test_losses_are_averaged_unless_asked_otherwise(d2l):
    P, y = d2l.tensor([[0.5, 0.5], [0.25, 0.75]]), d2l.tensor([0, 0])
    for loss in (d2l.cross_entropy, d2l.softmax_cross_entropy, d2l.accuracy):
        each, mean = d2l.numpy(loss(P, y, False)), d2l.numpy(loss(P, y))
        assert each.shape == (2,)
        assert mean.shape == ()
        assert d2l.numpy(loss(P, y, averaged=True)) == mean
        assert_within(mean, each.mean(), 2 * np.finfo(np.float32).eps)  # a sum and a half


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "int64"])
def test_labels_of_any_integers(d2l, dtype):
    P, y = d2l.tensor([[0.25, 0.75], [0.5, 0.5]]), np.array([1, 0])
    for loss in (d2l.cross_entropy, d2l.softmax_cross_entropy, d2l.accuracy):
        expected = loss(P, d2l.tensor(y), averaged=False)
        found = loss(P, d2l.tensor(y.astype(dtype)), averaged=False)
        np.testing.assert_array_equal(d2l.numpy(found), d2l.numpy(expected))


def test_accuracy_counts_the_first_of_equals(d2l):
    scores = d2l.tensor([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.1, 0.2, 0.7]])
    y = d2l.tensor([0, 2, 2])
    np.testing.assert_array_equal(d2l.numpy(d2l.accuracy(scores, y, averaged=False)), [1, 0, 1])
    assert float(d2l.accuracy(scores, y)) == np.float32(2 / 3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_relu_and_its_gradient_at_ties(d2l, dtype):
    X = np.array([-1.0, -0.0, 0.0, 2.0, np.inf, -np.inf], dtype)
    with precision(dtype):
        X_ = d2l.tensor(X)
        np.testing.assert_array_equal(d2l.numpy(d2l.relu(X_)), np.maximum(X, 0))
        gradient = d2l.grad(lambda X: d2l.reduce_sum(d2l.relu(X)))(X_)
        np.testing.assert_array_equal(d2l.numpy(gradient), [0, 0, 0, 1, 1, 0])


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason)
        )
        for name, reason in (
            (
                "relu",
                "JAX compares X > 0, so 0; PyTorch lets a gradient through unless X <= 0, so 1",
            ),
            ("abs", "JAX gives -1, as of all that is not >= 0; PyTorch 0"),
        )
    ],
)
def test_gradients_at_nan(name):
    gradients = [
        float(d2l.grad(getattr(d2l, name))(d2l.tensor(float("nan")))) for d2l in (JAX, TORCH)
    ]
    np.testing.assert_array_equal(*gradients)


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
    np.testing.assert_array_equal(d2l.numpy(d2l.grad(fun)(x, params)), [9.0, 16.0])
    value, gradient = d2l.value_and_grad(fun, argnums=1)(x, params)
    assert float(value) == 41
    np.testing.assert_array_equal(d2l.numpy(gradient["w"]), [6.0, 16.0])
    np.testing.assert_array_equal(d2l.numpy(gradient["unused"]), [0.0, 0.0])


def test_linreg_flattens_nothing_and_broadcasts_the_bias_alone(d2l):
    X, w = d2l.tensor([[1.0, 2.0], [3.0, 4.0]]), d2l.tensor([[1.0, -1.0], [2.0, 0.5]])
    for b, expected in (([10.0, 20.0], [[15, 20], [21, 19]]), ([10.0], [[15, 10], [21, 9]])):
        np.testing.assert_array_equal(d2l.numpy(d2l.linreg(X, w, d2l.tensor(b))), expected)


@pytest.mark.slow
def test_jit_and_vmap_say_the_same():
    """Compare gradients and functions of structures; test_transformations.py has the formulas."""

    def step(params, X, y, lr):
        value, grads = JAX.value_and_grad(
            lambda params: JAX.softmax_cross_entropy(X @ params["W"] + params["b"], y)
        )(params)
        return value, JAX.sgd(params, grads, lr)

    params = {"W": JAX.tensor(drawn((4, 3))), "b": JAX.zeros(3)}
    X, y = JAX.tensor(drawn((6, 5, 4))), JAX.tensor(np.arange(30).reshape(6, 5) % 3)
    eager = [step(params, *batch, 0.5) for batch in zip(X, y, strict=True)]
    together = jax.vmap(step, in_axes=(None, 0, 0, None))(params, X, y, 0.5)
    for i, one in enumerate(eager):
        compiled = jax.jit(step)(params, X[i], y[i], 0.5)  # in which `lr` is traced
        vectorized = jax.tree.map(lambda leaf, i=i: leaf[i], together)
        for other in (compiled, vectorized):
            for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
                # Losses and weights are below 4; their few roundings may come in another order.
                assert_within(b, a, 4 * 4 * np.finfo(np.float32).eps)


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="compiled, XLA selects where a mask of bools multiplies, so 0 * NaN is 0",
)
def test_a_compiled_mask_keeps_nan():
    def layer(X, mask):  # eager it is NaN, as in PyTorch
        return JAX.dropout_layer(X, 0.5, mask=mask)

    X, mask = JAX.tensor([np.nan, 1.0]), JAX.tensor([False, True])
    np.testing.assert_array_equal(jax.jit(layer)(X, mask), layer(X, mask))


@pytest.mark.parametrize("bad", [-1, 3, -100, 2**31 - 1])
def test_a_bad_label_under_jit_is_nan(bad):
    scores = JAX.tensor([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]])
    y = np.array([1, bad], np.int32)
    for fun in (JAX.cross_entropy, JAX.softmax_cross_entropy):
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
    X, y = torch.tensor(drawn((7, 5)), requires_grad=True), torch.tensor(np.arange(7) % 5)
    TORCH.softmax_cross_entropy(X, y).backward()
    gradient = TORCH.grad(TORCH.softmax_cross_entropy)(X.detach(), y)
    np.testing.assert_array_equal(X.grad.numpy(), gradient.numpy())
