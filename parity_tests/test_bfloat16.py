"""
The library in bfloat16, whose numbers have 8 significant bits (section 5.5 of 2026).

One rounding is at most `ROUNDING` = 2^-8 of a number, 2^16 times that of float32. Both frameworks
compute most operations in float32 and round the result once, so the bounds count few roundings.
The truth is computed in float64, of the same bfloat16 numbers.
"""

from functools import partial

import jax
import numpy as np
import pytest
import torch
from flax import nnx
from jax import numpy as jnp

from d2l_jax.nn.convolution import conv2d as conv2d_of_jax
from d2l_jax.nn.normalization import LayerNorm as layer_norm_of_jax
from d2l_jax.nn.normalization import batch_norm_1d as batch_norm_of_jax
from d2l_parity import assert_within
from d2l_torch.nn.convolution import conv2d as conv2d_of_torch
from d2l_torch.nn.normalization import LayerNorm as layer_norm_of_torch
from d2l_torch.nn.normalization import batch_norm_1d as batch_norm_of_torch
from parity_tests.support.backends import BACKENDS

JAX, TORCH = BACKENDS["jax"], BACKENDS["torch"]
ROUNDING = 2.0**-8
IN_FLOAT32 = 1e-5  # of a few hundred operations in float32, relative to the sizes of their terms

RNG = np.random.default_rng(0)
X = RNG.normal(0, 3, (64, 10))
W, B = RNG.normal(size=(10, 5)), RNG.normal(size=5)
IMAGES, KERNELS = RNG.normal(size=(2, 8, 8)), RNG.normal(size=(3, 2, 3, 3))
LABELS = RNG.integers(0, 10, 64)


def narrow(d2l, array):
    """Return an array in bfloat16."""
    tensor = d2l.tensor(np.asarray(array, np.float32))
    return tensor.astype(jnp.bfloat16) if d2l is JAX else tensor.bfloat16()


def rounded(array):
    """Return an array rounded to bfloat16, as float64."""
    return np.asarray(jnp.asarray(array, jnp.float32).astype(jnp.bfloat16), np.float64)


def softmax(X):
    P = np.exp(X - X.max(1, keepdims=True))
    return P / P.sum(1, keepdims=True)


def losses(X):
    return -np.log(softmax(X)[np.arange(len(X)), LABELS])


def spread(X):
    return X.max(1) - X[np.arange(len(X)), LABELS]


def correlated(X, K):
    windows = np.lib.stride_tricks.sliding_window_view(X, K.shape[-2:], axis=(1, 2))
    return np.einsum("chwij,ocij->ohw", windows, K)


