"""Float32 inside a model is cast along on both sides; anything below is named."""

import jax
import numpy as np
import pytest
import torch
from flax import nnx
from jax import numpy as jnp
from torch import nn
from torch.nn import functional as F

from d2l_parity import Verdict, jax_precision, torch_precision
from d2l_parity.first_minibatch import FirstMinibatch
from d2l_parity.tolerances import SAME_LAYER
from parity_tests.support.ports import batches, linear, original, port, short, torch_linear

ROWS, SEQUENCES, TOKENS = batches(8, 6), batches(4, 6, 8), batches(4, 6, dtype=np.int32)


def two_layers(call_jax, call_torch):
    return (
        port(call_jax, fc=linear(6, 8), out=linear(8, 4)),
        original(call_torch, fc=torch_linear(6, 8), out=torch_linear(8, 4)),
    )


def in_float32(eps=1e-6):
    """Return models of which a norm is computed in float32 on both sides; `eps` is JAX's."""

    def call_jax(self, X):
        H = self.fc(X).astype(jnp.float32)
        H = H * jax.lax.rsqrt((H**2).mean(-1, keepdims=True) + eps)
        return self.out(H.astype(X.dtype))

    def call_torch(self, X):
        H = self.fc(X).float()
        H = H * torch.rsqrt(H.pow(2).mean(-1, keepdim=True) + 1e-6)
        return self.out(H.to(X.dtype))

    return two_layers(call_jax, call_torch)


def in_bfloat16(relu=nnx.relu, in_torch=True):
    """Return models of which an activation is rounded to bfloat16, in PyTorch perhaps not."""

    def call_torch(self, X):
        H = torch.relu(self.fc(X))
        return self.out(H.to(torch.bfloat16).to(X.dtype) if in_torch else H)

    return two_layers(
        lambda self, X: self.out(relu(self.fc(X)).astype(jnp.bfloat16).astype(X.dtype)), call_torch
    )


def embedding():
    return (
        port(
            lambda self, X: self.fc(self.emb(X).mean(1)),
            emb=lambda rngs: nnx.Embed(11, 8, rngs=rngs),
            fc=linear(8, 4),
        ),
        original(
            lambda self, X: self.fc(self.emb(X).mean(1)),
            emb=lambda: nn.Embedding(11, 8),
            fc=torch_linear(8, 4),
        ),
    )


def attention(is_causal=True):
    """Return models of attention by the functions of the frameworks."""

    def call_jax(self, X):
        q, k, v = (x.reshape(4, 6, 2, 4) for x in jnp.split(self.qkv(X), 3, -1))
        H = jax.nn.dot_product_attention(q, k, v, is_causal=is_causal)
        return self.fc(H.reshape(4, 6, 8).mean(1))

    def call_torch(self, X):
        q, k, v = (x.view(4, 6, 2, 4).transpose(1, 2) for x in self.qkv(X).split(8, 2))
        H = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.fc(H.transpose(1, 2).reshape(4, 6, 8).mean(1))

    return (
        port(call_jax, qkv=linear(8, 24), fc=linear(8, 4)),
        original(call_torch, qkv=torch_linear(8, 24), fc=torch_linear(8, 4)),
    )


# -- float32 ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("models", "data"),
    [
        pytest.param(in_float32(), ROWS, id="a norm in float32"),
        pytest.param(embedding(), TOKENS, id="nnx.Embed"),
        pytest.param(attention(), SEQUENCES, id="dot_product_attention"),
        pytest.param(
            (
                port(lambda self, X: self.fc(X), fc=linear(6, 4, dtype=jnp.float32)),
                original(lambda self, X: self.fc(X), fc=torch_linear(6, 4)),
            ),
            ROWS,
            id="dtype=float32",
        ),
    ],
)
def test_float32_inside_is_cast_along(models, data):
    found = short(*models, data)
    assert found.verdict is Verdict.SAME, found.failures
    assert not found.first.narrow
    assert found.first.output <= found.first.tolerance == SAME_LAYER


@pytest.mark.slow
def test_a_mistake_below_float32_is_found_where_models_compute_in_it():
    found = short(*in_float32(eps=1.1e-6), ROWS)
    assert found.failures[0].startswith("The input of `out` differs: look between `fc` and it.")
    assert 1e-9 < found.first.layers[1].input < 1e-6
    assert short(*attention(is_causal=False), SEQUENCES).verdict is Verdict.DIFFERENT


# -- less than float32 -----------------------------------------------------------------------------


