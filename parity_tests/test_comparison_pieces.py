"""Arrays that one model packs or stacks, and arrays that one model alone has."""

import numpy as np
import pytest
import torch
from flax import nnx
from jax import numpy as jnp
from torch import nn

import d2l_jax
import d2l_torch
from d2l_parity import Verdict
from d2l_parity.activations import Call
from d2l_parity.causes import dropout_hints, explain_state
from d2l_parity.cuts import calls_of
from d2l_parity.layers import Layer as Gaps
from d2l_parity.matching import cut_sides
from d2l_parity.pieces import Packing, blocks_of, opened, packings_of, packs, stacks
from d2l_parity.sides import Names
from parity_tests.support.ports import (
    BatchNorm,
    batches,
    linear,
    original,
    port,
    short,
    torch_linear,
)
from parity_tests.test_pairing import layer

ROWS, SEQUENCES = batches(4, 4), batches(3, 5, 4)


def linears(*names, rows=4, **options):
    """Return layers of `rows` outputs and 4 inputs."""
    return [layer(name, {"weight": (rows, 4), "bias": (rows,)}, **options) for name in names]


def stacked(name, number=3):
    """Return a layer of `number` stacked matrices."""
    shapes = {"weight": (number, 4, 4), "bias": (number, 4)}
    return layer(name, shapes)._replace(stacked=1)


# -- cuts ------------------------------------------------------------------------------------------


def test_packed_layers_are_cut_as_the_other_model_has_their_parts():
    ours = linears("q", "k", "v", "out")
    theirs = [*linears("qkv", rows=12), *linears("proj")]
    [cut] = packs(theirs, ours)
    assert cut.names == ["qkv[0:4]", "qkv[4:8]", "qkv[8:12]"]
    assert [each.shapes for each in cut.layers()] == [ours[0].shapes] * 3
    assert not packs(ours, theirs)


def test_parts_may_have_different_sizes_and_any_order():
    """As in attention with fewer heads of keys and values."""
    ours = [*linears("q"), *linears("k", "v", rows=2)]
    theirs = linears("qkv", rows=8)
    cuts = packs(theirs, ours)
    assert [each.names for each in cuts] == [["qkv[0:4]", "qkv[4:6]", "qkv[6:8]"]]
    every = [packs(theirs, ours, order)[0].names for order in packings_of(cuts)]
    assert len({tuple(names) for names in every}) == len(every) == 6
    assert ["qkv[2:6]", "qkv[0:2]", "qkv[6:8]"] in every


def test_columns_of_a_matrix_of_ones_own_are_cut_too():
    ours = [layer("", {name: (4, 4)}, kind="").part(name) for name in "qkv"]
    theirs = [layer("", {"w": (4, 12), "u": (12, 5)}, kind="")]
    [cut] = packs(theirs, ours)
    assert cut.names == ["w[:, 0:4]", "w[:, 4:8]", "w[:, 8:12]"]
    assert [each.shape() for each in cut.layers()] == [(4, 4)] * 3
    assert cut.pieces()["w[:, 4:8]"] == ("w", (slice(None), slice(4, 8)))
    assert not packs(theirs, [*ours, layer("fc", {"weight": (12, 4)}, kind="Linear")])


def test_a_bias_beside_a_matrix_of_ones_own_is_cut_alike():
    ours = [layer("", {f"{x}{y}": (4, 5) if x == "w" else (4,) for x in "wb" for y in "qkv"}, "")]
    theirs = [layer("", {"w": (12, 5), "b": (12,), "other": (12,)}, kind="")]
    order = Packing({3: [1, 0, 2]})
    assert [cut.names for cut in packs(theirs, [*ours, layer("n", {"scale": (12,)})], order)] == [
        ["w[4:8]", "w[0:4]", "w[8:12]"],
        ["b[4:8]", "b[0:4]", "b[8:12]"],
    ]
    without = [each.part(local) for each in ours for local in each.params if local != "bq"]
    assert [cut.layer.name for cut in packs(theirs, without)] == ["w"]


def test_each_head_may_have_its_share_of_every_part():
    ours = [*linears("q"), *linears("k", "v", rows=2)]
    cuts = packs(linears("qkv", rows=8), ours)
    assert blocks_of(cuts) == [2]
    [packing, *others] = packings_of(cuts, [2])
    assert len(others) == 5
    [cut] = packs(linears("qkv", rows=8), ours, packing)
    assert cut.names == [f"qkv[{rows} of every 4]" for rows in ("0:2", "2:3", "3:4")]
    assert [list(rows) for rows in cut.indices] == [[0, 1, 4, 5], [2, 6], [3, 7]]
    assert [each.shapes for each in cut.layers()] == [each.shapes for each in ours]


