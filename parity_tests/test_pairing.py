"""Pairs of layers and arrays of two models: by names, order of calls, likeness and mapping."""

import pytest

from d2l_parity.layer import Layer
from d2l_parity.mapping import check_mapping, spell_out
from d2l_parity.matching import search
from d2l_parity.pairer import Pairer
from d2l_parity.pairing import PATCHES, SQUARES

SQUARE = {"weight": (3, 3), "bias": (3,)}


def layer(name, shapes=SQUARE, kind="Linear", place=None, state=(), aliases=(), absent=()):
    """Return a layer whose arrays have the names and shapes in `shapes`."""
    place = name if place is None else place
    own = {"weight": "kernel"} if place != name else {}
    return Layer(
        name, place, name, kind,
        {local: f"{name}.{local}".removeprefix(".") for local in shapes},
        shapes,
        {local: f"{place}.{own.get(local, local)}".removeprefix(".") for local in shapes},
        frozenset(state), frozenset(aliases), frozenset(absent),
    )  # fmt: skip


def layers(*names, **options):
    return [layer(name, **options) for name in names]


def layer_pairs(pairing):
    """Return `{layer in JAX: layer in PyTorch}` of a pairing, by the owners of the arrays."""
    return {a.rpartition(".")[0]: b.rpartition(".")[0] for a, b in pairing.names.items()}


def pairer(ours, theirs, mapping=None, orders=((), ())):
    """Return the pairer of layers that are first called in `orders`."""
    return Pairer(ours, theirs, mapping, lambda: tuple(map(list, orders)))


def paired(*arguments):
    """Return the likeliest pairing, in which nothing was to be guessed."""
    found = pairer(*arguments).pair()
    assert not found.choices and not found.guessed
    return found


def pairs(*arguments):
    """Return the pairs of layers in the likeliest pairing."""
    return layer_pairs(pairer(*arguments).pair())


# -- names, order of calls, likeness ---------------------------------------------------------------


def test_equal_names_decide_whatever_the_order():
    found = paired(layers("a", "b"), layers("b", "a"), None, ("ab", "ab"))
    assert found.names == {f"{n}.{k}": f"{n}.{k}" for n in "ab" for k in SQUARE}


def test_a_single_layer_of_its_shapes_needs_no_name():
    wide = {"weight": (5, 3), "bias": (5,)}
    ours, theirs = [layer("hidden"), layer("x", wide)], [layer("y", wide), layer("fc")]
    assert layer_pairs(paired(ours, theirs)) == {"hidden": "fc", "x": "y"}


def test_the_order_of_calls_comes_first_and_then_likeness():
    orders = ["hidden1", "hidden2"], ["fc2", "fc1"]
    both = pairer(layers("hidden1", "hidden2"), layers("fc1", "fc2"), None, orders)
    first = both.pair()
    assert first.guessed == layer_pairs(first) == {"hidden1": "fc2", "hidden2": "fc1"}
    [choice] = first.choices
    assert layer_pairs(both.pair({choice})) == {"hidden1": "fc1", "hidden2": "fc2"}


def test_names_that_are_equal_by_accident_do_not_count():
    """Layers are numbered from 0 in JAX and from 1 in PyTorch."""
    names = [f"fc{i}" for i in range(4)], [f"fc{i + 1}" for i in range(4)]
    found = pairs(layers(*names[0]), layers(*names[1]), None, names)
    assert found == dict(zip(*names, strict=True))


def test_one_layer_of_several_is_paired_in_the_order_of_calls_at_second():
    """As a bidirectional layer, and two of one direction in JAX."""
    theirs = [each._replace(module="rnn") for each in layers("rnn", "rnn_reverse")]
    both = pairer(layers("b", "f"), theirs, None, ("fb", ["rnn"]))
    first = both.pair()
    assert layer_pairs(first) == {"b": "rnn", "f": "rnn_reverse"}
    assert layer_pairs(both.pair(first.choices)) == {"f": "rnn", "b": "rnn_reverse"}


def test_weights_on_patches_are_paired_with_those_of_a_convolution():
    ours = layers("p", shapes={"weight": (8, 48), "bias": (8,)})
    theirs = layers("conv", shapes={"weight": (8, 3, 4, 4), "bias": (8,)}, kind="Conv")
    both = pairer(ours, theirs)
    found = both.pair()
    assert found.names == {"p.weight": "conv.weight", "p.bias": "conv.bias"}
    assert found.choices == [PATCHES] and not found.transposed and not found.channels_last
    assert both.pair(found.choices).channels_last == {"p.weight"}


def test_likeness_decides_where_calls_were_not_observed():
    """As inside a scan."""
    ours, theirs = layers("up", "down"), layers("fc_down", "fc_up")
    found = pairs(ours, theirs, None, ([], ["fc_down", "fc_up"]))
    assert found == {"up": "fc_up", "down": "fc_down"}


