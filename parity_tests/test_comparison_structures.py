"""Inputs and outputs of any structure, and layers inside of JAX's transformations."""

import jax
import numpy as np
import optax
import pytest
import torch
from flax import nnx
from jax import numpy as jnp
from torch import nn
from torch.nn import functional as F

from d2l_parity import Verdict, compare
from d2l_parity.minibatches import flatten, structure_of, unflatten
from parity_tests.support.ports import batches, linear, original, port, short, torch_linear

ROWS, SEQUENCES, TOKENS = batches(8, 6), batches(4, 6, 8), batches(4, 6, dtype=np.int32)


def cross_entropies(choose=lambda output: output):
    """Return the losses of both frameworks of the logits that `choose` takes from an output."""

    def ours(output, y):
        y = y["labels"] if isinstance(y, dict) else y
        return optax.softmax_cross_entropy_with_integer_labels(choose(output), y).mean()

    def theirs(output, y):
        y = y["labels"] if isinstance(y, dict) else y
        return F.cross_entropy(choose(output).flatten(0, -2), y.flatten().long())

    return ours, theirs


def models(call_jax, call_torch=None, width=6):
    """Return models of two linear layers whose calls are alike unless both are given."""
    return (
        port(call_jax, fc=linear(width, 8), out=linear(8, 4)),
        original(call_torch or call_jax, fc=torch_linear(width, 8), out=torch_linear(8, 4)),
    )


def plain(self, X):
    return self.out(self.fc(X))


def assert_the_same(models, data, num_layers=2, **options):
    """Assert that models are the same, and that the outputs of their layers were compared."""
    found = short(*models, data, **options)
    assert found.verdict is Verdict.SAME, found.failures
    compared = [layer for layer in found.first.layers if layer.output <= found.first.tolerance]
    assert len(compared) == num_layers
    return found


# -- minibatches -----------------------------------------------------------------------------------


def test_a_structure_without_its_arrays():
    tree = {"x": (np.ones(2), None), "y": [np.zeros(3), [1, 2.5]]}
    leaves, structure = flatten(tree)
    assert structure == {"x": (0, None), "y": (1, 2)}
    np.testing.assert_array_equal(leaves[2], [1, 2.5])
    assert unflatten(structure, "abc") == {"x": ("a", None), "y": ("b", "c")}
    assert structure_of(ROWS) is None
    assert structure_of([({"a": np.ones((2, 3))}, np.ones(2))]) == ({"a": 0}, 1)
    numbers = [[[1.0, 2.0], [3.0, 4.0]]]
    assert flatten(numbers)[0][0].shape == (1, 2, 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "data", "options"),
    [
        pytest.param(
            lambda self, batch: self.out(self.fc(batch["a"]) * batch["b"][:, :1]),
            [({"a": X, "b": X + 1}, y) for X, y in ROWS],
            {},
            id="a dict",
        ),
        pytest.param(
            lambda self, pair: self.out(self.fc(pair[0]) * pair[1][0][:, :1]),
            [((X, (X + 1, None)), y) for X, y in ROWS],
            {},
            id="nested tuples and None",
        ),
        pytest.param(
            lambda self, X, Z: self.out(self.fc(X) * Z[:, :1]),
            [(X, X + 1, y) for X, y in ROWS],
            {},
            id="two inputs",
        ),
        pytest.param(
            plain,
            [(X, {"labels": y}) for X, y in ROWS],
            {"loss": cross_entropies()},
            id="targets in a dict",
        ),
        pytest.param(
            plain,
            [(np.ones((4, n, 6), np.float32), np.ones((4, n), np.int32)) for n in (5, 7)],
            {"loss": cross_entropies()},
            id="sequences of two lengths",
        ),
        pytest.param(
            lambda self, X: (self.out(self.fc(X)), (X, X)),
            ROWS,
            {"loss": cross_entropies(lambda output: output[0])},
            id="a tuple of outputs",
        ),
        pytest.param(
            lambda self, X: self.out(self.fc(self.fc(X)[..., :6])), ROWS, {}, id="called twice"
        ),
    ],
)
def test_minibatches_and_outputs_have_any_structure(call, data, options):
    assert_the_same(models(call), data, **options)


