"""Running averages and other buffers travel and are compared, tied and frozen weights are right."""

import jax
import numpy as np
import optax
import pytest
import torch
from flax import nnx
from jax import numpy as jnp
from torch import nn

from d2l_parity import Verdict
from parity_tests.support.backends import BACKENDS
from parity_tests.support.ports import (
    BatchNorm,
    batches,
    linear,
    original,
    port,
    short,
    torch_linear,
)

ROWS, SEQUENCES = batches(8, 6), batches(4, 6, 8)


def with_norm(relu):
    return lambda self, X: self.out(relu(self.norm(self.fc(X))))


def jax_model(norm=BatchNorm, forward=None, **options):
    """Return a JAX model with batch normalization between two linear layers."""
    return port(
        forward or with_norm(nnx.relu),
        fc=linear(6, 8),
        norm=lambda rngs: norm(8, rngs=rngs, **options),
        out=linear(8, 4),
    )


def torch_model(norm=nn.BatchNorm1d):
    """Return likewise a model of PyTorch, whose running averages are those of other data."""
    model = original(
        with_norm(torch.relu),
        fc=torch_linear(6, 8),
        norm=lambda: norm(8),
        out=torch_linear(8, 4),
    )
    rng = np.random.default_rng(1)
    model.norm.running_mean += torch.tensor(rng.normal(size=8))
    model.norm.running_var += torch.tensor(rng.uniform(1, 2, 8))
    return model


class Frozen(nn.BatchNorm1d):
    """Batch normalization of PyTorch by averages that stay, as in fine-tuning."""

    def train(self, mode=True):
        return super().train(False)


# -- buffers ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_running_averages_travel_and_are_compared():
    found = short(jax_model(), torch_model(), ROWS, epochs=2)
    assert found.verdict is Verdict.SAME, found.failures
    [layer] = [layer for layer in found.first.layers if layer.name == "norm"]
    assert set(layer.state) == {"norm.running_mean", "norm.running_var"}
    assert found.comparisons["float64"].largest()["final state"] < 1e-12
    for run in (found.comparisons["float64"].jax, found.comparisons["float64"].torch):
        assert run.final_weights["norm.running_var"].min() > 0.5


@pytest.mark.slow
def test_averages_of_pretrained_layers_travel():
    """Both use the averages of PyTorch's model, in training mode, too."""

    def forward(self, X):
        return self.out(nnx.relu(self.norm(self.fc(X), use_running_average=True)))

    found = short(jax_model(nnx.BatchNorm, forward, epsilon=1e-5), torch_model(Frozen), ROWS)
    assert found.verdict is Verdict.SAME, found.failures
    mean = found.comparisons["float64"].jax.final_weights["norm.running_mean"]
    assert abs(mean).min() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"norm": nnx.BatchNorm, "momentum": 0.99, "epsilon": 1e-5},
            "`norm` updates its state differently in training mode. `norm.running_mean` "
            "(`norm.mean` in JAX) moves 0.1 times as far in JAX as in PyTorch: look at the "
            "momentum (0.9 in NNX is 0.1 in PyTorch).",
        ),
        (
            {"norm": nnx.BatchNorm, "momentum": 0.9, "epsilon": 1e-5},
            "`norm` updates its state differently in training mode. `norm.running_var` (`norm.var` "
            "in JAX) averages a different variance: NNX's BatchNorm divides by n, PyTorch's "
            "running variance by n - 1.",
        ),
        (
            {
                "norm": nnx.BatchNorm,
                "forward": lambda self, X: self.out(
                    nnx.relu(self.norm(self.fc(X), use_running_average=True))
                ),
                "epsilon": 1e-5,
            },
            "`norm.running_mean` (`norm.mean` in JAX) stays as it is in JAX, as in evaluation "
            "mode: look for use_running_average=True or eval().",
        ),
    ],
)
def test_state_that_is_updated_differently_has_a_cause(options, words):
    found = short(jax_model(**options), torch_model(), ROWS)
    assert found.verdict is Verdict.DIFFERENT
    assert words in found.failures[0]
    assert any("the gap of final state is" in text for text in found.failures)


@pytest.mark.slow
def test_an_average_that_stays_in_pytorch_is_said():
    found = short(jax_model(), torch_model(Frozen), ROWS)
    assert "stays as it is in PyTorch, as in evaluation mode" in found.failures[0]
    assert found.failures[0].startswith("In training mode: `norm` returns a different output")


