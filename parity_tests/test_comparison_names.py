"""Pairs that names decide, and arrays and layers whose shapes are those of others beside them."""

import jax
import pytest
import torch
from flax import nnx
from jax import numpy as jnp
from torch import nn

from d2l_parity import Verdict
from d2l_parity.axes import can_be_joined, joined, without_ones
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
@pytest.mark.parametrize("names", [("wi", "wo"), ("first", "second")])
def test_own_matrices_may_be_held_transposed_beside_others_of_that_shape(names):
    up, down = names

    def call(self, X):
        return self.out(nnx.relu(X @ getattr(self, up)[...]) @ getattr(self, down)[...])

    theirs = original(
        lambda self, X: self.out(self.wo(torch.relu(self.wi(X)))),
        wi=torch_linear(5, 7, bias=False),
        wo=torch_linear(7, 5, bias=False),
        out=torch_linear(5, 4),
    )
    ours = port(call, **{up: param(5, 7), down: param(7, 5)}, out=linear(5, 4))
    mapping = {up: "wi.weight", down: "wo.weight"}
    found = short(ours, theirs, ROWS, mapping=mapping if up == "first" else None)
    assert found.verdict is Verdict.SAME, found.failures


@pytest.mark.slow
def test_a_fused_layer_beside_one_of_its_shape():
    def call(self, X):
        mean, scale = jnp.split(self.stats(nnx.tanh(self.encoder(X))), 2, -1)
        return self.decoder2(nnx.tanh(self.decoder1(mean + 0.1 * scale)))

    def torch_call(self, X):
        H = torch.tanh(self.enc(X))
        return self.dec2(torch.tanh(self.dec1(self.mu(H) + 0.1 * self.sigma(H))))

    ours = port(
        call, encoder=linear(5, 6), stats=linear(6, 4), decoder1=linear(2, 6), decoder2=linear(6, 4)
    )
    theirs = original(
        torch_call,
        enc=torch_linear(5, 6),
        mu=torch_linear(6, 2),
        sigma=torch_linear(6, 2),
        dec1=torch_linear(2, 6),
        dec2=torch_linear(6, 4),
    )
    for mapping in (None, {"decoder2": "dec2"}):
        found = short(ours, theirs, ROWS, mapping=mapping)
        assert found.verdict is Verdict.SAME, found.failures


@pytest.mark.slow
def test_a_packed_layer_may_have_several_axes_of_features():
    """With each head's share of keys and values, so that several orders are tried."""

    def made(join):
        def call(self, X):
            K, V = jnp.moveaxis(self.kv(X), -2, 0)  # of axes (head, key or value, size)
            return self.out(join(nnx.tanh(K), V).reshape(*X.shape[:2], 8).mean(1))

        kv = lambda rngs: nnx.LinearGeneral(6, (2, 2, 4), rngs=rngs)  # noqa: E731
        return port(call, kv=kv, out=linear(8, 4))

    theirs = original(
        lambda self, X: self.out((torch.tanh(self.k(X)) * self.v(X)).mean(1)),
        k=torch_linear(6, 8),
        v=torch_linear(6, 8),
        out=torch_linear(8, 4),
    )
    assert short(made(jnp.multiply), theirs, SEQUENCES).verdict is Verdict.SAME
    assert short(made(jnp.add), theirs, SEQUENCES).verdict is Verdict.DIFFERENT


@pytest.mark.slow
@pytest.mark.parametrize("is_layer", [True, False])
@pytest.mark.parametrize("shape", [(3, 3, 5), (2, 5, 5), (3, 5, 3)])
def test_an_own_kernel_of_one_axis(shape, is_layer):
    """Of `(width, inputs, outputs)`, two of which are equal, beside a layer or another own one."""
    width, num_inputs, num_outputs = shape

    def call(self, X):
        axes = {"dimension_numbers": ("NCH", "HIO", "NCH")}
        H = jax.lax.conv_general_dilated(X, self.kernel[...], (1,), "VALID", **axes)
        return self.out(nnx.relu(H).mean(2))

    ours = port(call, kernel=param(*shape), out=linear(num_outputs, 4))
    theirs = original(
        lambda self, X: self.out(
            torch.relu(self.kernel(X) if is_layer else nn.functional.conv1d(X, self.kernel)).mean(2)
        ),
        kernel=(lambda: nn.Conv1d(num_inputs, num_outputs, width, bias=False))
        if is_layer
        else torch_param(num_outputs, num_inputs, width),
        out=torch_linear(num_outputs, 4),
    )
    found = short(ours, theirs, batches(6, num_inputs, 8))
    assert found.verdict is Verdict.SAME, found.failures


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