def test_layers_of_a_kind_are_paired_as_wholes():
    """Weight and bias of one layer go to one layer, also where their shapes alone say nothing."""
    ours = [layer("a"), layer("scale", {"weight": (3,), "bias": (3,)}, "LayerNorm")]
    theirs = [layer("norm", {"weight": (3,), "bias": (3,)}, "LayerNorm"), layer("b")]
    found = paired(ours, theirs)
    assert layer_pairs(found) == {"a": "b", "scale": "norm"}


def test_arrays_of_ones_own_classes_are_paired_one_by_one():
    ours = [layer("cell", {"W_xh": (4, 3), "W_hh": (5, 3)}, kind="")]
    theirs = [layer("xh", {"weight": (4, 3)}, kind=""), layer("hh", {"weight": (5, 3)}, kind="")]
    found = paired(ours, theirs)
    assert found.names == {"cell.W_xh": "xh.weight", "cell.W_hh": "hh.weight"}


def test_a_matrix_may_be_transposed_and_axes_of_length_1_may_be_missing():
    ours = [layer("", {"W": (4, 3), "a": (1, 5, 1)}, kind="")]
    theirs = [layer("", {"W": (3, 4), "a": (5,)}, kind="")]
    found = paired(ours, theirs)
    assert found.names == {"W": "W", "a": "a"}
    assert found.transposed == {"W"}


def test_a_square_matrix_of_ones_own_class_may_be_transposed_as_well():
    both = pairer([layer("", {"W": (3, 3)}, "")], [layer("", {"A": (3, 3)}, "")])
    assert both.pair().choices == [SQUARES]
    assert not both.pair().transposed
    assert both.pair({SQUARES}).transposed == {"W"}
    assert not paired(layers("a"), layers("a")).transposed  # the layouts of stock layers are known
    same = pairer([layer("", {"W": (3, 3)}, "")], [layer("", {"W": (3, 3)}, "")])
    assert not same.pair().choices  # one name means one layout


@pytest.mark.parametrize("right", [(), "likeness", "squares", "both"])
def test_choices_are_changed_until_the_score_is_enough(right):
    ours, theirs = (
        layers("a1", "a2", shapes={"W": (3, 3)}, kind=""),
        layers("b1", "b2", shapes={"A": (3, 3)}, kind=""),
    )
    both = pairer(ours, theirs, None, (["a1", "a2"], ["b2", "b1"]))
    wanted = ("b1" if right in ("likeness", "both") else "b2", right in ("squares", "both"))
    tried = []

    def score(pairing):
        tried.append(pairing)
        found = layer_pairs(pairing)["a1"], bool(pairing.transposed)
        return sum(a == b for a, b in zip(found, wanted, strict=True))

    found = search(both, score, enough=2)
    assert (layer_pairs(found)["a1"], bool(found.transposed)) == wanted
    assert len(tried) == len({id(each) for each in tried}) <= 4
    assert len(tried) == 1 or right


def test_a_single_pairing_is_not_tried():
    assert search(pairer(layers("a"), layers("b")), None, 1).names


def test_a_tied_layer_has_each_of_its_names():
    weight = {"weight": (3, 3)}
    ours = [layer("head", weight, aliases=["embed"]), layer("other", weight)]
    theirs = [layer("embed", weight, aliases=["out"]), layer("other", weight)]
    assert layer_pairs(paired(ours, theirs)) == {"head": "embed", "other": "other"}


# -- state -----------------------------------------------------------------------------------------


def test_state_is_paired_by_name_or_as_the_only_one_of_its_shape():
    def model(*names):
        shapes = dict(zip(names, [(7,), (2, 2)], strict=False))
        return [layer("", shapes, "", state=shapes)]

    found = pairer(model("table", "mask"), model("table", "causal")).pair()
    assert found.names == {"table": "table", "mask": "causal"}
    assert found.guessed == {"mask": "causal"}
    assert not found.left_out


def test_state_that_one_model_alone_has_is_left_out_and_named():
    ours = [layer("a"), layer("", {"count": (7,)}, "", state=["count"])]
    theirs = [layer("a"), layer("", {"steps": (8,)}, "", state=["steps"])]
    found = paired(ours, theirs)
    assert layer_pairs(found) == {"a": "a"}
    assert found.left_out == [
        "`count` of shape (7,) is in the JAX model only: it keeps its own values.",
        "`steps` of shape (8,) is in the PyTorch model only: it keeps its own values.",
    ]


def test_state_does_not_stand_in_the_way_of_parameters():
    norm = {"weight": (3,), "bias": (3,)}
    running = norm | {"running_mean": (3,), "running_var": (3,)}
    ours = [layer("n", running, "BatchNorm", state=["running_mean", "running_var"])]
    found = paired(ours, [layer("m", norm, "BatchNorm")])
    assert found.names == {"n.weight": "m.weight", "n.bias": "m.bias"}
    assert len(found.left_out) == 2