def with_table(difference=0.0):
    """Return models that add a table to their inputs; `difference` is added to JAX's own."""

    def forward(self, X):
        return self.fc((X + self.table[...]).mean(1))

    theirs = original(forward, fc=torch_linear(8, 4))
    theirs.register_buffer("table", torch.arange(48.0).reshape(6, 8).sin())
    table = jnp.sin(jnp.arange(48.0).reshape(6, 8)) + difference
    return port(forward, fc=linear(8, 4), table=lambda rngs: nnx.Variable(table)), theirs


@pytest.mark.slow
def test_tables_travel_though_each_framework_makes_them_in_float32():
    found = short(*with_table(3e-7), SEQUENCES)
    assert found.verdict is Verdict.SAME, found.failures


@pytest.mark.slow
def test_tables_of_other_numbers_are_a_difference():
    found = short(*with_table(1e-3), SEQUENCES)
    assert found.verdict is Verdict.DIFFERENT
    assert found.failures[0].startswith("The constant `table` holds different numbers in JAX and")


@pytest.mark.slow
@pytest.mark.parametrize("mistake", [1.0, 1.001])
def test_a_scale_may_be_a_factor_in_one_model_and_a_divisor_in_the_other(mistake):
    theirs = original(lambda self, X: self.fc(X / self.scale), fc=torch_linear(6, 4))
    theirs.register_buffer("scale", torch.tensor([0.5, 2, 4, 8, 1, 1]))
    scale = mistake / np.array([0.5, 2, 4, 8, 1, 1])
    ours = port(lambda self, X: self.fc(X * self.scale), fc=linear(6, 4), scale=lambda rngs: scale)
    found = short(ours, theirs, ROWS)
    note = "- `scale` holds different numbers in JAX and in PyTorch. With their own the models"
    assert (found.verdict is Verdict.SAME, note in str(found)) == (mistake == 1, mistake == 1)
    assert mistake == 1 or "The constant `scale` holds different numbers" in found.failures[0]


@pytest.mark.slow
@pytest.mark.parametrize("decay", [0.9, 0.5])
def test_state_that_training_changes_is_equal_though_it_begins_differently(decay):
    def torch_forward(self, X):
        Y = self.fc(X)
        if self.training:
            with torch.no_grad():
                self.centre.mul_(0.9).add_(0.1 * Y.mean(0))
        return Y

    def jax_forward(self, X):
        Y = self.norm(self.fc(X))
        if not self.norm.deterministic:
            self.centre[...] = decay * self.centre[...] + (1 - decay) * Y.mean(0)
        return Y

    theirs = original(torch_forward, fc=torch_linear(6, 4))
    theirs.register_buffer("centre", torch.ones(4))
    ours = port(
        jax_forward,
        fc=linear(6, 4),
        norm=lambda rngs: nnx.Dropout(0.0, rngs=rngs),  # knows the mode
        centre=lambda rngs: nnx.Variable(jnp.arange(4.0)),
    )
    found = short(ours, theirs, ROWS)
    assert found.agree is (decay == 0.9), found.failures
    assert found.agree or found.failures[0].startswith("The model itself updates its state")


@pytest.mark.slow
def test_state_that_one_model_alone_has_is_named():
    theirs = torch_model()
    theirs.register_buffer("positions", torch.arange(5.0))
    found = short(jax_model(), theirs, ROWS)
    assert found.verdict is Verdict.SAME, found.failures
    sentence = "`positions` of shape (5,) is in the PyTorch model only: it keeps its own values."
    assert found.pairing.left_out == [sentence]
    assert f"State that is not shared:\n\n- {sentence}" in str(found)


# -- tied weights ----------------------------------------------------------------------------------


def tied(attend, tie=True):
    """Return models with one matrix for tokens and for logits; in PyTorch tied if `tie`."""
    theirs = original(
        lambda self, X: self.head(self.emb(X).mean(1)),
        emb=lambda: nn.Embedding(11, 8),
        head=torch_linear(8, 11, bias=False),
    )
    if tie:
        theirs.head.weight = theirs.emb.weight
    ours = port(
        lambda self, X: attend(self, self.emb(X).mean(1)),
        emb=lambda rngs: nnx.Embed(11, 8, rngs=rngs),
    )
    return ours, theirs


