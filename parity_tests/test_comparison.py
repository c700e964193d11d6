"""The comparison that readers use for models of their own: it agrees, and it points at mistakes."""

import copy
import sys

import jax
import numpy as np
import pytest
import torch
from flax import nnx
from jax import numpy as jnp
from torch import nn

from d2l_common.data.digits import load_digits_images
from d2l_parity import Verdict, assert_within, compare, worst_entry
from d2l_parity.closeness import relative_gap
from d2l_parity.picture import draw
from parity_tests.support.backends import BACKENDS

CROSS_ENTROPY = "softmax_cross_entropy"
BOTH = ("float32", "float64")


def batches(n=2, size=20):
    (images, labels), _ = load_digits_images()
    X = images[: n * size].reshape(n, size, -1).astype(np.float32) / 255
    return list(zip(X, labels[: n * size].reshape(n, size).astype(np.int32), strict=True))


class TorchMLP(nn.Module):
    """A model of two hidden layers."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(64, 12), nn.Linear(12, 12), nn.Linear(12, 10)

    def forward(self, X):
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(X)))))


class FlaxMLP(nnx.Module):
    """Its port, in which a mistake can be made at one place."""

    def __init__(self, mistake=""):
        rngs = nnx.Rngs(0)
        self.hidden1 = nnx.Linear(64, 12, rngs=rngs)
        self.hidden2 = nnx.Linear(12, 12, use_bias=mistake != "no bias", rngs=rngs)
        self.output = nnx.Linear(12, 10, rngs=rngs)
        self.mistake = mistake

    def __call__(self, X):
        X = 2 * X if self.mistake == "inputs" else X
        H = nnx.relu(self.hidden1(X))
        H = nnx.tanh(H) if self.mistake == "between" else H
        H = jax.lax.stop_gradient(H) if self.mistake == "gradient" else H
        H = self.hidden2(H)
        Y_hat = self.output(nnx.relu(H))
        return nnx.softmax(Y_hat) if self.mistake == "outputs" else Y_hat


class Scaled(nnx.Linear):
    """A layer that computes something else."""

    def __call__(self, X):
        return 1.001 * super().__call__(X)


def report(jax_model=None, torch_model=None, **options):
    brief = {"loss": CROSS_ENTROPY, "epochs": 1, "nudges": 0, "dtypes": ["float64"]}
    options = brief | options
    models = jax_model or FlaxMLP(), torch_model or TorchMLP()
    return compare(*models, options.pop("data", batches()), **options)


@pytest.mark.slow
def test_equal_models_agree():
    torch.manual_seed(0)
    models = FlaxMLP(), TorchMLP()
    before = copy.deepcopy(models[1].state_dict())
    found = report(*models, epochs=2, dtypes=BOTH)
    assert found.agree, found.failures
    assert [layer.name for layer in found.first.layers] == ["fc1", "fc2", "fc3"]
    assert [layer.jax_name for layer in found.first.layers] == ["hidden1", "hidden2", "output"]
    assert "The same" in str(found)
    for name, array in models[1].state_dict().items():  # the models stay as they were
        assert torch.equal(array, before[name])
    assert found.comparisons["float64"].predictions() == (0, 40)
    assert (
        "Trained on given minibatches of inputs (20, 64) and targets (20,): 2 epochs of "
        "2 minibatches by minibatch SGD, learning rate 0.1, in float32 and in float64 on the CPU."
    ) in str(found)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        ("inputs", "The input of `fc1` (`hidden1` in JAX) differs: look before it"),
        ("between", "(`hidden2` in JAX) differs: look between `fc1` (`hidden1` in JAX) and it"),
        ("outputs", "The outputs differ: look after `fc3` (`output` in JAX)"),
        ("gradient", "from `fc1.bias` (`hidden1.bias` in JAX) backward: look between `fc1`"),
    ],
)
def test_the_report_points_at_a_mistake(mistake, words):
    found = report(FlaxMLP(mistake))
    assert not found.agree
    assert words in found.failures[0]
    assert found.failures[0] in str(found)


@pytest.mark.slow
def test_the_report_points_at_a_layer():
    model = FlaxMLP()
    model.hidden2 = Scaled(12, 12, rngs=nnx.Rngs(0))
    words = (
        "`fc2` (`hidden2` in JAX) returns a different output for the same input. JAX calls it at"
    )
    assert report(model).failures[0].startswith(f"{words} test_comparison.py:")


@pytest.mark.slow
def test_the_report_points_at_the_loss():
    def loss(y_hat, y):
        return BACKENDS["jax"].softmax_cross_entropy(y_hat, y, averaged=False).sum()

    found = report(loss=(loss, BACKENDS["torch"].softmax_cross_entropy))
    assert "look at the loss" in found.failures[0]


@pytest.mark.slow
def test_the_report_points_at_the_optimizer():
    models = [d2l.MLP(10, 8, lr=lr, num_inputs=64) for d2l, lr in zip(BACKENDS.values(), (0.1, 0.2),
              strict=True)]  # fmt: skip
    found = report(*models, loss=None)
    assert found.failures[0] == (
        "The gradients are the same up to step 0, where the optimizers update `net.1.bias` "
        "differently: it moves 0.5 times as far in JAX: look at the learning rate, at clipping "
        "and at Nesterov's momentum."
    )
    assert any("weights" in text for text in found.failures)
    assert "SGD in PyTorch, learning rates 0.1 in JAX and 0.2 in PyTorch, in float64" in str(found)


@pytest.mark.slow
def test_the_report_points_at_evaluation_mode():
    class Rescaled(FlaxMLP):
        """A port whose evaluation mode is wrong from the second minibatch on."""

        def __init__(self):
            super().__init__()
            self.seen = nnx.BatchStat(jax.numpy.zeros(12))
            self.deterministic = False

        def __call__(self, X):
            if not self.deterministic:
                self.seen[...] += 1
            H = self.hidden2(nnx.relu(self.hidden1(X)))
            return (
                self.output(nnx.relu(H)) + (self.seen[0] if self.deterministic else 0) * H[:, :10]
            )

    found = report(Rescaled())
    assert not found.agree
    assert found.failures[0].startswith("Training is the same and validation is not")
    assert "only:" in str(found)  # PyTorch has no such state


@pytest.mark.slow
def test_a_running_variance_is_state_of_training_mode():
    """PyTorch's divides by n - 1, Flax's by n; only evaluation reads it."""

    class TorchNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.norm = nn.Linear(64, 12, bias=False), nn.BatchNorm1d(12)
            self.fc2 = nn.Linear(12, 10)

        def forward(self, X):
            return self.fc2(torch.relu(self.norm(self.fc1(X))))

    class FlaxNet(nnx.Module):
        def __init__(self):
            rngs = nnx.Rngs(0)
            self.fc1 = nnx.Linear(64, 12, use_bias=False, rngs=rngs)
            self.norm = nnx.BatchNorm(12, momentum=0.9, rngs=rngs)
            self.fc2 = nnx.Linear(12, 10, rngs=rngs)

        def __call__(self, X):
            return self.fc2(nnx.relu(self.norm(self.fc1(X))))

    found = report(FlaxNet(), TorchNet())
    assert found.failures[0] == (
        "`norm` updates its state differently in training mode. `norm.running_var` (`norm.var` in "
        "JAX) averages a different variance: NNX's BatchNorm divides by n, PyTorch's running "
        "variance by n - 1."
    )
    assert set(found.comparisons["float64"].exceeded()) == {"final state", "validation loss"}


@pytest.mark.slow
def test_runs_that_diverge_are_never_the_same():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4, 2))
    models = [d2l.LinearRegression(num_inputs=2, lr=9.0) for d2l in BACKENDS.values()]
    with pytest.warns(UserWarning, match="try a lower learning rate"), np.errstate(all="ignore"):
        found = compare(*models, [(X, X.sum(1, keepdims=True))] * 10, epochs=60, nudges=1,
                        dtypes=["float64"])  # fmt: skip
    assert not found.agree
    assert any("the loss of PyTorch is" in text for text in found.failures)


class TorchUnit(TorchMLP):
    """A model that divides by what its weights make of an input: weights of 0 give NaN."""

    def forward(self, X):
        H = self.fc2(self.fc1(X))
        return self.fc3(H / H.norm(dim=1, keepdim=True))


class FlaxUnit(FlaxMLP):
    def __call__(self, X):
        H = self.hidden2(self.hidden1(X))
        H = H / jnp.linalg.norm(H, axis=1, keepdims=True)
        return self.output(1.01 * H if self.mistake else H)


@pytest.mark.slow
def test_a_model_that_divides_by_its_weights():
    assert report(FlaxUnit(), TorchUnit()).verdict is Verdict.SAME
    assert report(FlaxUnit("scale"), TorchUnit()).verdict is Verdict.DIFFERENT


@pytest.mark.slow
def test_clipping_reaches_the_limit():
    found = report(gradient_clip_val=0.01)
    assert found.agree
    assert "learning rate 0.1, gradients of norm 0.01 at most, in float64" in str(found)
    norms = found.comparisons["float64"].jax.gradient_norms
    np.testing.assert_allclose(norms, 0.01, rtol=1e-12)


@pytest.mark.slow
def test_modules_with_data_modules_and_weights_of_ones_own():
    models = [d2l.SoftmaxRegression(10, lr=0.1, num_inputs=64) for d2l in BACKENDS.values()]
    weights = {"net.1.weight": np.ones((10, 64)), "net.1.bias": np.arange(10.0)}
    found = compare(*models, lambda d2l: d2l.Digits(batch_size=500), epochs=1, weights=weights,
                    nudges=1, dtypes=["float32"])  # fmt: skip
    assert found.agree
    each = found.comparisons["float32"]
    np.testing.assert_array_equal(each.jax.weights["net.1.bias"][0], np.arange(10))
    assert each.one_ulp_gaps.shape == (2, len(each.loss_gap))
    assert "Trained on Digits(batch_size=500, resize=(8, 8), seed=0): 1 epoch of 3" in str(found)
    assert "Seconds an epoch" in str(found)


@pytest.mark.slow
@pytest.mark.parametrize(("lr", "nudged"), [(0.1, []), (0.2, ["torch"])])
def test_runs_from_one_ulp_away_of_a_large_model(lr, nudged, monkeypatch):
    monkeypatch.setattr(sys.modules["d2l_parity.compare"], "LARGE", 1)
    ours, theirs = (d2l.SoftmaxRegression(10, 0.1, num_inputs=64) for d2l in BACKENDS.values())
    theirs.lr = lr
    data = lambda d2l: d2l.Digits(batch_size=500)  # noqa: E731
    found = compare(ours, theirs, data, epochs=1, dtypes=["float32"])
    assert found.agree == (not nudged)
    assert list(found.comparisons["float32"].nudged) == nudged
    assert "Seconds an epoch" not in str(found)  # of a run in JAX that was compiled before


@pytest.mark.slow
def test_images_of_data_modules_have_channels_where_each_framework_expects_them():
    class TorchNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fc = nn.Conv2d(1, 3, 3), nn.Linear(3, 10)

        def forward(self, X):
            return self.fc(torch.relu(self.conv(X)).mean((2, 3)))

    class FlaxNet(nnx.Module):
        def __init__(self):
            rngs = nnx.Rngs(0)
            self.conv = nnx.Conv(1, 3, (3, 3), padding="VALID", rngs=rngs)
            self.fc = nnx.Linear(3, 10, rngs=rngs)

        def __call__(self, X):
            return self.fc(nnx.relu(self.conv(X)).mean((1, 2)))

    found = report(FlaxNet(), TorchNet(), data=lambda d2l: d2l.Digits(batch_size=500))
    assert found.agree, found.failures


@pytest.mark.slow
def test_the_report_is_written(tmp_path):
    found = report(nudges=1, dtypes=BOTH)
    paths = found.save(tmp_path / "new" / "my.model")
    assert [path.name for path in paths.values()] == ["my.model.md", "my.model.csv", "my.model.png"]
    assert "my.model.png" in paths["md"].read_text()
    assert "Trained on given minibatches" in paths["md"].read_text()
    assert len(paths["csv"].read_text().splitlines()) == 1 + 2
    assert paths["png"].stat().st_size > 10_000
    gaps = draw(found).axes[1]
    labels = {line.get_label() for line in gaps.lines}
    shown = {text.get_text() for text in gaps.get_legend().texts}
    kinds = ("JAX and PyTorch", "moved by one ulp", "spacing")
    assert labels == shown == {f"{dtype}: {kind}" for dtype in found.comparisons for kind in kinds}


def test_the_worst_entry_is_named():
    assert worst_entry([1.0, np.nan, np.inf], [1.0, np.nan, np.inf], 0) is None
    worst = worst_entry(np.float32([1, 2, 4]), [1, 2 + 1e-6, 4.1], [0, 1e-5, 0.01])
    assert worst.at == (2,)
    assert worst.gap == pytest.approx(0.1)
    assert worst.ulps == pytest.approx(0.1 / np.spacing(np.float32(4.1)))
    for actual, expected in (([np.nan], [1.0]), ([1.0], [np.nan]), ([np.inf], [-np.inf])):
        with pytest.raises(AssertionError, match="weights at"):
            assert_within(actual, expected, 1e300, "weights")
    with pytest.raises(AssertionError, match="shape"):
        assert_within([1.0], [1.0, 2.0], 1)


@pytest.mark.parametrize("actual", [np.nan, np.inf])
def test_no_bound_is_wide_enough_for_an_infinite_gap(actual):
    assert worst_entry(np.array([1.0, actual]), np.ones(2), np.inf).at == (1,)
    with pytest.raises(AssertionError, match=r"at \(1,\)"):
        assert_within(np.array([1.0, actual]), np.ones(2), np.inf)


def test_what_cannot_be_compared_is_said():
    for compared in (lambda a, b: assert_within(a, b, 0), relative_gap):
        with pytest.raises(TypeError, match="complex numbers; compare their real and imaginary"):
            compared(np.array([1 + 1j]), np.array([1 + 9j]))
    with pytest.raises(ValueError, match=r"cannot compare shape \(1,\) with shape \(4,\)"):
        relative_gap(np.ones(1), np.ones(4))


def test_gaps_are_relative_to_the_larger_norm():
    assert relative_gap(np.zeros(3), np.zeros(3)) == 0
    assert relative_gap(np.array([3.0, 4.0]), np.zeros(2)) == 1
    assert relative_gap(np.array([1e-9]), np.array([2e-9]), floor=1) == pytest.approx(1e-9)
    assert relative_gap(np.array([np.nan]), np.ones(1)) == np.inf
