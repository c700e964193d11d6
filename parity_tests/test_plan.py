"""Shared conventions: the order of the examples, pixels, initial weights and their names."""

import numpy as np
import pytest

from d2l_common.data.plan import BatchPlan
from d2l_common.weights import initial_weights
from parity_tests.support.cases import CASES, digits, mlp

NUM_EXAMPLES = 1437


def check_plan():
    """An epoch is NumPy's permutation of all examples, cut into minibatches afterwards."""
    for num_examples, batch_size in ((10, 3), (9, 3), (1, 5)):
        plan = BatchPlan(num_examples, batch_size, shuffle=True, seed=7)
        for epoch in range(2):
            order = np.random.default_rng((7, epoch)).permutation(num_examples)
            batches = list(plan.split(plan.order(epoch)))
            np.testing.assert_array_equal(np.concatenate(batches), order)
            assert len(batches) == len(plan)
            assert {len(batch) for batch in batches[:-1]} <= {batch_size}
        in_order = BatchPlan(num_examples, batch_size, shuffle=False).order(epoch=3)
        np.testing.assert_array_equal(in_order, np.arange(num_examples))


def check_epochs(d2l):
    """Each pass over the training data is the next epoch of the plan, and has every example."""
    data = digits(d2l, seed=5)
    labels = np.asarray(data.train[1] if isinstance(data.train, tuple) else data.train.targets)
    for epoch in range(2):
        order = np.random.default_rng((5, epoch)).permutation(NUM_EXAMPLES)
        passed = [d2l.numpy(y) for _, y in data.train_dataloader()]
        assert [len(y) for y in passed] == [100] * 14 + [37]
        np.testing.assert_array_equal(np.concatenate(passed), labels[order])


def check_pixels(d2l):
    """Pixels are a 255th of the bytes, to the last place of the product."""
    data = d2l.Digits(batch_size=NUM_EXAMPLES)
    [(X, _)] = data.val_dataloader()
    raw = np.asarray(data.val[0] if isinstance(data.val, tuple) else data.val.data)
    np.testing.assert_array_equal(d2l.numpy(X).reshape(raw.shape), raw * np.float32(1 / 255))


def check_transfer(d2l):
    """A weight keeps its place on the way in and out, also where both of its axes are equal."""
    rng = np.random.default_rng(0)
    model = mlp(64, lr=0.1, pixels=64)(d2l)
    shapes = {n: w.shape for n, w in d2l.export_weights(model).items()}
    assert shapes == {
        "net.1.weight": (64, 64), "net.1.bias": (64,), "net.3.weight": (10, 64), "net.3.bias": (10,)
    }  # fmt: skip
    weights = {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}
    d2l.import_weights(model, weights)
    for name, array in d2l.export_weights(model).items():
        np.testing.assert_array_equal(array, weights[name])
    X = rng.standard_normal((5, 64), np.float32)
    H = np.maximum(X @ weights["net.1.weight"].T + weights["net.1.bias"], 0)
    expected = H @ weights["net.3.weight"].T + weights["net.3.bias"]
    # Products of 64 terms of size 1, twice: a few hundred roundings of 1e-7.
    np.testing.assert_allclose(
        np.asarray(d2l.numpy(model(d2l.tensor(X)))), expected, rtol=1e-4, atol=1e-4
    )


def check_initial_weights():
    """Each scheme has the standard deviation that its formula says."""
    for scheme, std in (("normal", 0.02), ("he", np.sqrt(2 / 400)), ("xavier", np.sqrt(2 / 700))):
        for name, shape in (("weight", (300, 400)), ("W", (400, 300))):
            drawn = initial_weights({name: shape}, seed=1, scheme=scheme, sigma=0.02)[name]
            # Five standard errors of the standard deviation of 120,000 numbers.
            assert abs(drawn.std() / std - 1) < 5 / np.sqrt(2 * drawn.size)
            assert abs(drawn.mean()) < 5 * std / np.sqrt(drawn.size)
    both = initial_weights({"a.weight": (3, 2), "b": (2, 3), "c": (4,)}, seed=0)
    assert not both["c"].any()


def check_layer_weights(d2l):
    """A linear layer begins uniform within `1 / sqrt(num_inputs)`, weights and biases."""
    weights = d2l.export_weights(mlp(400, lr=0.1, pixels=100)(d2l))
    for name, bound in (("net.1.weight", 0.1), ("net.1.bias", 0.1), ("net.3.weight", 0.05)):
        size = np.abs(weights[name]).max() / bound
        assert 1 - 10 / weights[name].size < size <= 1, name


def check_metrics(d2l):
    """The validation metrics of an epoch are those of all its examples, in evaluation mode."""
    for name in ("softmax regression", "dropout"):
        model, data = CASES[name].make_model(d2l), digits(d2l, 0)
        history = d2l.Trainer(2).fit(model, data)  # 360 examples in minibatches of 100
        data.batch_size = 360
        [(X, y)] = data.val_dataloader()
        model.eval()
        outputs, y = d2l.numpy(model(X)), d2l.numpy(y)
        assert abs(history.val_acc[-1] - (outputs.argmax(1) == y).mean()) < 1e-6
        shifted = outputs - outputs.max(1, keepdims=True)
        losses = np.log(np.exp(shifted).sum(1)) - shifted[np.arange(len(y)), y]
        assert abs(history.val_loss[-1] / losses.mean() - 1) < 1e-5  # sums of float32


def test_plan():
    check_plan()


def test_initial_weights():
    check_initial_weights()


@pytest.mark.slow
@pytest.mark.parametrize(
    "check", [check_epochs, check_pixels, check_transfer, check_layer_weights, check_metrics]
)
def test_shared_conventions(d2l, check):
    check(d2l)
