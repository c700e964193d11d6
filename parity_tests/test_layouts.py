"""Every stock layer of NNX computes what PyTorch's layer computes with the same weights."""

import jax
import numpy as np
import pytest
import torch
from flax import nnx
from jax import numpy as jnp
from torch import nn

import d2l_jax
import d2l_torch
from d2l_jax.layouts import aliases, units
from parity_tests.support.backends import precision
from parity_tests.support.layers import LAYERS, random_weights

# Results are of order 1 to 10 and sums of at most 100 products, whose roundings, of 1e-16 each,
# amount to 1e-14; the five steps of a recurrent layer, or a division by a standard deviation,
# amplify them by less than 10. Any mistake in a layout is of order 1.
SAME = 1e-12


@pytest.fixture(autouse=True)
def float64():
    with precision("float64"):
        yield


def make(name):
    """Return a layer of NNX and one of PyTorch, which has random weights."""
    case = LAYERS[name]
    ours, theirs = case.make_jax(), case.make_torch()
    # NNX keeps running averages in float32 whatever it is told.
    cast = lambda x: x.astype("float64") if jnp.issubdtype(x.dtype, jnp.floating) else x  # noqa: E731
    nnx.update(ours, jax.tree.map(cast, nnx.state(ours)))
    theirs.load_state_dict(random_weights(theirs))
    return ours, theirs


def gap(name, ours, theirs):
    """Return the largest difference of the outputs of both layers for one input."""
    X = np.random.default_rng(1).standard_normal(LAYERS[name].shape)
    with torch.no_grad():
        expected = LAYERS[name].call_torch(theirs, torch.tensor(X)).numpy()
    result = LAYERS[name].call_jax(ours, jnp.array(X))
    assert result.shape == expected.shape and result.dtype == "float64"
    assert np.abs(expected).max() > 0.01
    return np.abs(np.asarray(result) - expected).max()


def check_layout(name):
    """Check that weights mean the same in both frameworks, and return to the bit."""
    with precision("float64"):
        ours, theirs = make(name)
        d2l_torch.import_weights(theirs, d2l_jax.export_weights(ours))
        assert gap(name, ours, theirs) < SAME
        ours, theirs = make(name)
        assert gap(name, ours, theirs) > 1e-3  # so that the check can fail
        weights = d2l_torch.export_weights(theirs)
        d2l_jax.import_weights(ours, theirs.state_dict())
        assert gap(name, ours, theirs) < SAME
        returned = d2l_jax.export_weights(ours)
        assert returned.keys() == weights.keys()
        for key, array in weights.items():
            assert returned[key].shape == array.shape and returned[key].dtype == array.dtype
            assert returned[key].tobytes() == array.tobytes(), key
        assert {"running_mean", "running_var"} <= returned.keys() or "BatchNorm" not in name
        if {"bias_hh", "bias_hh_l0"} & returned.keys():
            check_two_biases(name, ours, theirs)