def test_layers_that_both_models_have_are_not_cut():
    both = [*linears("fc1", rows=12), *linears("a", "b", "c")]
    assert not packs(both, both)
    assert not packs(linears("fc1", rows=12), linears("a", "b"))  # too few rows
    assert not stacks([stacked("a")], [stacked("b")])


def test_a_stack_is_cut_though_another_weight_has_the_shape_of_its_biases():
    others = [*linears("a", "b", "c"), *linears("out", rows=3)]
    assert len(stacks([stacked("a")], others)) == 1


@pytest.mark.parametrize("weight", [(3, 5, 4), (3, 4, 5)])
def test_a_stack_in_another_layout_is_one_too(weight):
    ours = layer("a", {"weight": (3, 5, 4), "bias": (3, 5)})._replace(stacked=1)
    assert not stacks([ours], [layer("", {"w": weight, "b": (3, 1, 5)}, kind="")])


def test_stacked_layers_get_the_names_of_the_list():
    [cut] = stacks([stacked("blocks.fc", 2)], linears("blocks.0.fc", "blocks.1.fc"))
    assert cut.names == ["blocks.0.fc", "blocks.1.fc"]
    [cut] = stacks([stacked("blocks.fc", 2)], linears("net.0", "net.1"))
    assert cut.names == ["blocks.fc[0]", "blocks.fc[1]"]
    assert [each.shapes["weight"] for each in cut.layers()] == [(4, 4)] * 2


def test_an_array_of_ones_own_in_a_stack_is_cut_too():
    ours = [stacked("b.fc", 2), layer("b", {"gain": (2, 4)}, kind="")]
    theirs = [*linears("b.0.fc", "b.1.fc"), *(layer(f"b.{i}", {"gain": (4,)}, "") for i in (0, 1))]
    assert [cut.names for cut in stacks(ours, theirs)][1] == ["b.0.gain", "b.1.gain"]


def test_attention_is_opened_unless_the_other_model_has_it_too():
    shapes = {"in_proj_weight": (12, 4), "out_proj.weight": (4, 4)}
    attention = [layer("attn", shapes, kind="MultiheadAttention")]
    assert opened(attention, attention) == attention
    first, last = opened(attention, linears("q"))
    assert (first.name, first.kind, first.shapes) == ("attn.in_proj", "Linear", {"weight": (12, 4)})
    assert last.params == {"weight": "attn.out_proj.weight"}


def cut_names():
    """Return the two sides of a model with a stack of packed layers, cut."""
    packed = layer("b.qkv", {"weight": (2, 12, 4), "bias": (2, 12)})._replace(stacked=1)
    lists = linears(*(f"b.{i}.{name}" for i in (0, 1) for name in "qkv"))
    each = {"jax": [packed], "torch": lists}
    sides = {
        backend: Names(layers, {full for x in layers for full in x.params.values()})
        for backend, layers in each.items()
    }
    cut_sides(sides, None)
    return sides


def test_pieces_are_read_and_written_where_they_are():
    side = cut_names()["jax"]
    shapes = {"b.qkv.weight": (2, 12, 4), "b.qkv.bias": (2, 12)}
    arrays = {n: np.arange(float(np.prod(shape))).reshape(shape) for n, shape in shapes.items()}
    pieces = side.by_common_name(arrays)
    assert len(pieces) == 12 and side.trained == set(pieces)
    np.testing.assert_array_equal(pieces["b.qkv[1][4:8].bias"], [16, 17, 18, 19])
    back = side.by_own_name(pieces, {name: 0 * x for name, x in arrays.items()})
    assert back.keys() == arrays.keys()
    for name, x in arrays.items():
        np.testing.assert_array_equal(back[name], x)
    steps = side.by_common_name({n: np.stack([x, 2 * x]) for n, x in arrays.items()}, stacked=True)
    np.testing.assert_array_equal(steps["b.qkv[1][4:8].bias"][1], [32, 34, 36, 38])


