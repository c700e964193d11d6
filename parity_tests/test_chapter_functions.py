"""
Special cases of the functions of chapters 3 to 5 beside the models.

That their values and gradients are true is in test_properties.py, for any numbers.
"""

import math

import numpy as np
import pytest

from d2l_parity import RUNS, assert_within, relative_gap
from parity_tests.support.backends import BACKENDS, precision

EPS = float(np.finfo(np.float32).eps)


def test_impossible_and_certain_events(d2l):
    certain, even = d2l.tensor([1.0, 0.0]), d2l.tensor([0.5, 0.5])
    assert float(d2l.entropy(certain)) == 0
    assert float(d2l.kl_divergence(certain, certain)) == 0
    assert float(d2l.kl_divergence(even, certain)) == math.inf
    assert_within(float(d2l.kl_divergence(certain, even)), math.log(2), 4 * EPS)


def test_label_shift_is_recovered(d2l):
    """A classifier of known errors tells the new frequencies of classes exactly."""
    rng = np.random.default_rng(0)
    errors = np.array([[0.8, 0.1, 0.1], [0.1, 0.7, 0.3], [0.1, 0.2, 0.6]])  # by true class
    train, test = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.3, 0.6])

    def sample(frequencies, n):
        y = np.repeat(np.arange(3), np.round(n * frequencies).astype(int))
        counts = [np.round((y == c).sum() * errors[:, c]).astype(int) for c in range(3)]
        predictions = [np.repeat(np.arange(3), count) for count in counts]
        order = rng.permutation(len(y))
        return np.concatenate(predictions)[order], y[order]

    predictions, y = (d2l.tensor(a) for a in sample(train, 10_000))
    confusion = d2l.confusion_matrix(predictions, y, 3)
    assert_within(d2l.numpy(confusion), errors * train, EPS)  # counts, divided
    weights = d2l.label_shift_weights(confusion, d2l.tensor(sample(test, 10_000)[0]))
    # The classical bound of Gaussian elimination with pivots: 3 n^2 eps times the condition.
    bound = 3 * 3**2 * EPS * np.linalg.cond(errors * train) * np.abs(test / train).max()
    assert_within(d2l.numpy(weights), test / train, bound)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_confusion_matrix_counts_predictions_in_rows(d2l, dtype):
    with precision(dtype):
        predictions, y = d2l.tensor([0, 2, 2, 1]), d2l.tensor([0, 1, 1, 2])
        confusion = d2l.confusion_matrix(predictions, y, 3)
        weights = d2l.numpy(d2l.label_shift_weights(confusion, predictions))
    confusion = d2l.numpy(confusion)
    np.testing.assert_array_equal(confusion, [[0.25, 0, 0], [0, 0, 0.25], [0, 0.5, 0]])
    np.testing.assert_array_equal(weights, [1, 1, 1])  # the same data
    assert confusion.dtype == weights.dtype == dtype


def test_as_many_classes_as_a_narrow_type_has_numbers(d2l):
    y = d2l.tensor(np.uint8([0, 255]))
    loss = d2l.softmax_cross_entropy(d2l.zeros(2, 256), y)
    np.testing.assert_allclose(d2l.numpy(loss), np.log(256), rtol=1e-6)
    confusion = d2l.confusion_matrix(y, y, 256)
    np.testing.assert_array_equal(np.argwhere(d2l.numpy(confusion)), [[0, 0], [255, 255]])


@pytest.mark.slow
def test_training_keeps_what_prediction_does_not(d2l):
    params = {"W1": d2l.randn(784, 256), "W2": d2l.randn(256, 10)}
    X, y = d2l.randn(100, 784), d2l.randn(100, 10)
    prediction, training = d2l.memory_of_training(
        lambda params, X, y: d2l.forward_propagation(params, X, y)[0], params, X, y
    )
    hidden = 100 * 256 * 4  # bytes of one hidden layer's outputs
    assert 0 <= prediction < training
    assert training >= hidden


@pytest.mark.parametrize("dropout", [0, 0.25, 0.5, 1])
def test_dropout_layer(d2l, dropout):
    """In halves and quarters a mask that is drawn keeps its share, and says what it kept."""
    drawn = d2l.numpy(d2l.dropout_layer(d2l.ones(100, 100), dropout))
    kept = drawn > 0
    # Five standard errors of the share of 10,000 that is kept.
    assert abs(kept.mean() - (1 - dropout)) <= 5 * math.sqrt(dropout * (1 - dropout) / 1e4)
    factor = 0 if dropout == 1 else 1 / (1 - dropout)
    assert_within(drawn, factor * kept, EPS)
    for kind in (bool, np.float32):
        mask = d2l.tensor(kept.astype(kind))
        again = d2l.dropout_layer(d2l.ones(100, 100), dropout, mask=mask)
        np.testing.assert_array_equal(d2l.numpy(again), drawn)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["DropoutMLPScratch", "DropoutMLP"])