@pytest.mark.slow
@pytest.mark.parametrize(
    ("attend", "agree"),
    [
        (lambda self, H: self.emb.attend(H), True),
        (lambda self, H: H @ self.emb.embedding[...].T, True),
        (lambda self, H: H @ self.emb.embedding.get_value().T * 1.001, False),
    ],
)
def test_tied_weights_are_one_array(attend, agree):
    tokens = batches(4, 6, classes=11, dtype=np.int32)
    found = short(*tied(attend), tokens)
    assert found.agree is agree, found.failures
    assert set(found.comparisons["float64"].torch.final_weights) == {"emb.weight"}
    if not agree:
        assert "emb" in found.failures[0]


def test_weights_that_one_model_alone_ties_are_a_difference():
    tokens = batches(4, 6, classes=11, dtype=np.int32)
    found = short(*tied(lambda self, H: self.emb.attend(H), tie=False), tokens)
    assert found.verdict is Verdict.DIFFERENT
    assert "`head.weight` is trained in PyTorch" in found.failures[0]


# -- tables ----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("factor", "verdict"), [(1.0, Verdict.SAME), (1.01, Verdict.DIFFERENT)])
def test_a_table_in_a_cache_keeps_its_own_numbers(factor, verdict):
    """A cache holds what a call leaves behind, so that it is not one of the weights."""
    table = np.arange(8.0).reshape(1, 8) / 8

    def call(self, X):
        return self.fc(X + self.table)

    ours = port(call, fc=linear(8, 4), table=lambda rngs: nnx.Cache(jnp.array(factor * table)))
    theirs = original(call, fc=torch_linear(8, 4))
    theirs.register_buffer("table", torch.tensor(table))
    found = short(ours, theirs, batches(4, 8))
    assert found.verdict is verdict, found.failures
    assert found.pairing.left_out == [
        "`table` of shape (1, 8) is in the PyTorch model only: it keeps its own values."
    ]


# -- frozen weights --------------------------------------------------------------------------------


def frozen(in_jax=True, in_torch=True):
    """Return models of the library whose first layer is frozen: by Optax, and by PyTorch."""

    class Ours(BACKENDS["jax"].Classifier):
        def __init__(self):
            super().__init__()
            rngs = nnx.Rngs(0)
            self.fc1, self.fc2 = nnx.Linear(6, 8, rngs=rngs), nnx.Linear(8, 4, rngs=rngs)

        def forward(self, X):
            return self.fc2(jnp.tanh(self.fc1(X)))

        def configure_optimizers(self):
            kinds = {"frozen": optax.set_to_zero(), "free": optax.sgd(0.1)}

            def labels(params):
                def label(path, _):
                    is_first = "fc1" in jax.tree_util.keystr(path)
                    return "frozen" if is_first and in_jax else "free"

                return jax.tree.map_with_path(label, params)

            return optax.multi_transform(kinds, labels)

    class Theirs(BACKENDS["torch"].Classifier):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.fc1, self.fc2 = nn.Linear(6, 8), nn.Linear(8, 4)
            self.fc1.requires_grad_(not in_torch)

        def forward(self, X):
            return self.fc2(torch.tanh(self.fc1(X)))

        def configure_optimizers(self):
            params = [param for param in self.parameters() if param.requires_grad]
            return torch.optim.SGD(params, 0.1)

    return Ours(), Theirs()


@pytest.mark.slow
def test_frozen_weights_have_no_gradients_to_compare():
    found = short(*frozen(), ROWS, loss=None, epochs=2)
    assert found.verdict is Verdict.SAME, found.failures
    layers = {layer.name: layer for layer in found.first.layers}
    assert not layers["fc1"].gradients and len(layers["fc2"].gradients) == 2
    norms = [run.gradient_norms for run in (found.comparisons["float64"].jax,
             found.comparisons["float64"].torch)]  # fmt: skip
    np.testing.assert_allclose(*norms, rtol=1e-12)


@pytest.mark.slow
def test_weights_frozen_on_one_side_are_named():
    found = short(*frozen(in_torch=False), ROWS, loss=None)
    assert (
        "stays as it is in JAX and moves in PyTorch: is it frozen in JAX alone?"
        in (found.failures[0])
    )
    found = short(*frozen(in_jax=False), ROWS, loss=None)
    assert (
        "stays as it is in PyTorch and moves in JAX: is it frozen in PyTorch alone?"
        in (found.failures[0])
    )