def test_calls_of_a_stack_are_those_of_its_layers_in_turn():
    outputs = [np.full((1, 12), float(i)) + np.arange(12) / 100 for i in (0, 1)]
    calls = [Call("b.qkv", [x], [x], "") for x in outputs]
    found = {call.name: call for call in cut_names()["jax"].by_piece(calls)}
    assert list(found) == [f"b.qkv[{i}][{k}:{k + 4}]" for i in (0, 1) for k in (0, 4, 8)]
    np.testing.assert_array_equal(found["b.qkv[1][4:8]"].outputs[0], outputs[1][:, 4:8])
    hidden = calls_of(stacks([stacked("fc", 2)], linears("a", "b")), [Call("fc", [], [], "")])
    assert [(call.name, call.outputs) for call in hidden] == [("fc[0]", None), ("fc[1]", None)]


def test_what_a_mapping_names_is_not_cut():
    both = linears("q", "k", "v"), linears("qkv", rows=12)
    sides = dict(zip(("jax", "torch"), (Names(side, set()) for side in both), strict=True))
    assert cut_sides(sides, {"x": "qkv"}) == [] != cut_sides(sides, None)


# -- packed and stacked models ---------------------------------------------------------------------


def attention(softmax, q, k, v):
    return softmax(q @ k.swapaxes(-1, -2) / 2, -1) @ v


def separate(scale=1.0):
    """Return an attention of three layers in JAX."""

    def call(self, X):
        q, k, v = scale * self.q(X), self.k(X), self.v(X)
        return self.fc(attention(nnx.softmax, q, k, v) + X).mean(1)

    return port(call, **{name: linear(4, 4) for name in "qkv"}, fc=linear(4, 4))


def packed(order="qkv"):
    """Return an attention of one layer in PyTorch, whose parts are in `order`."""

    def call(self, X):
        parts = dict(zip(order, self.qkv(X).chunk(3, -1), strict=True))
        return self.fc(attention(torch.softmax, *(parts[name] for name in "qkv")) + X).mean(1)

    return original(call, qkv=torch_linear(4, 12), fc=torch_linear(4, 4))


@pytest.mark.slow
@pytest.mark.parametrize("order", ["qkv", "kvq"])
def test_packed_attention_is_its_three_layers(order):
    found = short(separate(), packed(order), SEQUENCES)
    assert found.verdict is Verdict.SAME, found.failures
    assert found.pairing.guessed["q"] == {"qkv": "qkv[0:4]", "kvq": "qkv[8:12]"}[order]
    assert sum(each.output <= found.first.tolerance for each in found.first.layers) == 4


def own_matrices(order="qkv", transposed=False, scale=1.0):
    """Return attentions of the user's own classes: three matrices in JAX, one in PyTorch."""

    def ours(self, X):
        q, k, v = (X @ getattr(self, name)[...] for name in "qkv")
        return self.fc(attention(nnx.softmax, scale * q, k, v) + X).mean(1)

    def theirs(self, X):
        parts = (X @ (self.w if transposed else self.w.T)).chunk(3, -1)
        named = dict(zip(order, parts, strict=True))
        return self.fc(attention(torch.softmax, *(named[name] for name in "qkv")) + X).mean(1)

    def matrix(rngs):
        return nnx.Param(rngs.normal((4, 4)))

    def packed_matrix():
        return nn.Parameter(torch.randn((4, 12) if transposed else (12, 4)))

    return (
        port(ours, **dict.fromkeys("qkv", matrix), fc=linear(4, 4)),
        original(theirs, w=packed_matrix, fc=torch_linear(4, 4)),
    )


@pytest.mark.slow
@pytest.mark.parametrize("order", ["qkv", "vkq"])
@pytest.mark.parametrize("transposed", [False, True])
def test_packed_matrices_of_ones_own_are_their_parts(order, transposed):
    found = short(*own_matrices(order, transposed), SEQUENCES)
    assert found.verdict is Verdict.SAME, found.failures
    found = short(*own_matrices(order, transposed, scale=1.1), SEQUENCES)
    assert found.verdict is Verdict.DIFFERENT


@pytest.mark.slow
def test_a_bias_of_ones_own_is_cut_with_its_matrix():
    def theirs(self, X):
        parts = (X @ self.w.T + self.b).chunk(3, -1)
        return self.fc(attention(torch.softmax, *parts) + X).mean(1)

    def given(*shape):
        return lambda: nn.Parameter(torch.randn(shape))

    packed_model = original(theirs, w=given(12, 4), b=given(12), fc=torch_linear(4, 4))
    found = short(separate(), packed_model, SEQUENCES)
    assert found.verdict is Verdict.SAME, found.failures
    assert found.pairing.guessed["k.bias"] == "b[4:8]"


