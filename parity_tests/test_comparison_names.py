"""Pairs that names decide, and arrays and layers whose shapes are those of others beside them."""

import pytest
import torch
from flax import nnx
from jax import numpy as jnp
from torch import nn

from d2l_parity import Verdict
from d2l_parity.methods import rows_in_order, with_namesakes
from parity_tests.support.ports import batches, linear, original, port, short, torch_linear
from parity_tests.test_comparison_axes import param, torch_param
from parity_tests.test_pairing import layer

ROWS, SEQUENCES = batches(6, 5), batches(3, 4, 6)


def pairs(ours, theirs):
    """Return which layers `with_namesakes` pairs, given those in this order."""
    both = zip(ours, theirs, strict=True)
    made = [tuple(layer(name, {"weight": (3, 3)}) for name in names) for names in both]
    return {one.name: other.name for one, other in with_namesakes(made)}


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (["to_k", "to_q", "to_v"], ["q", "k", "v"], ["k", "q", "v"]),
        (["wv", "wk"], ["k_proj", "v_proj"], ["v_proj", "k_proj"]),
        (["value", "query", "out"], ["q", "v", "o"], ["v", "q", "o"]),
        (["keyProj", "valueProj"], ["value_proj", "key_proj"], ["key_proj", "value_proj"]),
        (["a.key", "b.key"], ["c.key", "d.key"], ["c.key", "d.key"]),
        (["left.fc", "right.fc"], ["r.fc", "l.fc"], ["l.fc", "r.fc"]),
        (["left.fc", "right.fc"], ["r.fc", "l.lin"], ["r.fc", "l.lin"]),  # of other layers
        (["key_encoder.in", "encoder.in"], ["enc_q.x", "enc_k.x"], ["enc_k.x", "enc_q.x"]),
        (["fc0", "fc1"], ["fc1", "fc2"], ["fc1", "fc2"]),  # one counts from 0
        (["up", "down"], ["first", "second"], ["first", "second"]),
        (["to_k", "to_v", "out"], ["v", "k", "proj"], ["k", "v", "proj"]),  # one without a namesake
        (["k", "v"], ["kv[3:6]", "kv[0:3]"], ["kv[3:6]", "kv[0:3]"]),  # may be in any order
        (
            ["v", "q", "k"],
            ["in_proj[0:3]", "in_proj[3:6]", "in_proj[6:9]"],
            ["in_proj[6:9]", "in_proj[0:3]", "in_proj[3:6]"],
        ),
        (["key", "k"], ["k", "v"], ["k", "v"]),  # both may be `k`
    ],
)
def test_names_tell_layers_side_by_side_apart(ours, theirs, expected):
    assert pairs(ours, theirs) == dict(zip(ours, expected, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("exchanged", [False, True])
def test_keys_and_values_are_not_taken_for_each_other(exchanged):
    """In whatever order the port calls them."""

    def call(self, X):
        V, K = self.to_v(X), self.to_k(X)
        K, V = (V, K) if exchanged else (K, V)
        return self.out((nnx.softmax(K, 1) * V).sum(1))

    def torch_call(self, X):
        return self.out((torch.softmax(self.k(X), 1) * self.v(X)).sum(1))

    ours = port(call, to_k=linear(6, 6), to_v=linear(6, 6), out=linear(6, 4))
    theirs = original(
        torch_call, k=torch_linear(6, 6), v=torch_linear(6, 6), out=torch_linear(6, 4)
    )
    found = short(ours, theirs, SEQUENCES)
    assert found.verdict is (Verdict.DIFFERENT if exchanged else Verdict.SAME), found.failures


@pytest.mark.slow
def test_a_bias_waits_for_its_namesake():
    """PyTorch's weight normalization has a scale of the bias's length beside the weight."""
    ours = port(lambda self, X: self.fc2(nnx.relu(self.fc1(X))), fc1=linear(5, 6), fc2=linear(6, 4))
    theirs = original(
        lambda self, X: self.fc2(torch.relu(self.fc1(X))),
        fc1=lambda: nn.utils.parametrizations.weight_norm(nn.Linear(5, 6)),
        fc2=torch_linear(6, 4),
    )
    found = short(ours, theirs, ROWS)
    assert found.pairing.names["fc1.bias"] == "fc1.bias"
    assert found.failures[0].startswith("`fc1.parametrizations.weight.original0` is trained in Py")


@pytest.mark.slow
def test_padding_outside_of_a_layer_does_not_hide_what_differs():
    def call(self, X, pool):
        H = jnp.pad(X, ((0, 0), (1, 1), (0, 0)))
        return self.out(pool(nnx.relu(self.conv(H)), 1))

    def made(pool):
        conv = lambda rngs: nnx.Conv(6, 5, 3, padding="VALID", rngs=rngs)  # noqa: E731
        return port(lambda self, X: call(self, X, pool), conv=conv, out=linear(5, 4))

    theirs = original(
        lambda self, X: self.out(torch.relu(self.conv(X.mT)).mean(2)),
        conv=lambda: nn.Conv1d(6, 5, 3, padding=1),
        out=torch_linear(5, 4),
    )
    assert short(made(jnp.mean), theirs, SEQUENCES).verdict is Verdict.SAME
    found = short(made(jnp.max), theirs, SEQUENCES)
    assert found.failures[0].startswith("The input of `out` differs: look between `conv` and it.")


@pytest.mark.slow
def test_matrices_of_one_shape_without_calls_are_told_apart_by_names():
    def call(self, X):
        return self.out(nnx.tanh(X @ self.wq[...]) * (X @ self.wk[...]))

    ours = port(call, wk=param(5, 5), wq=param(5, 5), out=linear(5, 4))
    theirs = original(
        lambda self, X: self.out(torch.tanh(X @ self.q) * (X @ self.k)),
        q=torch_param(5, 5),
        k=torch_param(5, 5),
        out=torch_linear(5, 4),
    )
    found = short(ours, theirs, ROWS)
    assert found.verdict is Verdict.SAME, found.failures


def names_of_rows(stack, layers):
    """Return how `rows_in_order` pairs the rows of a stack, given the layers in a wrong order."""
    made = [
        (layer(f"{stack}[{i}]", {"weight": (3, 3)}), layer(name, {"weight": (3, 3)}))
        for i, name in enumerate(layers)
    ]
    return [other.name for _, other in rows_in_order(made)]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (["fc2", "fc1"], ["fc1", "fc2"]),  # numbered from 1
        (["net.4", "net.0", "net.2"], ["net.0", "net.2", "net.4"]),  # with others in between
        (["a.10.w", "a.9.w"], ["a.9.w", "a.10.w"]),
        (["k", "q"], ["k", "q"]),
        (["a.1.b.0", "a.0.b.1"], ["a.1.b.0", "a.0.b.1"]),  # two numbers differ
    ],
)
def test_rows_of_a_stack_are_layers_in_their_order(layers, expected):
    assert names_of_rows("w", layers) == expected


