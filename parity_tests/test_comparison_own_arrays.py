"""Arrays of a user's own, and layers, that one model holds in several or in another layout."""

import jax
import pytest
import torch
from flax import nnx
from jax import numpy as jnp
from torch import nn

from d2l_parity import Verdict
from d2l_parity.axes import can_be_joined, joined, without_ones
from parity_tests.support.ports import batches, linear, original, port, short, torch_linear
from parity_tests.test_comparison_axes import param, torch_param

ROWS, SEQUENCES = batches(6, 5), batches(3, 4, 6)


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