@pytest.mark.slow
@pytest.mark.parametrize("num_hiddens", [7, 5])
def test_stacked_arrays_of_ones_own_are_a_list_of_layers(num_hiddens):
    """With `b2` in the shape of the router's weight."""

    def call(self, X):
        H = nnx.relu(jnp.einsum("nd,edh->enh", X, self.w1[...]) + self.b1[...][:, None])
        Y = jnp.einsum("enh,ehd->end", H, self.w2[...]) + self.b2[...][:, None]
        return self.out(jnp.einsum("end,ne->nd", Y, nnx.softmax(self.router(X))))

    def torch_call(self, X):
        gates = torch.softmax(self.gate(X), 1)
        return self.out(sum(gates[:, i, None] * f(X) for i, f in enumerate(self.experts)))

    own = {"w1": (3, 5, num_hiddens), "b1": (3, num_hiddens), "w2": (3, num_hiddens, 5)}
    own = {name: param(*shape) for name, shape in own.items()}
    router = linear(5, 3, use_bias=False)
    ours = port(call, router=router, **own, b2=param(3, 5), out=linear(5, 4))

    def expert():
        return nn.Sequential(nn.Linear(5, num_hiddens), nn.ReLU(), nn.Linear(num_hiddens, 5))

    theirs = original(
        torch_call,
        gate=torch_linear(5, 3, bias=False),
        experts=lambda: nn.ModuleList([expert() for _ in range(3)]),
        out=torch_linear(5, 4),
    )
    found = short(ours, theirs, ROWS)
    assert found.verdict is Verdict.SAME, found.failures


@pytest.mark.slow
def test_a_bias_may_be_held_by_head():
    ours = port(
        lambda self, X: self.out((self.fc(X).reshape(-1, 2, 3) + self.bias[...]).reshape(-1, 6)),
        fc=linear(5, 6, use_bias=False),
        bias=param(2, 3),
        out=linear(6, 4),
    )
    theirs = original(
        lambda self, X: self.out(self.fc(X) + self.bias),
        fc=torch_linear(5, 6, bias=False),
        bias=torch_param(6),
        out=torch_linear(6, 4),
    )
    found = short(ours, theirs, ROWS)
    assert found.verdict is Verdict.SAME, found.failures


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((8, 2, 3), (6, 8), (8, 6)),
        ((2, 3, 8), (8, 6), (6, 8)),
        ((1, 2, 3, 8), (8, 6), (6, 8)),
        ((2, 3, 4), (3, 8), (2, 3, 4)),  # 3 and 8 = 2 * 4 are not neighbours
        ((6, 8), (2, 3, 8), (6, 8)),
        ((6, 8), (8, 6), (6, 8)),
    ],
)
def test_axes_are_joined(one, other, expected):
    assert joined(one, other) == expected
    assert can_be_joined(one, other) == can_be_joined(other, one)
    assert can_be_joined(one, other) == (
        (len(expected) == 2 and len(without_ones(one)) != len(without_ones(other)))
        or (one == (6, 8) and other == (2, 3, 8))
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("with_mapping", [False, True])
@pytest.mark.parametrize("mistake", [False, True])
def test_weights_by_head_are_those_of_linear_layers(mistake, with_mapping):
    """Of (inputs, heads, size) and (heads, size, outputs), in three axes or in two."""

    def call(self, X):
        Q, K = (jnp.einsum("nd,dhk->nhk", X, w[...]) for w in (self.wq, self.wk))
        H = nnx.tanh(Q) * K
        return self.out(jnp.einsum("nhk,hkd->nd", H[:, ::-1] if mistake else H, self.wo[...]))

    ours = port(call, wk=param(5, 2, 3), wq=param(5, 2, 3), wo=param(2, 3, 5), out=linear(5, 4))
    theirs = original(
        lambda self, X: self.out(self.o(torch.tanh(self.q(X)) * self.k(X))),
        q=torch_linear(5, 6, bias=False),
        k=torch_linear(5, 6, bias=False),
        o=torch_linear(6, 5, bias=False),
        out=torch_linear(5, 4),
    )
    mapping = {f"w{x}": f"{x}.weight" for x in "qko"} if with_mapping else None
    found = short(ours, theirs, ROWS, mapping=mapping)
    assert found.verdict is (Verdict.DIFFERENT if mistake else Verdict.SAME), found.failures
    assert found.pairing.names | {"wq": "q.weight", "wo": "o.weight"} == found.pairing.names


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
