"""The functions of chapters 3 to 5 beside the models: against the truth, on both backends."""

import math

import numpy as np
import pytest
from support import BACKENDS, assert_within, eps, precision


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    with precision(request.param):
        yield request.param


def draw(dtype, *shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def test_normal_density(d2l, dtype):
    x = draw(dtype, 50)
    z = (x.astype(np.longdouble) - np.longdouble(0.5)) / 2
    truth = np.exp(-(z**2) / 2) / (2 * np.sqrt(2 * np.longdouble(math.pi)))
    # z^2 / 2 is rounded some times, and its error is relative in the power; 8 for the rest.
    bound = eps(dtype) * (4 * z**2 + 8) * truth
    assert_within(d2l.numpy(d2l.normal_density(d2l.tensor(x), 0.5, 2)), truth, bound)


def test_entropy_and_divergence(d2l, dtype):
    p, q = (np.abs(draw(dtype, 7, 5, seed=seed)) for seed in (0, 1))
    p[0, 1:] = 0  # a certain event
    p, q = (x / x.sum(1, keepdims=True) for x in (p, q))
    wide_p, wide_q = p.astype(np.longdouble), q.astype(np.longdouble)
    logs = np.log(np.where(wide_p > 0, wide_p, 1))
    terms = wide_p * logs
    bound = 8 * eps(dtype) * (np.abs(terms).sum(1) + 1)
    P, Q = d2l.tensor(p), d2l.tensor(q)
    assert_within(d2l.numpy(d2l.entropy(P)), -terms.sum(1), bound, "entropy")
    divergence = (terms - wide_p * np.log(wide_q)).sum(1)
    bound = 8 * eps(dtype) * (np.abs(terms) + np.abs(wide_p * np.log(wide_q))).sum(1)
    assert_within(d2l.numpy(d2l.kl_divergence(P, Q)), divergence, bound, "divergence")
    impossible = d2l.kl_divergence(d2l.tensor([0.5, 0.5]), d2l.tensor([1.0, 0.0]))
    assert np.isinf(d2l.numpy(impossible))


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
    assert_within(d2l.numpy(confusion), errors * train, 1e-6)
    weights = d2l.label_shift_weights(confusion, d2l.tensor(sample(test, 10_000)[0]))
    # float32, through a system whose condition is about 6
    np.testing.assert_allclose(d2l.numpy(weights), test / train, rtol=1e-5)


def test_backpropagation_is_what_autodiff_says(d2l, dtype):
    params = {"W1": draw(dtype, 6, 5, seed=1), "W2": draw(dtype, 5, 2, seed=2)}
    params = {name: d2l.tensor(value) for name, value in params.items()}
    X, y = d2l.tensor(draw(dtype, 20, 6, seed=3)), d2l.tensor(draw(dtype, 20, 2, seed=4))
    objective, intermediates = d2l.forward_propagation(params, X, y, lambd=0.1)
    by_hand = d2l.backpropagation(params, X, y, intermediates, lambd=0.1)
    value, gradients = d2l.value_and_grad(
        lambda params: d2l.forward_propagation(params, X, y, lambd=0.1)[0]
    )(params)
    assert float(value) == pytest.approx(float(objective), rel=4 * float(eps(dtype)))
    for name, gradient in gradients.items():
        size = np.abs(d2l.numpy(gradient)).max()
        assert_within(d2l.numpy(by_hand[name]), d2l.numpy(gradient), 20 * eps(dtype) * size, name)


def test_backpropagation_is_the_same_on_both():
    with precision("float64"):
        found = []
        for d2l in BACKENDS.values():
            params = {
                "W1": d2l.tensor(draw("float64", 6, 5)),
                "W2": d2l.tensor(draw("float64", 5, 2)),
            }
            X, y = d2l.tensor(draw("float64", 20, 6, seed=3)), d2l.tensor(draw("float64", 20, 2))
            _, intermediates = d2l.forward_propagation(params, X, y, 0.5)
            gradients = d2l.backpropagation(params, X, y, intermediates, 0.5)
            found.append({name: d2l.numpy(value) for name, value in gradients.items()})
        for name in found[0]:
            np.testing.assert_allclose(found[0][name], found[1][name], rtol=1e-12, atol=1e-13)


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
    X = np.arange(1, 17, dtype=np.float32).reshape(2, 8)
    mask = np.arange(16).reshape(2, 8) % 2
    found = d2l.numpy(d2l.dropout_layer(d2l.tensor(X), dropout, mask=d2l.tensor(mask)))
    np.testing.assert_allclose(
        found, 0 * X if dropout == 1 else X * mask / (1 - dropout), rtol=1e-6
    )
    drawn = d2l.numpy(d2l.dropout_layer(d2l.ones(100, 100), dropout))
    # Five standard errors of the share of 10,000 that is kept.
    assert abs((drawn > 0).mean() - (1 - dropout)) <= 5 * math.sqrt(dropout * (1 - dropout) / 1e4)
    if dropout < 1:
        np.testing.assert_allclose(drawn[drawn > 0], 1 / (1 - dropout), rtol=1e-6)


@pytest.mark.parametrize("name", ["DropoutMLPScratch", "DropoutMLP"])
def test_dropout_is_off_in_validation(d2l, name):
    model = getattr(d2l, name)(10, 32, 16, 0.5, 0.5, lr=0.1, num_inputs=64)
    data = d2l.Digits(batch_size=100)
    history = d2l.Trainer(max_epochs=1).fit(model, data)
    X, y = data.val_dataloader().gather(data.val_dataloader().arrays, np.arange(360))
    evaluating = model.trainer.val_model if d2l is BACKENDS["jax"] else model.eval()
    losses = [float(d2l.numpy(evaluating.loss(evaluating(X), y))) for _ in range(2)]
    assert losses[0] == losses[1]
    assert history.val_loss[0] == pytest.approx(losses[0], rel=1e-5)
    training = model.trainer.train_model if d2l is BACKENDS["jax"] else model.train()
    assert float(d2l.numpy(training.loss(training(X), y))) != losses[0]


@pytest.mark.parametrize("alpha", [0, 0.1, 1])
def test_prelu(d2l, alpha):
    X = d2l.tensor([-2.0, 0.0, 3.0])
    np.testing.assert_allclose(d2l.numpy(d2l.prelu(X, alpha)), [-2 * alpha, 0, 3], rtol=1e-6)
    gradient = d2l.grad(lambda X: d2l.reduce_sum(d2l.prelu(X, alpha)))(X)
    np.testing.assert_allclose(d2l.numpy(gradient), [alpha, alpha, 1], rtol=1e-6)


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
    for model in (d2l.WeightDecay(wd=2, lr=0.1, num_inputs=3),):
        d2l.import_weights(model, {"net.weight": [[1.0, 2.0, 3.0]], "net.bias": [1.0]})

        class Data(d2l.DataModule):
            batch_size = 1

            def get_dataloader(self, train):
                return self.get_tensorloader((d2l.zeros(1, 3), d2l.ones(1, 1)), train)

        d2l.Trainer(max_epochs=1).fit(model, Data())
        after = d2l.export_weights(model)
        np.testing.assert_allclose(after["net.weight"], 0.8 * np.array([[1, 2, 3]]), rtol=1e-6)
        np.testing.assert_array_equal(after["net.bias"], [1])


def test_both_weight_decays_differ_by_the_half_in_the_loss_alone(d2l):
    """The scratch model's loss is half the concise one's, so twice the rate gives the same step."""
    data = [d2l.HighDimensionalData(20, 10, 5, batch_size=5) for _ in range(2)]
    scratch = d2l.WeightDecayScratch(num_inputs=5, lambd=1.5, lr=0.02)
    concise = d2l.WeightDecay(wd=3, lr=0.01, num_inputs=5)
    w = np.arange(5.0)
    d2l.import_weights(scratch, {"w": w.reshape(5, 1), "b": [0]})
    d2l.import_weights(concise, {"net.weight": w.reshape(1, 5), "net.bias": [0]})
    for model, part in zip((scratch, concise), data, strict=True):
        d2l.Trainer(max_epochs=2).fit(model, part)
    w = d2l.export_weights(scratch)["w"].ravel()
    np.testing.assert_allclose(d2l.export_weights(concise)["net.weight"].ravel(), w, rtol=1e-5)
