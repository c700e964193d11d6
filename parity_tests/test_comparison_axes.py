"""Arrays of a user's own whose axes the two models have in another order."""

import numpy as np
import pytest
import torch
from flax import nnx
from jax import numpy as jnp
from torch import nn

from d2l_parity import Verdict
from d2l_parity.axes import turned
from parity_tests.support.ports import batches, linear, original, port, short, torch_linear

ROWS = batches(6, 5)


@pytest.mark.parametrize(
    ("shape", "order"),
    [
        ((3, 4), (1, 0)),
        ((2, 3, 4), (0, 2, 1)),  # a stack of matrices
        ((4, 4, 3), (0, 2, 1)),  # also where all axes reversed have another shape
        ((2, 3, 4), (2, 1, 0)),
        ((2, 3, 4), (1, 2, 0)),  # (inputs, heads, size) and (heads, size, inputs)
    ],
)
def test_axes_are_put_in_the_order_of_a_shape(shape, order):
    array = np.random.default_rng(0).normal(size=shape)
    expected = array.transpose(order)
    np.testing.assert_array_equal(turned(array, expected.shape), expected)
    rows = np.stack([array, 2 * array])
    found = turned(rows, expected.shape, stacked=True)
    np.testing.assert_array_equal(found, np.stack([expected, 2 * expected]))


def test_axes_of_length_1_may_be_anywhere():
    array = np.random.default_rng(0).normal(size=(2, 1, 3, 4))
    np.testing.assert_array_equal(turned(array, (1, 2, 4, 3)), array[:, 0].swapaxes(1, 2))


def param(*shape):
    return lambda rngs: nnx.Param(jnp.zeros(shape))


def torch_param(*shape):
    return lambda: nn.Parameter(torch.randn(*shape) / 2)


def experts(num_hiddens, shift=0):
    """Return a mixture of 3 experts in JAX, whose second products may be those of other experts."""

    def call(self, X):
        gates = nnx.softmax(self.gate(X))
        H = nnx.relu(jnp.einsum("nd,edh->neh", X, self.w1[...]))
        Y = jnp.einsum("neh,ehd->ned", H, jnp.roll(self.w2[...], shift, axis=0))
        return self.out((gates[..., None] * Y).sum(1))

    sizes = {"w1": param(3, 5, num_hiddens), "w2": param(3, num_hiddens, 5)}
    return port(call, gate=linear(5, 3), out=linear(5, 4), **sizes)


def torch_experts(num_hiddens):
    """Return the same in PyTorch, with each matrix transposed."""

    def call(self, X):
        gates = torch.softmax(self.gate(X), -1)
        H = torch.relu(torch.einsum("nd,ehd->neh", X, self.w1))
        Y = torch.einsum("neh,edh->ned", H, self.w2)
        return self.out((gates[..., None] * Y).sum(1))

    sizes = {"w1": torch_param(3, num_hiddens, 5), "w2": torch_param(3, 5, num_hiddens)}
    return original(call, gate=torch_linear(5, 3), out=torch_linear(5, 4), **sizes)


@pytest.mark.slow
@pytest.mark.parametrize("num_hiddens", [7, 3])
def test_stacks_of_matrices_may_be_transposed(num_hiddens):
    """Though `w1` has the shape of the other model's `w2`."""
    found = short(experts(num_hiddens), torch_experts(num_hiddens), ROWS)
    assert found.verdict is Verdict.SAME, found.failures
    assert found.pairing.transposed == {"w1", "w2"}
    assert "in another order, by JAX's names:\n\n- `w1`\n- `w2`" in str(found)


@pytest.mark.slow
def test_experts_in_another_order_are_not_the_same():
    found = short(experts(7, shift=1), torch_experts(7), ROWS)
    assert found.verdict is Verdict.DIFFERENT
    assert "look between `gate` and it" in found.failures[0]


@pytest.mark.slow
def test_square_stacks_follow_other_matrices_of_the_model():
    """A square matrix of one name on both sides is transposed only if another one is."""

    def call(self, X):
        return self.out(nnx.relu(nnx.relu(X @ self.w1[...]) @ self.w2[...]))

    def torch_call(self, X):
        return self.out(torch.relu(torch.relu(X @ self.w1.T) @ self.w2.T))

    ours = port(call, w1=param(5, 6), w2=param(6, 6), out=linear(6, 4))
    theirs = original(
        torch_call, w1=torch_param(6, 5), w2=torch_param(6, 6), out=torch_linear(6, 4)
    )
    found = short(ours, theirs, ROWS)
    assert found.verdict is Verdict.SAME, found.failures
    assert found.pairing.transposed == {"w1", "w2"}