def check_two_biases(name, ours, theirs):
    """Check that the two biases of PyTorch's recurrent layers are added."""
    with torch.no_grad():
        for key, x in theirs.named_parameters():
            if "bias" in key:
                x.copy_(torch.linspace(-1, 1, len(x)))
                if "hh" in key and isinstance(theirs, nn.GRU | nn.GRUCell):
                    x[2 * len(x) // 3 :] = 0
    d2l_jax.import_weights(ours, theirs.state_dict())
    assert gap(name, ours, theirs) < SAME


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
def test_weights_cross_over(name):
    check_layout(name)


@pytest.mark.parametrize("name", LAYERS)
def test_each_variable_is_in_one_unit(name):
    ours, _ = make(name)
    found = [path for unit in units(ours) for path in unit.leaves.values()]
    state = nnx.to_flat_state(nnx.state(ours, nnx.Not(nnx.RngState)))
    assert sorted(map(str, found)) == sorted(str(path) for path, _ in state)
    for unit in units(ours):
        assert unit.kind


@pytest.mark.parametrize("name", ["GRUCell", "RNN of GRUCell", "Bidirectional"])
def test_a_hidden_bias_of_the_new_gate_is_an_error(name):
    ours, theirs = make(name)
    before = d2l_jax.export_weights(ours)
    key = [key for key in theirs.state_dict() if "bias_hh" in key][-1]
    with torch.no_grad():
        theirs.get_parameter(key)[-1] = 0.5
    with pytest.raises(ValueError, match=rf"weights\['{key}'\] must be 0 in the last third"):
        d2l_jax.import_weights(ours, theirs.state_dict())
    for key, array in d2l_jax.export_weights(ours).items():
        np.testing.assert_array_equal(array, before[key])


class Attend(nnx.Module):
    """Attention and a recurrent layer, as in a reader's model."""

    def __init__(self):
        rngs = nnx.Rngs(0)
        self.attn = nnx.MultiHeadAttention(2, 8, decode=False, rngs=rngs)
        self.rnn = nnx.RNN(nnx.OptimizedLSTMCell(8, 3, rngs=rngs), rngs=rngs)


def test_composite_layers_are_taken_apart():
    model = Attend()
    assert [(unit.name, unit.kind, unit.suffix) for unit in units(model)] == [
        ("attn", "MultiheadAttention", ""),
        ("rnn", "LSTM", "_l0"),
    ]
    apart = {
        u.full(local): shape for u in units(model, whole=()) for local, shape in u.parts.items()
    }
    assert apart == {
        "attn.key.bias": (8,), "attn.key.weight": (8, 8),
        "attn.out.bias": (8,), "attn.out.weight": (8, 8),
        "attn.query.bias": (8,), "attn.query.weight": (8, 8),
        "attn.value.bias": (8,), "attn.value.weight": (8, 8),
        "rnn.cell.dense_h.bias": (12,), "rnn.cell.dense_h.weight": (12, 3),
        "rnn.cell.dense_i.weight": (12, 8),
    }  # fmt: skip
    assert [unit.kind for unit in units(model, whole=["LSTM"])] == ["Linear"] * 4 + ["LSTM"]


@pytest.mark.parametrize(
    "make",
    [
        lambda rngs: nnx.MultiHeadAttention(4, 8, num_kv_heads=2, rngs=rngs),
        lambda rngs: nnx.MultiHeadAttention(4, 8, qkv_features=16, rngs=rngs),
        lambda rngs: nnx.MultiHeadAttention(4, 8, normalize_qk=True, rngs=rngs),
        lambda rngs: nnx.RNN(nnx.SimpleCell(3, 3, residual=True, rngs=rngs)),
        lambda rngs: nnx.Bidirectional(
            nnx.RNN(nnx.GRUCell(3, 3, rngs=rngs)), nnx.RNN(nnx.SimpleCell(3, 3, rngs=rngs))
        ),
    ],
)
def test_what_torch_cannot_represent_is_taken_apart(make):
    kinds = {unit.kind for unit in units(make(nnx.Rngs(0)))}
    assert not kinds & {"MultiheadAttention"} and kinds <= {"Linear", "LayerNorm", "GRU", "RNN"}


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda rngs: nnx.LoRA(3, 2, 4, rngs=rngs), "LoRA"),
        (lambda rngs: nnx.LoRALinear(3, 4, lora_rank=2, rngs=rngs), "LoRALinear"),
        (lambda rngs: nnx.SpectralNorm(nnx.Linear(3, 4, rngs=rngs), rngs=rngs), "SpectralNorm"),
        (lambda rngs: nnx.WeightNorm(nnx.Linear(3, 4, rngs=rngs), rngs=rngs), "WeightNorm"),
        (lambda rngs: nnx.LinearGeneral(3, 4, batch_axis={0: 2}, rngs=rngs), "LinearGeneral"),
    ],
)
def test_a_layer_without_a_counterpart_is_an_error(make, words):
    model = nnx.Sequential(nnx.Linear(3, 3, rngs=nnx.Rngs(0)), make(nnx.Rngs(0)))
    with pytest.raises(ValueError, match=rf"layers\.1.*: {words} is stored by no layer of PyTorch"):
        units(model)