def packed_by_head(self, X):
    """Return an attention in PyTorch of two heads, whose queries, keys and values are together."""
    heads = self.qkv(X).view(*X.shape[:2], 2, 3, 2).transpose(1, 2)
    H = attention(torch.softmax, *heads.unbind(3)).transpose(1, 2)
    return self.fc(H.reshape(X.shape) + X).mean(1)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1.0, 1.1])
def test_attention_packed_by_head_is_its_three_layers(scale):
    def ours(self, X):
        q, k, v = (
            layer(X).reshape(*X.shape[:2], 2, 2).swapaxes(1, 2)
            for layer in (self.q, self.k, self.v)
        )
        H = attention(nnx.softmax, scale * q, k, v).swapaxes(1, 2)
        return self.fc(H.reshape(X.shape) + X).mean(1)

    layers = {name: linear(4, 4) for name in ("q", "k", "v", "fc")}
    theirs = original(packed_by_head, qkv=torch_linear(4, 12), fc=torch_linear(4, 4))
    found = short(port(ours, **layers), theirs, SEQUENCES)
    assert found.verdict is (Verdict.SAME if scale == 1 else Verdict.DIFFERENT), found.failures
    assert scale != 1 or found.pairing.guessed["v"] == "qkv[4:6 of every 6]"


@pytest.mark.slow
def test_a_mistake_behind_packed_attention_is_found():
    found = short(separate(scale=1.1), packed(), SEQUENCES)
    assert found.verdict is Verdict.DIFFERENT
    assert "The input of `fc` differs" in found.failures[0]


@pytest.mark.slow
def test_packed_attention_of_pytorch_is_taken_apart():
    def call(self, X):
        return self.fc(self.attn(X, X, X)[0] + X).mean(1)

    def ours(self, X):
        H = attention(nnx.softmax, self.q(X), self.k(X), self.v(X))
        return self.fc(self.out(H) + X).mean(1)

    theirs = original(
        call, attn=lambda: nn.MultiheadAttention(4, 1, batch_first=True), fc=torch_linear(4, 4)
    )
    names = ("q", "k", "v", "out", "fc")
    found = short(port(ours, **{name: linear(4, 4) for name in names}), theirs, SEQUENCES)
    assert found.verdict is Verdict.SAME, found.failures


class Block(nnx.Module):
    def __init__(self, rngs):
        self.fc1, self.fc2 = nnx.Linear(4, 4, rngs=rngs), nnx.LinearGeneral(4, 4, rngs=rngs)
        self.gain = nnx.Param(jnp.ones(4))

    def __call__(self, X):
        return X + self.gain * self.fc2(nnx.relu(self.fc1(X)))


class Scanned(nnx.Module):
    def __init__(self, number):
        rngs = nnx.Rngs(0)
        self.blocks = nnx.split_rngs(splits=number)(nnx.vmap(Block))(rngs)
        self.fc = nnx.Linear(4, 4, rngs=rngs)

    def __call__(self, X):
        call = nnx.scan(lambda X, block: block(X), in_axes=(nnx.Carry, 0), out_axes=nnx.Carry)
        return self.fc(call(X, self.blocks))