def test_dropout_is_off_in_validation(d2l, name):
    model = getattr(d2l, name)(10, 32, 16, 0.5, 0.5, lr=0.1, num_inputs=64)
    data = d2l.Digits(batch_size=100)
    history = d2l.Trainer(max_epochs=1).fit(model, data)
    X, y = data.val_dataloader().gather(data.val_dataloader().arrays, np.arange(360))
    evaluating = model.trainer.val_model if d2l is BACKENDS["jax"] else model.eval()
    losses = [float(d2l.numpy(evaluating.loss(evaluating(X), y))) for _ in range(2)]
    assert losses[0] == losses[1]
    # Sums of 360 losses, in any order.
    assert history.val_loss[0] == pytest.approx(losses[0], rel=360 * EPS)
    training = model.trainer.train_model if d2l is BACKENDS["jax"] else model.train()
    assert float(d2l.numpy(training.loss(training(X), y))) != losses[0]


@pytest.mark.parametrize("alpha", [0, 0.125, 1])
def test_prelu(d2l, alpha):
    """In eighths nothing rounds; at 0 the slope is that from below."""
    X = d2l.tensor([-2.0, 0.0, 3.0])
    np.testing.assert_array_equal(d2l.numpy(d2l.prelu(X, alpha)), [-2 * alpha, 0, 3])
    gradient = d2l.grad(lambda X: d2l.reduce_sum(d2l.prelu(X, alpha)))(X)
    np.testing.assert_array_equal(d2l.numpy(gradient), [alpha, alpha, 1])


def test_index_update_leaves_its_argument(d2l):
    x = d2l.arange(6)
    for index, values in ((2, 9), (slice(1, 4), 7), (slice(0, 2), [5, 6])):
        expected = np.arange(6)
        expected[index] = values
        if isinstance(values, list):
            values = d2l.tensor(values)
        np.testing.assert_array_equal(d2l.numpy(d2l.index_update(x, index, values)), expected)
    np.testing.assert_array_equal(d2l.numpy(x), np.arange(6))


def test_weight_decay_spares_the_bias(d2l):
    """With a gradient of 0 only the decay moves a parameter."""
    model = d2l.WeightDecay(wd=2, lr=0.125, num_inputs=3)
    d2l.import_weights(model, {"net.weight": [[1.0, 2.0, 3.0]], "net.bias": [1.0]})

    class Data(d2l.DataModule):
        batch_size = 1

        def get_dataloader(self, train):
            return self.get_tensorloader((d2l.zeros(1, 3), d2l.ones(1, 1)), train)

    d2l.Trainer(max_epochs=1).fit(model, Data())
    after = d2l.export_weights(model)
    np.testing.assert_array_equal(after["net.weight"], [[0.75, 1.5, 2.25]])
    np.testing.assert_array_equal(after["net.bias"], [1])


@pytest.mark.slow
def test_both_weight_decays_differ_by_the_half_in_the_loss_alone(d2l):
    """The scratch model's loss is half the concise one's, so twice the rate gives the same step."""
    w = np.arange(5.0)
    with precision("float64"):
        data = [d2l.HighDimensionalData(20, 10, 5, batch_size=5) for _ in range(2)]
        scratch = d2l.WeightDecayScratch(num_inputs=5, lambd=1.5, lr=0.02)
        concise = d2l.WeightDecay(wd=3, lr=0.01, num_inputs=5)
        d2l.import_weights(scratch, {"w": w.reshape(5, 1), "b": [0]})
        d2l.import_weights(concise, {"net.weight": w.reshape(1, 5), "net.bias": [0]})
        for model, part in zip((scratch, concise), data, strict=True):
            d2l.Trainer(max_epochs=2).fit(model, part)
    one, other = d2l.export_weights(scratch)["w"], d2l.export_weights(concise)["net.weight"]
    assert relative_gap(one.ravel(), other.ravel()) <= RUNS["float64"].weights


# -- losses of the linear models --------------------------------------------------------------


def test_losses_of_linear_models(d2l):
    y_hat, y = d2l.tensor([[1.0], [3.0], [5.0], [0.0]]), d2l.tensor([[0.0], [1.0], [5.0], [0.0]])
    losses = {  # of squared errors 1, 4, 0 and 0
        "half their mean": (d2l.LinearRegressionScratch(2, lr=0.1), 0.625),
        "their mean": (d2l.LinearRegression(num_inputs=2, lr=0.1), 1.25),
        "half their mean, and 3 times the penalty": (d2l.WeightDecayScratch(2, 3, lr=0.1), 8.125),
        "their mean, whatever the decay": (d2l.WeightDecay(3, lr=0.1, num_inputs=2), 1.25),
    }
    d2l.import_weights(
        losses["half their mean, and 3 times the penalty"][0], {"w": [[1], [2]], "b": [9]}
    )
    for what, (model, expected) in losses.items():
        assert float(d2l.numpy(model.loss(y_hat, y))) == expected, what