class Tied(nnx.Module):
    def __init__(self):
        rngs = nnx.Rngs(0)
        self.emb = nnx.Embed(7, 4, rngs=rngs)
        self.one = nnx.Linear(4, 4, rngs=rngs)
        self.two = nnx.Linear(4, 4, rngs=rngs)
        self.two.kernel = self.one.kernel
        self.zero = self.one
        self.rnn = self.rnn2 = nnx.RNN(nnx.GRUCell(4, 4, rngs=rngs))

    def __call__(self, tokens):
        return self.emb.attend(self.rnn2(self.rnn(self.zero(self.two(self.one(self.emb(tokens)))))))


class TorchTied(nn.Module):
    def __init__(self):
        super().__init__()
        self.zero = nn.Linear(4, 4)
        self.one = self.zero
        self.two = nn.Linear(4, 4)
        self.two.weight = self.one.weight
        self.rnn = self.rnn2 = nn.GRU(4, 4, batch_first=True)
        for name, x in self.rnn.named_parameters():
            nn.init.zeros_(x) if "bias_hh" in name else nn.init.normal_(x)
        self.emb = nn.Embedding(7, 4)
        self.out = nn.Linear(4, 7, bias=False)
        self.out.weight = self.emb.weight

    def forward(self, tokens):
        H = self.zero(self.two(self.one(self.emb(tokens))))
        return self.out(self.rnn2(self.rnn(H)[0])[0])


@pytest.mark.slow
def test_tied_weights_cross_over():
    ours, theirs = Tied(), TorchTied()
    recurrent = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    assert aliases(ours) == {
        "one.bias": ["zero.bias"],
        "one.weight": ["two.weight", "zero.weight"],
        **{f"rnn.{name}": [f"rnn2.{name}"] for name in recurrent},
    }
    X = np.array([[0, 3, 6]])
    for weights in (theirs.state_dict(), d2l_torch.export_weights(theirs)):
        ours = Tied()
        d2l_jax.import_weights(ours, weights)
        result = ours(jnp.array(X))
        expected = theirs(torch.tensor(X)).detach()
        np.testing.assert_allclose(result, expected, rtol=0, atol=1e-5)  # NNX computes in float32
    other = TorchTied()
    d2l_torch.import_weights(other, d2l_jax.export_weights(ours))
    np.testing.assert_allclose(other(torch.tensor(X)).detach(), expected, rtol=0, atol=1e-6)


def test_tied_weights_must_be_equal():
    weights = {name: x.clone() for name, x in TorchTied().state_dict().items()}
    weights["two.weight"][0, 0] += 1
    for d2l, model in ((d2l_jax, Tied()), (d2l_torch, TorchTied())):
        given = {k: v for k, v in weights.items() if k != "out.weight" or d2l is d2l_torch}
        with pytest.raises(ValueError, match="since the model ties them"):
            d2l.import_weights(model, given)


def test_an_unknown_name_is_ignored_only_for_tied_numbers():
    weights = d2l_torch.export_weights(TorchTied())
    d2l_jax.import_weights(Tied(), weights | {"out.weight": weights["emb.weight"]})
    changed = np.nextafter(weights["emb.weight"], 2)
    zeros = {"out.bias": np.zeros(4), "one.bias": np.zeros(4), "zero.bias": np.zeros(4)}
    for extra in ({"out.weight": changed}, {"out.weight": changed.T}, zeros):
        with pytest.raises(ValueError, match=r"missing \[\], unknown \['out\.(weight|bias)'\]"):
            d2l_jax.import_weights(Tied(), weights | extra)