# Operation, its arguments, the truth, and the condition, in roundings.
OPERATIONS = {
    "exp": (lambda d2l, X: d2l.exp(X), (X,), np.exp, np.exp),
    "relu, exact": (
        lambda d2l, X: d2l.relu(X),
        (X,),
        lambda X: np.maximum(X, 0),
        lambda X: 0 * X,
    ),
    # JAX rounds exp, the sum, and the quotient.
    "sigmoid": (
        lambda d2l, X: d2l.sigmoid(X),
        (X,),
        lambda X: 1 / (1 + np.exp(-X)),
        lambda X: 3 / (1 + np.exp(-X)),
    ),
    "softmax": (lambda d2l, X: d2l.softmax(X), (X,), softmax, softmax),
    # log(sum exp) is rounded, which is below `log(10)`, and so are two differences.
    "softmax_cross_entropy": (
        lambda d2l, X: d2l.softmax_cross_entropy(X, d2l.tensor(LABELS), averaged=False),
        (X,),
        losses,
        lambda X: losses(X) + spread(X) + np.log(10),
    ),
    # The softmax is exp of a logarithm that is rounded, as are the exp, a product, and 1 / n.
    "gradient of softmax_cross_entropy": (
        lambda d2l, X: d2l.grad(lambda X: d2l.softmax_cross_entropy(X, d2l.tensor(LABELS)))(X),
        (X,),
        lambda X: (softmax(X) - np.eye(10)[LABELS]) / len(X),
        lambda X: ((4 - np.log(softmax(X))) * softmax(X) + 2 * np.eye(10)[LABELS]) / len(X),
    ),
    "squared_loss": (
        lambda d2l, a, b: d2l.squared_loss(a, b),
        (X[:, 0], X[:, 1]),
        lambda a, b: (a - b) ** 2 / 2,
        lambda a, b: 3 * (a - b) ** 2 / 2,  # the difference counts twice, and the square
    ),
    "matmul": (lambda d2l, X, W: d2l.matmul(X, W), (X, W), np.matmul, lambda X, W: abs(X @ W)),
    "linreg": (
        lambda d2l, X, W, b: d2l.linreg(X, W, b),
        (X, W, B),
        lambda X, W, b: X @ W + b,
        lambda X, W, b: abs(X @ W) + abs(X @ W + b),
    ),
    "reduce_mean": (lambda d2l, X: d2l.reduce_mean(X), (X,), np.mean, lambda X: abs(X.mean())),
    # Each channel of the input is rounded, and then their sum.
    "corr2d_multi_in_out": (
        lambda d2l, X, K: d2l.corr2d_multi_in_out(X, K),
        (IMAGES, KERNELS),
        correlated,
        lambda X, K: abs(correlated(X, K)) + correlated(abs(X), abs(K)),
    ),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation(name, d2l):
    call, arrays, truth, roundings = OPERATIONS[name]
    result = call(d2l, *(narrow(d2l, array) for array in arrays))
    assert str(result.dtype).endswith("bfloat16")
    exact = [rounded(array) for array in arrays]
    in_float32 = IN_FLOAT32 * np.abs(truth(*exact)).max()
    assert_within(d2l.numpy(result), truth(*exact), ROUNDING * roundings(*exact) + in_float32)


def test_the_loss_is_much_better_in_float32(d2l):
    """A loss of 0.003 is lost in bfloat16, where 1 + 0.003 is 1, and a mean has three digits."""
    logits = np.array([[6.0, 0.0, -1.0]])
    y = d2l.tensor([0])
    wide = d2l.softmax_cross_entropy(d2l.tensor(logits, dtype=d2l.float32), y)
    assert abs(float(wide) - np.log1p(np.exp(-6) + np.exp(-7))) < 1e-6
    assert float(d2l.softmax_cross_entropy(narrow(d2l, logits), y)) == 0


def test_a_large_sum_is_rounded_once(d2l):
    """Summed in bfloat16, ones would stop at 256, whose successor is 258."""
    ones = narrow(d2l, np.ones(100_000))
    assert float(d2l.reduce_sum(ones)) == 99_840  # the nearest one to 100,000


def batch_norm_layer(d2l, X, dtype):
    """Return a layer's output for `X`, and its moving averages, parameters and input in dtypes."""
    if d2l is JAX:
        layer = batch_norm_of_jax(X.shape[1])
        nnx.update(layer, jax.tree.map(lambda x: x.astype(dtype), nnx.state(layer)))
        return layer(narrow(d2l, X)), layer.mean[...], layer.var[...]
    layer = batch_norm_of_torch(X.shape[1]).to(getattr(torch, dtype))
    return layer(narrow(d2l, X)).detach(), layer.running_mean, layer.running_var


def check_batch_norm(d2l):
    """Check the layer: its statistics are those of float32, its output is rounded once."""
    X = np.random.default_rng(1).normal(10, 2, (64, 4))
    output, mean, var = batch_norm_layer(d2l, X, "float32")
    assert str(output.dtype).endswith("bfloat16")
    exact = rounded(X)
    assert_within(d2l.numpy(mean), exact.mean(0) / 10, IN_FLOAT32)
    assert_within(d2l.numpy(var), 0.9 + exact.var(0, ddof=1) / 10, 10 * IN_FLOAT32)
    truth = (exact - exact.mean(0)) / np.sqrt(exact.var(0) + 1e-5)
    assert_within(d2l.numpy(output), truth, ROUNDING * abs(truth) + IN_FLOAT32)


def test_batch_norm(d2l):
    check_batch_norm(d2l)


def test_layer_norm(d2l):
    """As batch normalization: computed in float32, and the output is rounded once."""
    X = np.random.default_rng(1).normal(10, 2, (4, 16))
    output = (layer_norm_of_jax if d2l is JAX else layer_norm_of_torch)(16)(narrow(d2l, X))
    assert str(output.dtype).endswith("bfloat16")
    mean, var = rounded(X).mean(1, keepdims=True), rounded(X).var(1, keepdims=True)
    truth = (rounded(X) - mean) / np.sqrt(var + 1e-5)
    assert_within(d2l.numpy(output), truth, ROUNDING * abs(truth) + IN_FLOAT32)


def test_batch_norm_with_parameters_of_bfloat16(d2l):
    """PyTorch rounds scale and shift by channel, `1 / std` and `mean / std`, which is about 5."""
    X = np.random.default_rng(1).normal(10, 2, (64, 4))
    output, mean, var = batch_norm_layer(d2l, X, "bfloat16")
    assert {str(x.dtype).removeprefix("torch.") for x in (output, mean, var)} == {"bfloat16"}
    exact = rounded(X)
    truth = (exact - exact.mean(0)) / np.sqrt(exact.var(0) + 1e-5)
    bound = ROUNDING * (2 * abs(exact).max() / exact.std(0) + abs(truth))
    assert_within(d2l.numpy(output), truth, bound)


def test_a_convolution(d2l):
    """A layer of parameters in bfloat16: the product is rounded, and so is the sum with a bias."""
    X, K, b = np.random.default_rng(1).normal(size=(4, 2, 8, 8)), KERNELS, B[:3]
    make = conv2d_of_jax if d2l is JAX else conv2d_of_torch
    layer = make(2, 3, kernel_size=3)
    d2l.import_weights(layer, {"weight": K, "bias": b})
    if d2l is JAX:
        nnx.update(layer, jax.tree.map(lambda x: x.astype(jnp.bfloat16), nnx.state(layer)))
        result = jnp.moveaxis(layer(narrow(d2l, np.moveaxis(X, 1, -1))), -1, 1)
    else:
        result = layer.bfloat16()(narrow(d2l, X)).detach()
    assert str(result.dtype).endswith("bfloat16")
    product = np.stack([correlated(x, rounded(K)) for x in rounded(X)])
    truth = product + rounded(b)[:, None, None]
    assert_within(d2l.numpy(result), truth, ROUNDING * (abs(product) + abs(truth)) + IN_FLOAT32)


def test_layers_and_types():
    """PyTorch refuses or casts; NNX promotes, or computes in `dtype`; so do the twins' layers."""
    of_jax, of_torch = (d2l.SoftmaxRegression(2, 0.1, num_inputs=3) for d2l in (JAX, TORCH))
    rows = np.ones((4, 3))
    with pytest.raises(RuntimeError, match="same dtype"):
        of_torch(narrow(TORCH, rows))
    with torch.autocast("cpu", torch.bfloat16):
        assert of_torch(torch.ones(4, 3)).dtype == torch.bfloat16
        assert TORCH.softmax_cross_entropy(narrow(TORCH, X), LABELS).dtype == torch.float32
    assert of_jax(narrow(JAX, rows)).dtype == jnp.float32
    layer = nnx.Linear(3, 2, dtype=jnp.bfloat16, rngs=nnx.Rngs(0))
    assert (layer(jnp.ones((4, 3))).dtype, layer.kernel.dtype) == (jnp.bfloat16, jnp.float32)
    assert nnx.BatchNorm(3, rngs=nnx.Rngs(0))(narrow(JAX, rows)).dtype == jnp.float32


def test_weights_of_bfloat16_are_exact_in_a_file(tmp_path):
    """Either backend reads the other's file of bfloat16 weights, to the bit."""
    start = JAX.initial_weights({"weight": (3, 4), "bias": (3,)}, seed=0, scheme="he")
    of_torch = torch.nn.Linear(4, 3)
    TORCH.import_weights(of_torch, start)
    TORCH.save_weights(tmp_path / "w.safetensors", of_torch.bfloat16())
    of_jax = nnx.Linear(4, 3, param_dtype=jnp.bfloat16, rngs=nnx.Rngs(0))
    JAX.load_weights(tmp_path / "w.safetensors", of_jax)
    assert of_jax.kernel.dtype == jnp.bfloat16
    for name, array in JAX.export_weights(of_jax).items():
        np.testing.assert_array_equal(array, rounded(start[name]))


# -- training ----------------------------------------------------------------------------------


def mixed_perceptron(d2l, mixed):
    """Return a perceptron with weights of float32 that multiplies matrices in bfloat16."""

    class Mixed(d2l.MLP):
        def forward(self, X):
            if d2l is JAX:
                return super().forward(X).astype(jnp.float32)
            with torch.autocast(X.device.type, torch.bfloat16, enabled=mixed):
                return super().forward(X).float()

    model = Mixed(10, 32, lr=0.1, num_inputs=64)
    if d2l is JAX and mixed:
        for _, layer in nnx.iter_modules(model):
            if isinstance(layer, nnx.Linear):
                layer.dtype = jnp.bfloat16
    return model


def history_of(d2l, mixed):
    """Return the loss of each step of two epochs on Digits, and the types of the weights."""
    model = mixed_perceptron(d2l, mixed)
    d2l.import_weights(model, JAX.initial_weights(d2l.export_weights(model), 0, "he"))
    history = d2l.Trainer(2).fit(model, d2l.Digits(batch_size=64, seed=0))
    params = jax.tree.leaves(nnx.state(model)) if d2l is JAX else model.parameters()
    assert {str(x.dtype).removeprefix("torch.") for x in params} == {"float32"}
    return np.asarray(history.train_loss, np.float64)


@pytest.mark.slow
def test_training_with_master_weights_of_float32():
    """
    Two epochs in bfloat16 stay close to float32's, on both backends.

    Gaps are in units of the loss plus `log(10)`, that of a model which has learned nothing. Some
    1,000 roundings of either sign average out in a minibatch's loss: measured were 0.08 of one
    rounding after an epoch and 0.21 after three. In float32 the backends are 3e-5 of it apart.
    """
    single = {name: history_of(d2l, mixed=False) for name, d2l in BACKENDS.items()}
    mixed = {name: history_of(d2l, mixed=True) for name, d2l in BACKENDS.items()}
    scale = single["torch"] + np.log(10)
    assert np.all(abs(single["jax"] - single["torch"]) < 1e-5 * scale)
    assert np.all(abs(mixed["jax"] - mixed["torch"]) < ROUNDING / 2 * scale)
    for name in BACKENDS:
        gap = abs(mixed[name] - single[name]) / scale
        assert gap.max() < ROUNDING / 2
        assert gap.max() > 1e-3 * ROUNDING  # it was computed in bfloat16


def test_an_update_is_lost_without_master_weights(d2l):
    """Half of the spacing above 1 is 2^-8: smaller updates do not move a weight of bfloat16."""
    update = partial(d2l.sgd, lr=1.0)
    lost, kept = (narrow(d2l, np.array([size])) for size in (-(2.0**-9), -(2.0**-7)))
    one = narrow(d2l, np.array([1.0]))
    assert float(update(one, lost)[0]) == 1
    assert float(update(one, kept)[0]) == 1 + 2.0**-7