@pytest.mark.slow
def test_equal_roundings_to_bfloat16_have_a_verdict():
    found = short(*in_bfloat16(), ROWS)
    assert found.verdict is Verdict.SAME, found.failures
    assert set(found.first.narrow) == {"JAX", "PyTorch"}
    assert all("bfloat16 at test_comparison_precision.py:" in places[0]
               for places in found.first.narrow.values())  # fmt: skip
    assert "Computed in less than float64:" in str(found)


@pytest.mark.slow
@pytest.mark.parametrize("lr", [0.1, 0.0])
def test_bfloat16_on_one_side_has_no_verdict(lr):
    """Its rounding also moves the training run further than that of float32 would."""
    found = short(*in_bfloat16(in_torch=False), ROWS, lr=lr)
    assert found.verdict is Verdict.UNDECIDED, found.failures
    [sentence] = found.failures
    assert sentence.startswith("On the first minibatch the models agree as far as their precision")
    assert "less than float32 here: JAX: bfloat16 at test_comparison_precision.py:" in sentence
    assert "- JAX: bfloat16 at test_comparison_precision.py:" in str(found)


@pytest.mark.slow
def test_a_mistake_above_bfloat16_is_found():
    found = short(*in_bfloat16(nnx.tanh, in_torch=False), ROWS)
    assert found.verdict is Verdict.DIFFERENT
    assert found.failures[0].startswith("The input of `out` differs: look between `fc` and it.")


@pytest.mark.parametrize(
    ("places", "tolerance", "below"),
    [
        (["float32 at a.py:1"], 1e-6, False),
        (["float32 at a.py:1", "bfloat16 at a.py:2"], 5e-2, True),
        (["float16 at a.py:1"], 1e-2, True),
        (["float8_e4m3fn at a.py:1"], 0.1, True),
    ],
)
def test_the_least_precise_type_decides(places, tolerance, below):
    first = FirstMinibatch([], 0, 0, 0, 0, {}, narrow={"JAX": places, "PyTorch": []})
    assert not first.is_relaxed()
    first.relax()
    assert first.tolerance == tolerance
    assert first.is_relaxed() and first.less_than_float32() is below


def test_types_are_found_inside_of_transformations():
    def narrow(x):
        return jax.vmap(lambda row: row.astype(jnp.float16) * 2)(x)

    x = np.ones((2, 3))
    with jax_precision.precision("float64"):
        [place] = jax_precision.narrowed(jax.jit(narrow), x)
        assert place.startswith("float16 at test_comparison_precision.py:")
        assert not jax_precision.narrowed(lambda x: x.astype(jnp.float32), x)


# -- what is left behind ---------------------------------------------------------------------------

FUNCTIONS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "scaled_dot_product_attention")


def global_state():
    """Return what a comparison changes while it runs."""
    return (
        [vars(primitive).get("bind") for primitive in jax_precision.CONVERSIONS],
        getattr(jax_precision.dtypes, jax_precision.CHECK),
        jnp.zeros(1, jnp.float32).dtype,
        jax.config.jax_enable_x64,
        jax.config.jax_default_matmul_precision,
        torch.get_default_dtype(),
        torch.get_float32_matmul_precision(),
        torch.ones(1).float().dtype,
        torch.is_grad_enabled(),
        [getattr(F, name) for name in FUNCTIONS],
    )


@pytest.mark.slow
def test_a_comparison_leaves_nothing_behind():
    before = global_state()
    models = in_float32()
    modes = [module.training for module in models[1].modules()]
    assert short(*models, ROWS).agree
    assert global_state() == before
    assert [module.training for module in models[1].modules()] == modes
    assert models[0].fc.kernel.dtype == jnp.float32 and models[1].fc.weight.dtype == torch.float32
    assert models[1].fc.weight.grad is None


@pytest.mark.parametrize("side", ["JAX", "PyTorch"])
def test_a_comparison_that_fails_leaves_nothing_behind(side):
    def fail(self, X):
        raise RuntimeError(side)

    def call(self, X):
        return self.out(self.fc(X))

    before = global_state()
    models = two_layers(*((fail, call) if side == "JAX" else (call, fail)))
    with pytest.raises(RuntimeError, match=side):
        short(*models, ROWS)
    assert global_state() == before


def test_the_precision_ends_with_its_context():
    before = global_state()
    for precision in (jax_precision.precision, torch_precision.precision):
        for dtype in ("float32", "float64"):
            with pytest.raises(ZeroDivisionError), precision(dtype):
                assert jnp.ones(1).dtype == dtype or torch.ones(1).dtype == getattr(torch, dtype)
                raise ZeroDivisionError
    assert global_state() == before