# -- mapping ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mapping",
    [
        {"1": "v"},
        {"layers.1": "v"},
        {"layers.1.kernel": "v.weight", "1.bias": "v.bias"},
        {"layers.1.kernel": "v.weight", "1": "v"},
    ],
)
def test_a_mapping_names_layers_or_arrays_in_either_spelling(mapping):
    ours = [layer("1", place="layers.1"), layer("2", place="layers.2")]
    assert pairs(ours, layers("u", "v"), mapping) == {"1": "v", "2": "u"}
    assert spell_out(mapping, ours, layers("u", "v")) == {f"1.{k}": f"v.{k}" for k in SQUARE}


def test_a_mapping_of_a_block_has_all_the_layers_in_it():
    ours, theirs = (
        layers("a.fc", "a.out", "b.fc", "b.out"),
        layers("x.fc", "x.out", "y.fc", "y.out"),
    )
    found = pairs(ours, theirs, {"a": "y"})
    assert found == {"a.fc": "y.fc", "a.out": "y.out", "b.fc": "x.fc", "b.out": "x.out"}


@pytest.mark.parametrize(
    ("ours", "theirs", "mapping", "words"),
    [
        (layers("x"), layers("u"), {"z": "u"},
         "mapping: the JAX model has no 'z', only ['x.weight', 'x.bias']"),
        (layers("x"), layers("u"), {"x": "z"},
         "mapping: the PyTorch model has no 'z', only ['u.weight', 'u.bias']"),
        (layers("x"), layers("u"), {"x.weight": "u"},
         "mapping: x.weight in JAX has no counterpart u in PyTorch, which has only ['u.weight', "),
        (layers("x", "y"), layers("u", "v"), {"x": "u", "y": "u"},
         "mapping: u.weight cannot be both x.weight and y.weight"),
        (layers("x"), layers("u"), {"u": "x"},
         "mapping: 'u' is in the PyTorch model and 'x' in the JAX model: the mapping is the other "
         "way round; write {name in JAX: name in PyTorch}"),
        (layers("x"), layers("u"), {"u.bias": "x.bias"}, "the mapping is the other way round"),
        (layers("x", shapes={"w": (2,)}), layers("u", shapes={"w": (3,)}), {"x.w": "u.w"},
         "mapping: x.w in JAX has shape (2,) (in PyTorch's layout), but u.w in PyTorch has (3,)"),
    ],
)  # fmt: skip
def test_a_mapping_that_does_not_fit_is_refused(ours, theirs, mapping, words):
    with pytest.raises(ValueError) as caught:
        spell_out(mapping, ours, theirs)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        (["a", "b"], "{name in JAX: name in PyTorch}, got list"),
        ({"a": 1}, "of text such as 'hidden1', got int"),
        ({3: "a"}, "of text such as 'hidden1', got int"),
    ],
)
def test_a_mapping_of_a_wrong_type_is_refused(mapping, words):
    with pytest.raises(TypeError) as caught:
        check_mapping(mapping)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("ours", "theirs", "alone"),
    [
        (layers("x"), layers("u", shapes={"weight": (3, 3)}), {"jax": ["x.bias"]}),
        (layers("x", shapes={"weight": (3, 3)}), layers("u"), {"torch": ["u.bias"]}),
        (layers("a") + layers("b", shapes={"weight": (3, 3)}), layers("b", "c"),
         {"torch": ["b.bias"]}),
        (layers("embed"), layers("embed", "head"), {"torch": ["head.weight", "head.bias"]}),
    ],
)  # fmt: skip
def test_parameters_of_one_model_alone_are_listed(ours, theirs, alone):
    found = pairer(ours, theirs, None, (["a", "b"], ["c", "b"])).pair()
    assert {side: [x.name for x in left] for side, left in found.alone.items()} == alone


@pytest.mark.parametrize(
    ("ours", "theirs", "words"),
    [
        (layers("x"), layers("u", "v"),
         "(3, 3) (in PyTorch's layout) JAX has ['x.weight'] that PyTorch lacks, and PyTorch "
         "['u.weight', 'v.weight'] that JAX lacks"),
        (layers("x", shapes={"w": (2, 3, 4), "b": (3,)}, kind=""),
         layers("u", shapes={"w": (3, 8), "b": (3,)}, kind=""),
         "got `x.w` of shape (2, 3, 4) in JAX (in PyTorch's layout) and `u.w` of shape (3, 8)"),
        ([], layers("u"), "JAX has none that PyTorch lacks, and PyTorch ['u.weight'] that JAX"),
    ],
)  # fmt: skip
def test_different_parameters_are_named(ours, theirs, words):
    with pytest.raises(ValueError) as caught:
        pairer(ours, theirs).pair()
    assert words in str(caught.value)
