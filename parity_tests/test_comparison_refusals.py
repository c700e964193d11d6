"""Objects, types and numbers that the comparison refuses, or has no verdict on."""

import jax
import numpy as np
import optax
import pytest
import torch
from flax import nnx
from jax import numpy as jnp
from torch import nn

from d2l_parity import Verdict, compare
from parity_tests.support.ports import (
    CROSS_ENTROPY,
    batches,
    linear,
    original,
    port,
    short,
    torch_linear,
)

ROWS, SEQUENCES = batches(6, 5), batches(3, 4, 5)


def jax_model(**options):
    return port(lambda self, X: self.fc(X), fc=linear(5, 4, **options))


def torch_model():
    return original(lambda self, X: self.fc(X), fc=torch_linear(5, 4))


def shapes_alone():
    with torch.device("meta"):
        return nn.Linear(5, 4)


MODELS = {
    "an optimizer": (
        lambda: (nnx.Optimizer(jax_model(), optax.sgd(0.1), wrt=nnx.Param), torch_model()),
        "jax_model must be a Flax NNX module, got Optimizer; pass the module itself",
    ),
    "a state": (
        lambda: (nnx.state(jax_model()), torch_model()),
        "jax_model must be a Flax NNX module, got State; pass the module itself",
    ),
    "a compiled function": (
        lambda: (nnx.jit(jax_model()), torch_model()),
        "jax_model must be a Flax NNX module, got JitWrapped; pass the module itself",
    ),
    "a script": (
        lambda: (jax_model(), torch.jit.trace(nn.Linear(5, 4), torch.zeros(1, 5))),
        "torch_model must be a PyTorch module, got TopLevelTracedModule; pass the module itself",
    ),
    "a compiled module": (
        lambda: (jax_model(), torch.compile(torch_model())),
        "torch_model must be a PyTorch module, got OptimizedModule; pass the module itself",
    ),
    "shapes of JAX": (
        lambda: (nnx.eval_shape(jax_model), torch_model()),
        "jax_model must hold numbers, got none in fc.bias; create the model itself, not its "
        "shapes alone",
    ),
    "shapes of PyTorch": (
        lambda: (jax_model(), shapes_alone()),
        "torch_model must hold numbers, got none in weight; create the model itself, not its "
        "shapes alone",
    ),
    "half precision in JAX": (
        lambda: (jax_model(param_dtype=jnp.bfloat16), torch_model()),
        "the parameters of jax_model must be of float32 or float64, got bfloat16 in fc.bias: it "
        "would hide small mistakes; compare a copy in float32",
    ),
    "half precision in PyTorch": (
        lambda: (jax_model(), torch_model().half()),
        "the parameters of torch_model must be of float32 or float64, got float16 in fc.weight: it "
        "would hide small mistakes; compare a copy in float32",
    ),
    "no parameters": (
        lambda: (jax_model(), nn.Identity()),
        "torch_model must have parameters, got none: nothing can be trained",
    ),
    "frozen parameters": (
        lambda: (jax_model(), torch_model().requires_grad_(False)),
        "torch_model must have a parameter that is trained, got frozen ones alone; pass a copy "
        "that is not frozen",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_what_is_not_a_model_with_numbers_is_refused(name):
    make, words = MODELS[name]
    with pytest.raises((TypeError, ValueError)) as caught:
        compare(*make(), ROWS, CROSS_ENTROPY)
    assert str(caught.value) == words


def test_a_mistake_in_a_forward_pass_is_not_blamed_on_the_data():
    ours = port(lambda self, X: self.fc(X).reshape(2, 2), fc=linear(5, 4))
    with pytest.raises(
        ValueError, match=r"the JAX model must take the inputs of data, but stopped"
    ):
        short(ours, torch_model(), ROWS)


def test_unknown_weights_are_named():
    weights = {**torch_model().state_dict(), "fc.wieght": torch.zeros(1)}
    with pytest.raises(ValueError, match=r"missing \[\], unknown \['fc.wieght'\]"):
        short(jax_model(), torch_model(), ROWS, weights=weights)


def test_a_name_is_a_string_and_a_loss_by_name_takes_one_output():
    with pytest.raises(TypeError, match="name must be a string, got int"):
        short(jax_model(), torch_model(), ROWS, name=5)
    both = original(lambda self, X: (self.fc(X), X), fc=torch_linear(5, 4))
    with pytest.raises(
        TypeError, match="where a model returns a tuple, got 'softmax_cross_entropy'"
    ):
        short(jax_model(), both, ROWS)


@pytest.mark.parametrize("dtypes", [3, [["float32"]], "float32", []])
def test_precisions_are_a_list_of_names(dtypes):
    with pytest.raises(ValueError, match="dtypes must be a list of 'float32' and 'float64', got"):
        short(jax_model(), torch_model(), ROWS, dtypes=dtypes)


@pytest.mark.slow
def test_nan_in_data_gives_no_verdict():
    data = [(np.where(np.arange(5) == 0, np.nan, X), y) for X, y in ROWS]
    found = short(jax_model(), torch_model(), data)
    assert found.verdict is Verdict.UNDECIDED
    assert found.failures[0].startswith("The loss of the first minibatch is nan in both models")
    assert "chaotic" not in str(found)


@pytest.mark.slow
def test_noise_of_both_in_either_mode_gives_no_verdict_and_leaves_pytorchs_stream():
    def call(self, X):
        return self.fc(X + 0.1 * self.rngs.noise.normal(X.shape, X.dtype))

    ours = port(call, fc=linear(5, 4), rngs=lambda rngs: nnx.Rngs(1))
    theirs = original(lambda self, X: self.fc(X + 0.1 * torch.randn_like(X)), fc=torch_linear(5, 4))
    before = torch.get_rng_state()
    found = short(ours, theirs, ROWS)
    assert found.verdict is Verdict.UNDECIDED
    assert found.failures[0].startswith("JAX draws random numbers before `fc`")
    assert found.failures[1].startswith("PyTorch draws random numbers before `fc`")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.slow
@pytest.mark.parametrize(("bias", "verdict"), [(0.5, Verdict.DIFFERENT), (0.0, Verdict.SAME)])
def test_a_frozen_bias_that_a_gru_of_nnx_cannot_hold(bias, verdict):
    ours = port(
        lambda self, X: self.fc(jax.lax.stop_gradient(self.rnn(X))[:, -1]),
        rnn=lambda rngs: nnx.RNN(nnx.GRUCell(5, 5, rngs=rngs)),
        fc=linear(5, 4),
    )
    theirs = original(
        lambda self, X: self.fc(self.rnn(X)[0][:, -1]),
        rnn=lambda: nn.GRU(5, 5, batch_first=True),
        fc=torch_linear(5, 4),
    )
    theirs.rnn.requires_grad_(False)
    theirs.rnn.bias_hh_l0[-5:] = bias
    found = short(ours, theirs, SEQUENCES)
    assert found.verdict is verdict, found.failures
    if bias:
        assert found.failures[0].startswith(
            "The JAX model cannot hold all numbers of `rnn.bias_hh_l0`: without them PyTorch's own "
        )


@pytest.mark.slow
def test_gradients_are_computed_where_the_caller_has_turned_them_off():
    with torch.no_grad():
        assert short(jax_model(), torch_model(), ROWS).agree
        assert not torch.is_grad_enabled()