class TorchBlock(nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(4, 4), nn.Linear(4, 4)
        self.gain, self.activation = nn.Parameter(torch.rand(4)), activation

    def forward(self, X):
        return X + self.gain * self.fc2(self.activation(self.fc1(X)))


def listed(activation=torch.relu):
    """Return a list of two blocks in PyTorch."""
    torch.manual_seed(0)
    blocks = [TorchBlock(activation) for _ in range(2)]

    def call(self, X):
        for block in self.blocks:
            X = block(X)
        return self.fc(X)

    return original(call, blocks=lambda: nn.ModuleList(blocks), fc=torch_linear(4, 4))


@pytest.mark.slow
def test_layers_that_a_scan_stacks_are_those_of_a_list():
    found = short(Scanned(2), listed(), ROWS)
    assert found.verdict is Verdict.SAME, found.failures
    assert not found.pairing.guessed
    assert sum(each.output <= found.first.tolerance for each in found.first.layers) == 5


@pytest.mark.slow
def test_a_mistake_inside_of_a_scan_is_found():
    found = short(Scanned(2), listed(torch.tanh), ROWS)
    assert found.verdict is Verdict.DIFFERENT
    assert "The input of `blocks.0.fc2`" in found.failures[0]


@pytest.mark.slow
def test_a_scan_over_fewer_layers_is_a_difference():
    found = short(Scanned(1), listed(), ROWS)
    assert found.verdict is Verdict.DIFFERENT
    assert "4 more parameters are trained in PyTorch, and the JAX model" in found.failures[0]


# -- arrays of one model alone ---------------------------------------------------------------------


def rows(normalized=False, **options):
    """Return two linear layers in JAX; the options are those of the first."""
    layers = {"fc1": linear(4, 4, **options), "fc2": linear(4, 4)}
    if normalized:
        layers["norm"] = lambda rngs: BatchNorm(4, rngs=rngs)
    return port(lambda self, X: call_rows(self, X, nnx.relu), **layers)


def torch_rows(normalized=False, **options):
    """Return likewise those of PyTorch."""
    layers = {"fc1": torch_linear(4, 4, **options), "fc2": torch_linear(4, 4)}
    if normalized:
        layers["norm"] = lambda: nn.BatchNorm1d(4)
    return original(lambda self, X: call_rows(self, X, torch.relu), **layers)


def call_rows(self, X, relu):
    H = self.fc1(X)
    return self.fc2(relu(self.norm(H) if hasattr(self, "norm") else H))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("models", "framework", "other"),
    [
        ((rows(use_bias=False), torch_rows()), "PyTorch", "JAX"),
        ((rows(), torch_rows(bias=False)), "JAX", "PyTorch"),
    ],
)
def test_a_bias_of_one_model_is_a_difference_that_is_named(models, framework, other):
    found = short(*models, ROWS)
    assert found.verdict is Verdict.DIFFERENT
    assert found.failures[0] == (
        f"`fc1.bias` is trained in {framework}, and the {other} model does not have it: add it "
        "there, or remove it here (use_bias=False in NNX, bias=False in PyTorch)."
    )


@pytest.mark.slow
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_bias_without_effect_is_none(value):
    """A batch normalization takes any constant away, in evaluation mode with its running mean."""
    theirs = torch_rows(normalized=True)
    nn.init.constant_(theirs.fc1.bias, value)
    found = short(rows(normalized=True, use_bias=False), theirs, ROWS)
    assert found.agree == (value == 0), found.failures
    note = "`fc1.bias` is without a gradient in PyTorch, and the JAX model does not have it"
    assert note in str(found) and found.first.unused[0].startswith(note)


def test_layers_without_a_counterpart_on_both_sides_are_refused():
    layers = {"fc1": torch_linear(4, 9), "fc2": torch_linear(9, 4)}
    wide = original(lambda self, X: self.fc2(self.fc1(X)), **layers)
    with pytest.raises(ValueError, match="the models do not have the same parameters"):
        short(rows(), wide, ROWS)


# -- sentences -------------------------------------------------------------------------------------


def test_a_cause_is_said_once():
    names = [f"bn{i}.running_mean" for i in range(3)]
    gaps = [Gaps(name.partition(".")[0], "", state={name: 1.0}) for name in names]
    before, after = ({name: np.full(4, x) for name in names} for x in (0.0, 1.0))
    states = {"jax": after, "torch": {name: 10 * x for name, x in after.items()}}
    [hint] = explain_state(gaps, before, states, dict(zip(names, names, strict=True)))
    start = (
        "`bn0.running_mean` moves 0.1 times as far in JAX as in PyTorch (and so in 2 more layers)"
    )
    assert hint.startswith(start)
    calls = [Call("dropout", None, None, "net.py:3", rate) for rate in (0.1, 0.1, 0.2)]
    theirs = [call._replace(rate=0.5) for call in calls]
    assert [hint.count("(and so in 1 more call)") for hint in dropout_hints(calls, theirs)] == [
        1,
        0,
    ]


# -- inputs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_inputs_that_do_not_fit_are_refused_in_a_sentence(dtype):
    data = [(np.ones((3, 5), dtype), np.zeros(3, np.int32))]
    with pytest.raises(
        ValueError, match="the PyTorch model must take the inputs of data"
    ) as caught:
        short(rows(), torch_rows(), data)
    assert ("and pixels as floats" in str(caught.value)) == (dtype == "uint8")


@pytest.mark.parametrize("package", [d2l_jax, d2l_torch])
def test_the_packages_of_data_are_checked_before_anything_runs(package):
    with pytest.raises(TypeError, match="but returned a data module of"):
        short(rows(), torch_rows(), lambda d2l: package.DataModule())