@pytest.mark.slow
@pytest.mark.parametrize("is_reversed", [False, True])
def test_a_stack_that_runs_backwards_is_not_the_same(is_reversed):
    def call(self, X):
        for w in self.w[...][::-1] if is_reversed else self.w[...]:
            X = nnx.tanh(X @ w)
        return self.out(X)

    theirs = original(
        lambda self, X: self.out(torch.tanh(self.fc2(torch.tanh(self.fc1(X))))),
        fc1=torch_linear(5, 5, bias=False),
        fc2=torch_linear(5, 5, bias=False),
        out=torch_linear(5, 4),
    )
    found = short(port(call, w=param(2, 5, 5), out=linear(5, 4)), theirs, ROWS)
    assert found.verdict is (Verdict.DIFFERENT if is_reversed else Verdict.SAME), found.failures


@pytest.mark.slow
@pytest.mark.parametrize("exchanged", [False, True])
def test_the_parts_of_attention_are_queries_keys_and_values(exchanged):
    """PyTorch packs them in this order, whatever order the port calls its layers in."""

    def call(self, X):
        Q, K, V = self.to_q(X), self.to_k(X), self.to_v(X)
        K, V = (V, K) if exchanged else (K, V)
        weights = nnx.softmax(Q @ K.mT / 6**0.5, -1)
        return self.out(self.proj(weights @ V).mean(1))

    layers = {name: linear(6, 6) for name in ("to_q", "to_k", "to_v", "proj")}
    theirs = original(
        lambda self, X: self.out(self.attention(X, X, X)[0].mean(1)),
        attention=lambda: nn.MultiheadAttention(6, 1, batch_first=True),
        out=torch_linear(6, 4),
    )
    found = short(port(call, **layers, out=linear(6, 4)), theirs, SEQUENCES)
    assert found.verdict is (Verdict.DIFFERENT if exchanged else Verdict.SAME), found.failures