@pytest.mark.slow
def test_outputs_in_dicts_are_compared_by_key():
    pair = models(
        lambda self, X: {"X": X, "logits": plain(self, X)},
        lambda self, X: {"logits": plain(self, X), "X": X},
    )
    assert_the_same(pair, ROWS, loss=cross_entropies(lambda output: output["logits"]))


@pytest.mark.slow
def test_a_dict_with_the_names_of_arguments_is_passed_by_keyword():
    def call(self, tokens, scale=None):
        return self.out(self.fc(tokens) * (1 if scale is None else scale[:, :1]))

    class Ours(nnx.Module):
        def __init__(self):
            rngs = nnx.Rngs(0)
            self.fc, self.out = nnx.Linear(6, 8, rngs=rngs), nnx.Linear(8, 4, rngs=rngs)

        __call__ = call

    class Theirs(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.out = nn.Linear(6, 8), nn.Linear(8, 4)

        forward = call

    named = [({"tokens": X, "scale": X + 1}, y) for X, y in ROWS]
    mixed = [(X, {"scale": X + 1}, y) for X, y in ROWS]
    losses = [assert_the_same((Ours(), Theirs()), data) for data in (named, mixed)]
    assert all(found.agree for found in losses)


@pytest.mark.slow
def test_an_argument_for_the_mode_is_passed():
    class Ours(nnx.Module):
        def __init__(self):
            rngs = nnx.Rngs(0)
            self.fc, self.out = nnx.Linear(6, 8, rngs=rngs), nnx.Linear(8, 4, rngs=rngs)

        def __call__(self, X, train):
            return self.out(self.fc(X) * (2 if train else 1))

    def call(self, X):
        return self.out(self.fc(X) * (2 if self.training else 1))

    assert_the_same((Ours(), models(plain, call)[1]), ROWS)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(4, 6), (4, 3, 6)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_integers_of_any_shape_are_tokens(shape, dtype):
    axes = tuple(range(1, len(shape)))
    ours = port(
        lambda self, X: self.fc(self.emb(X).mean(axes)),
        emb=lambda rngs: nnx.Embed(11, 8, rngs=rngs),
        fc=linear(8, 4),
    )
    theirs = original(
        lambda self, X: self.fc(self.emb(X).mean(axes)),
        emb=lambda: nn.Embedding(11, 8),
        fc=torch_linear(8, 4),
    )
    assert_the_same((ours, theirs), batches(*shape, dtype=dtype))


@pytest.mark.slow
def test_outputs_of_other_numbers_are_a_difference():
    loss = cross_entropies(lambda output: output[0])
    pair = models(lambda s, X: (plain(s, X), X), lambda s, X: (plain(s, X), X, X))
    found = short(*pair, ROWS, loss=loss)
    assert found.failures[0] == "The outputs differ: look after `out`."
    pair = models(lambda s, X: (plain(s, X), X), lambda s, X: (plain(s, X), 2 * X))
    assert short(*pair, ROWS, loss=loss).failures[0] == "The outputs differ: look after `out`."


# -- layers ----------------------------------------------------------------------------------------


class Body(nnx.Module):
    """A model with a part that is called inside of a transformation."""

    def __init__(self):
        rngs = nnx.Rngs(0)
        self.fc, self.out = nnx.Linear(6, 8, rngs=rngs), nnx.Linear(8, 4, rngs=rngs)

    def body(self, X):
        return nnx.relu(self.fc(X))


def with_relu(self, X):
    return self.out(torch.relu(self.fc(X)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "num_layers"),
    [
        pytest.param(nnx.jit(lambda self, X: self.out(self.body(X))), 2, id="nnx.jit"),
        pytest.param(lambda self, X: self.out(nnx.remat(Body.body)(self, X)), 2, id="nnx.remat"),
        pytest.param(lambda self, X: self.out(jax.checkpoint(self.body)(X)), 2, id="checkpoint"),
        pytest.param(lambda self, X: self.out(jax.vmap(self.body)(X)), 1, id="vmap"),
    ],
)
def test_layers_are_compared_inside_of_transformations(call, num_layers):
    """As far as they can be seen; the rest is compared by outputs, gradients and runs."""
    ours, theirs = type("Ours", (Body,), {"__call__": call})(), models(plain, with_relu)[1]
    assert_the_same((ours, theirs), ROWS, num_layers)


@pytest.mark.slow
def test_a_mistake_inside_of_a_transformation_is_found():
    class Ours(Body):
        def __call__(self, X):
            return self.out(jax.vmap(lambda x: nnx.tanh(self.fc(x)))(X))

    found = short(Ours(), models(plain, with_relu)[1], ROWS)
    assert found.failures[0].startswith("The input of `out` differs: look ")


@pytest.mark.slow
def test_a_mistake_inside_of_a_checkpoint_is_at_its_layer():
    class Ours(Body):
        def __call__(self, X):
            return self.out(nnx.remat(lambda self, X: nnx.relu(self.fc(1.001 * X)))(self, X))

    found = short(Ours(), models(plain, with_relu)[1], ROWS)
    assert found.failures[0].startswith("The input of `fc` differs: look before it.")


def scanned(self, X):
    """Call a layer step by step in a scan, as NNX's recurrent layers do."""

    def step(h, x):
        h = jnp.tanh(self.fc(x) + h)
        return h, h

    start = jnp.zeros((len(X), 8), X.dtype)
    return self.out(jax.lax.scan(step, start, X.swapaxes(0, 1))[0])


def step_by_step(self, X):
    h = X.new_zeros(len(X), 8)
    for x in X.unbind(1):
        h = torch.tanh(self.fc(x) + h)
    return self.out(h)


@pytest.mark.slow
def test_layers_are_compared_step_by_step_in_a_scan():
    found = assert_the_same(models(scanned, step_by_step, width=8), SEQUENCES)
    assert [layer.name for layer in found.first.layers] == ["fc", "out"]


@pytest.mark.slow
def test_layers_may_return_tuples_and_be_called_by_keyword():
    class Twin(nnx.Linear):
        def __call__(self, inputs):
            Y = super().__call__(inputs)
            return Y, {"twice": 2 * Y}

    class TorchTwin(nn.Linear):
        def forward(self, input):
            Y = super().forward(input)
            return {"twice": 2 * Y}, Y

    ours = port(
        lambda self, X: self.out(inputs=self.fc(inputs=X)[0]),
        fc=lambda rngs: Twin(6, 8, rngs=rngs),
        out=linear(8, 4),
    )
    theirs = original(
        lambda self, X: self.out(input=self.fc(input=X)[1]),
        fc=lambda: TorchTwin(6, 8),
        out=torch_linear(8, 4),
    )
    assert_the_same((ours, theirs), ROWS)


@pytest.mark.slow
def test_models_may_number_their_layers_in_other_ways():
    sizes = ((6, 8), (8, 8), (8, 8), (8, 4))

    class Ours(nnx.Module):
        def __init__(self):
            rngs = nnx.Rngs(0)
            self.layers = nnx.List([nnx.Linear(*size, rngs=rngs) for size in sizes])

        def __call__(self, X):
            for i, layer in enumerate(self.layers):
                X = layer(nnx.relu(X) if i else X)
            return X

    layers = [part for size in sizes for part in (nn.ReLU(), nn.Linear(*size))][1:]
    found = compare(
        Ours(), nn.Sequential(*layers), ROWS, "softmax_cross_entropy", epochs=1, nudges=0,
        dtypes=["float64"],
    )  # fmt: skip
    assert found.agree, found.failures
    assert {layer.name: layer.jax_name for layer in found.first.layers} == {
        str(2 * i): f"layers.{i}" for i in range(4)
    }
    assert "Paired by the order of calls" in str(found)
