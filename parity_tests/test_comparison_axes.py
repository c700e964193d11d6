"""Arrays of a user's own whose axes the two models have in another order."""

import jax
import numpy as np
import pytest
import torch
from flax import nnx
from jax import numpy as jnp
from torch import nn

from d2l_parity import Verdict
from d2l_parity.axes import axis_order, is_square, turned
from parity_tests.support.ports import batches, linear, original, port, short, torch_linear

ROWS = batches(6, 5)


@pytest.mark.parametrize(
    ("ours", "theirs", "order"),
    [
        ((3, 4), (4, 3), (1, 0)),
        ((3, 3), (3, 3), (1, 0)),
        ((2, 3, 4), (2, 4, 3), (0, 2, 1)),  # a stack of matrices
        ((4, 4, 3), (4, 3, 4), (0, 2, 1)),
        ((2, 3, 4), (4, 3, 2), (2, 1, 0)),
        ((4, 2, 2), (2, 2, 4), (1, 2, 0)),  # (inputs, heads, size) and (heads, size, inputs)
        ((6, 2, 6), (2, 6, 6), (1, 2, 0)),
        ((3, 3, 2, 5), (5, 2, 3, 3), (3, 2, 0, 1)),  # kernels of JAX and of PyTorch
        ((3, 3, 5, 5), (5, 5, 3, 3), (3, 2, 0, 1)),
        ((1, 3, 1, 4), (4, 3), (1, 0)),  # axes of length 1 may be anywhere
        ((1, 1), (1, 1), ()),
    ],
)
def test_the_likely_order_of_axes(ours, theirs, order):
    assert axis_order(ours, theirs) == order
    assert is_square(ours) == (ours in [(3, 3), (4, 2, 2), (3, 3, 5, 5)])
    array = np.random.default_rng(0).normal(size=ours)
    expected = array.squeeze().transpose(order)
    np.testing.assert_array_equal(turned(array, order), expected)
    np.testing.assert_array_equal(
        turned(np.stack([array, 2 * array]), order, stacked=True), [expected, 2 * expected]
    )
    np.testing.assert_array_equal(turned(expected, np.argsort(order)), array.squeeze())


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
def test_names_do_not_decide_where_shapes_do():
    """In one layout, with the names exchanged; also a scalar of another name beside them."""

    def call(self, X):
        return self.out(self.scale[...] * nnx.relu(X @ self.a[...]) @ self.b[...])

    def torch_call(self, X):
        return self.out(self.factor * torch.relu(X @ self.b) @ self.a)

    ours = port(call, a=param(5, 7), b=param(7, 5), scale=param(1, 1), out=linear(5, 4))
    own = {"a": torch_param(7, 5), "b": torch_param(5, 7), "factor": torch_param(1, 1)}
    theirs = original(torch_call, **own, out=torch_linear(5, 4))
    found = short(ours, theirs, ROWS)
    assert found.verdict is Verdict.SAME, found.failures
    assert not found.pairing.transposed


def two_products(of_hidden):
    """Return the same network in both, of `wx`, that PyTorch holds transposed, and a square."""
    ours = port(
        lambda self, X: self.out(nnx.tanh(nnx.tanh(X @ self.wx[...]) @ of_hidden(self.wh[...]))),
        wx=param(5, 6),
        wh=param(6, 6),
        out=linear(6, 4),
    )
    theirs = original(
        lambda self, X: self.out(torch.tanh(torch.tanh(X @ self.wx.T) @ self.wh)),
        wx=torch_param(6, 5),
        wh=torch_param(6, 6),
        out=torch_linear(6, 4),
    )
    return ours, theirs


@pytest.mark.slow
def test_a_square_matrix_of_one_name_has_one_layout():
    assert short(*two_products(lambda wh: wh), ROWS).verdict is Verdict.SAME
    assert short(*two_products(lambda wh: wh.T), ROWS).verdict is Verdict.DIFFERENT


@pytest.mark.slow
def test_a_kernel_of_ones_own_may_have_the_layout_of_either_framework():
    def call(self, X):
        axes = {"dimension_numbers": ("NCHW", "HWIO", "NCHW")}
        H = jax.lax.conv_general_dilated(X, self.kernel[...], (1, 1), "VALID", **axes)
        return self.out(nnx.relu(H).mean((2, 3)))

    def torch_call(self, X):
        return self.out(torch.relu(nn.functional.conv2d(X, self.kernel)).mean((2, 3)))

    ours = port(call, kernel=param(3, 3, 2, 5), out=linear(5, 4))
    theirs = original(torch_call, kernel=torch_param(5, 2, 3, 3), out=torch_linear(5, 4))
    found = short(ours, theirs, batches(6, 2, 7, 7))
    assert found.verdict is Verdict.SAME, found.failures


@pytest.mark.slow
def test_a_mapping_may_pair_arrays_of_ones_own_in_another_order():
    def call(self, X):
        return self.out(nnx.relu(X @ self.up[...]) @ self.down[...])

    def torch_call(self, X):
        return self.out(torch.relu(X @ self.w1.T) @ self.w2.T)

    ours = port(call, up=param(5, 7), down=param(7, 5), out=linear(5, 4))
    own = {"w1": torch_param(7, 5), "w2": torch_param(5, 7)}
    theirs = original(torch_call, **own, out=torch_linear(5, 4))
    found = short(ours, theirs, ROWS, mapping={"up": "w1", "down": "w2"})
    assert found.verdict is Verdict.SAME, found.failures
