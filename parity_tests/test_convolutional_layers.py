"""Layers on images compute what loops in extended precision do, gradients included."""

import jax
import numpy as np
import pytest
import torch
from flax import nnx
from jax import numpy as jnp

from d2l_common.arrays import to_numpy
from parity_tests.support import truth_images
from parity_tests.support.backends import BACKENDS, precision

# Values are of order 1 and sums of at most 100 products, so their rounding is below 100 * 2e-16,
# and the quotients of batch normalization amplify it by less than 10. Any mistake is of order 0.1.
SAME = 1e-12

# (in_channels, out_channels), (height, width), kernel_size, stride, padding, groups
CONVOLUTIONS = {
    "plain": ((2, 3), (5, 5), (3, 3), (1, 1), (0, 0), 1),
    "padded on both sides": ((2, 3), (5, 6), (3, 3), (1, 1), (1, 1), 1),
    "stride 2 on an even size": ((2, 3), (6, 6), (3, 3), (2, 2), (1, 1), 1),
    "stride 2 on an odd size": ((2, 3), (7, 5), (3, 3), (2, 2), (1, 1), 1),
    "rectangles": ((1, 2), (7, 6), (3, 2), (2, 1), (1, 0), 1),
    "rows that no window reaches": ((2, 2), (8, 8), (3, 3), (3, 3), (0, 0), 1),
    "groups": ((4, 6), (5, 5), (3, 3), (1, 1), (1, 1), 2),
    "depthwise": ((3, 6), (5, 5), (3, 3), (2, 2), (1, 1), 3),
    "1 x 1": ((3, 2), (4, 4), (1, 1), (1, 1), (0, 0), 1),
    "1 x 1 with stride": ((3, 2), (5, 5), (1, 1), (2, 2), (0, 0), 1),
    "padding larger than the image": ((1, 1), (1, 1), (5, 5), (1, 1), (2, 2), 1),
}

# (height, width), kernel_size, stride, padding
POOLINGS = {
    "without overlap": ((6, 4), (2, 2), (2, 2), (0, 0)),
    "overlapping, padded": ((7, 7), (3, 3), (2, 2), (1, 1)),
    "even size": ((6, 6), (3, 3), (2, 2), (1, 1)),
    "rectangles": ((5, 7), (2, 3), (1, 2), (0, 1)),
    "stride 1": ((4, 4), (3, 3), (1, 1), (1, 1)),
}

# Shapes with channels first.
BATCHES = {"vectors": (6, 3), "images": (4, 3, 5, 2), "two values": (2, 3)}


def draw(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def from_channels_first(backend, X):
    """Return an array with channels first as the backend's tensor of images or vectors."""
    if backend == "torch":
        return torch.tensor(X)
    return jnp.moveaxis(jnp.array(X), 1, -1)


def channels_first(backend, X):
    """Return the backend's tensor of images or vectors as an array with channels first."""
    X = to_numpy(X)
    return X if backend == "torch" else np.moveaxis(X, -1, 1)


def dot(Y, G):
    """Return the sum of the products of two tensors, which must have one shape."""
    assert Y.shape == G.shape
    return (Y * G).sum()


def results_and_gradients(backend, layer, X, G):
    """Return a layer's outputs, and the gradients of `sum(G * outputs)` by inputs and weights."""
    X, G = (from_channels_first(backend, x) for x in (X, G))
    if backend == "torch":
        X.requires_grad_()
        Y = layer(X)
        dot(Y, G).backward()
        weights = {name: to_numpy(x.grad) for name, x in layer.named_parameters()}
        return channels_first(backend, Y), channels_first(backend, X.grad), weights
    graphdef, params, rest = nnx.split(layer, nnx.Param, ...)

    def loss(params, X):
        model = nnx.merge(graphdef, params, rest, copy=True)
        Y = model(X)
        return dot(Y, G), (Y, nnx.state(model))

    gradients, (Y, state) = jax.grad(loss, (0, 1), has_aux=True)(params, X)
    nnx.update(layer, state)
    like_layer = nnx.merge(graphdef, gradients[0], rest, copy=True)
    weights = BACKENDS["jax"].export_weights(like_layer, state=False)
    return channels_first(backend, Y), channels_first(backend, gradients[1]), weights


def module(backend, name):
    return pytest.importorskip(f"d2l_{backend}.nn.{name}")


def assert_same(found, expected):
    for x, y in zip(found, expected, strict=True):
        assert x.shape == y.shape and x.dtype == "float64"
        assert np.abs(y).max() > 0.01  # so that the check can fail
        np.testing.assert_allclose(x, y.astype(float), rtol=SAME, atol=SAME)


def check_convolution(backend, name):
    """Check one convolution of one backend, as `CONVOLUTIONS` has it."""
    (num_in, num_out), size, kernel_size, stride, padding, groups = CONVOLUTIONS[name]
    with precision("float64"):
        X = draw(2, num_in, *size)
        W, b = draw(num_out, num_in // groups, *kernel_size), draw(num_out)
        expected = truth_images.convolution(X, W, b, stride, padding, groups)
        G = draw(*expected.shape, seed=1)
        gradients = truth_images.convolution(X, W, b, stride, padding, groups, G)
        make = module(backend, "convolution").conv2d
        for in_channels in (num_in, None):
            layer = make(in_channels, num_out, kernel_size, stride, padding, groups)
            BACKENDS[backend].import_weights(layer, {"weight": W, "bias": b})
            Y, dX, weights = results_and_gradients(backend, layer, X, G)
            assert_same((Y, dX, weights["weight"], weights["bias"]), (expected, *gradients))


def check_pooling(backend, name, mode):
    """Check one pooling layer of one backend, as `POOLINGS` has it."""
    size, kernel_size, stride, padding = POOLINGS[name]
    with precision("float64"):
        X = draw(2, 3, *size) - 3  # negative: a padded 0 would be the maximum
        expected = truth_images.pooling(X, kernel_size, stride, padding, mode)
        G = draw(*expected.shape, seed=1)
        gradient = truth_images.pooling(X, kernel_size, stride, padding, mode, G)
        kind = {"max": "MaxPool2d", "avg": "AvgPool2d"}[mode]
        layer = getattr(module(backend, "pooling"), kind)(kernel_size, stride, padding)
        X, G = (from_channels_first(backend, x) for x in (X, G))
        value_and_grad = BACKENDS[backend].value_and_grad
        _, dX = value_and_grad(lambda X: dot(layer(X), G))(X)
        found = (channels_first(backend, x) for x in (layer(X), dX))
        assert_same(found, (expected, gradient))


def make_batch_norm(backend, shape, concise):
    if not concise:
        return BACKENDS[backend].BatchNorm(shape[1], num_dims=len(shape))
    normalization = module(backend, "normalization")
    kind = "BatchNorm2d" if len(shape) == 4 else "BatchNorm1d"
    return getattr(normalization, kind)(shape[1])


def check_batch_norm(backend, name, concise):
    """Check batch normalization in training and in evaluation mode, as `BATCHES` has it."""
    shape = BATCHES[name]
    names = ("weight", "bias", "running_mean", "running_var")
    names = names if concise else ("gamma", "beta", "moving_mean", "moving_var")
    with precision("float64"):
        layer = make_batch_norm(backend, shape, concise)
        X, G, gamma, beta = draw(*shape) + 2, draw(*shape, seed=1), draw(shape[1]), draw(1, 3)[0]
        given = (gamma, beta, np.zeros(shape[1]), np.ones(shape[1]))
        BACKENDS[backend].import_weights(layer, dict(zip(names, given, strict=True)))
        layer.train()
        expected, averages = truth_images.batch_normalization(X, gamma, beta, G)
        Y, dX, weights = results_and_gradients(backend, layer, X, G)
        # Of two values, one is -1 and one is 1, whatever they are: the gradient by X is nearly 0.
        if name != "two values":
            assert_same((dX,), expected[1:2])
        assert_same((Y, weights[names[0]], weights[names[1]]), (expected[0], *expected[2:]))
        state = BACKENDS[backend].export_weights(layer)
        assert_same((state[names[2]], state[names[3]]), averages)
        layer.eval()
        Y = channels_first(backend, layer(from_channels_first(backend, X)))
        view = (1, -1) + (1,) * (len(shape) - 2)
        mean, var, gamma, beta = (np.reshape(x, view) for x in (*averages, gamma, beta))
        assert_same((Y,), (gamma * (X - mean) / np.sqrt(var + 1e-5) + beta,))
        again = BACKENDS[backend].export_weights(layer)
        assert all((again[name] == state[name]).all() for name in names)


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_convolutions(backend, name):
    check_convolution(backend, name)


@pytest.mark.parametrize("mode", ["max", "avg"])
@pytest.mark.parametrize("name", POOLINGS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_pooling(backend, name, mode):
    check_pooling(backend, name, mode)


@pytest.mark.parametrize("concise", [False, True], ids=["scratch", "concise"])
@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_batch_norm(backend, name, concise):
    check_batch_norm(backend, name, concise)


@pytest.mark.parametrize("backend", BACKENDS)
def test_initial_weights_have_the_distribution_of_pytorch_and_of_xavier(backend):
    d2l = BACKENDS[backend]
    layer = module(backend, "convolution").conv2d(16, 32, 3, groups=2)
    fan_in, fan_out = 8 * 9, 32 * 9

    def assert_uniform(x, bound):
        # Of n numbers the largest is below the bound by less than 20 / n, with 99.99995 %, and
        # the standard deviation is known to 1 / sqrt(n); 6 of these errors.
        assert 1 - 20 / x.size < np.abs(x).max() / bound <= 1
        assert abs(x.std() * np.sqrt(3) / bound - 1) < 6 / np.sqrt(x.size)

    weights = d2l.export_weights(layer)
    assert_uniform(weights["weight"], 1 / np.sqrt(fan_in))
    assert np.abs(weights["bias"]).max() <= 1 / np.sqrt(fan_in)
    bias = weights["bias"]
    d2l.init_cnn(layer)
    weights = d2l.export_weights(layer)
    assert_uniform(weights["weight"], np.sqrt(6 / (fan_in + fan_out)))
    np.testing.assert_array_equal(weights["bias"], bias)
    norm = make_batch_norm(backend, (2, 3), concise=True)
    d2l.init_cnn(norm)
    assert (d2l.export_weights(norm)["weight"] == 1).all()


# What a tired student passes, and the one sentence that both backends answer with.
MISTAKES = {
    "kernel larger than the image": (
        lambda d2l, nn, images: nn("convolution").conv2d(3, 2, 5)(images(2, 3, 4, 4)),
        r"the padded images must be at least as large as the kernel, \(5, 5\), got \(4, 4\)",
    ),
    "other channels": (
        lambda d2l, nn, images: nn("convolution").conv2d(1, 2, 3)(images(2, 3, 4, 4)),
        "X must have 1 channels, got 3",
    ),
    "vectors for images": (
        lambda d2l, nn, images: nn("convolution").conv2d(1, 2, 3)(images(2, 3)),
        r"X must be a minibatch of images with four axes, got shape \(2, 3\)",
    ),
    "vectors for images, at the first call": (
        lambda d2l, nn, images: nn("convolution").conv2d(None, 2, 3)(images(2, 3)),
        r"X must be a minibatch of images with four axes, got shape \(2, 3\)",
    ),
    "integers": (
        lambda d2l, nn, images: nn("convolution").conv2d(1, 2, 3)(
            d2l.astype(images(2, 1, 4, 4), d2l.int32)
        ),
        "X must hold floating-point numbers, got int32",
    ),
    "groups that do not divide": (
        lambda d2l, nn, images: nn("convolution").conv2d(3, 4, 3, groups=2),
        "groups must divide the numbers of channels, 3 and 4, got 2",
    ),
    "a kernel of three sizes": (
        lambda d2l, nn, images: nn("convolution").conv2d(3, 4, (3, 3, 3)),
        r"kernel_size must be an integer or a pair of integers, got \(3, 3, 3\)",
    ),
    "a stride of 0": (
        lambda d2l, nn, images: nn("convolution").conv2d(3, 4, 3, stride=0),
        "stride must be at least 1, got 0",
    ),
    "padding as a name": (
        lambda d2l, nn, images: nn("convolution").conv2d(3, 4, 3, padding="same"),
        "padding must be an integer, got 'same'",
    ),
    "pooling with large padding": (
        lambda d2l, nn, images: nn("pooling").MaxPool2d(2, padding=2),
        r"padding must be at most half of kernel_size \(2, 2\), got \(2, 2\)",
    ),
    "pooling of a small image": (
        lambda d2l, nn, images: nn("pooling").AvgPool2d(3)(images(1, 1, 2, 2)),
        r"the padded images must be at least as large as the kernel, \(3, 3\), got \(2, 2\)",
    ),
    "normalizing one value": (
        lambda d2l, nn, images: d2l.BatchNorm(3, num_dims=2)(images(1, 3)),
        "batch normalization in training mode needs more than one value for each channel",
    ),
    "normalizing one value, concise": (
        lambda d2l, nn, images: nn("normalization").BatchNorm1d(3)(images(1, 3)),
        "batch normalization in training mode needs more than one value for each channel",
    ),
    "normalizing images as vectors": (
        lambda d2l, nn, images: d2l.BatchNorm(3, num_dims=2)(images(2, 3, 4, 4)),
        r"X must be a minibatch of vectors \(n, num_features\), got shape",
    ),
    "dimensions of a normalization": (
        lambda d2l, nn, images: d2l.BatchNorm(3, num_dims=3),
        "num_dims must be 2 for vectors or 4 for images, got 3",
    ),
    "a residual of other channels": (
        lambda d2l, nn, images: d2l.Residual(4, in_channels=3)(images(2, 3, 4, 4)),
        "the inputs of a residual block must have the shape of its outputs, got .*use_1x1conv",
    ),
    "weights before shapes": (
        lambda d2l, nn, images: d2l.export_weights(d2l.LeNet()),
        "net.0.weight has no shape yet; call the model on a minibatch first",
    ),
    "a summary of a model without layers": (
        lambda d2l, nn, images: d2l.MLPScratch(4, 2, 3, lr=0.1).layer_summary((1, 4)),
        "layer_summary needs a model whose net is a Sequential of layers, got none",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_mistakes(backend, name):
    make, message = MISTAKES[name]
    with pytest.raises((TypeError, ValueError), match=message):
        make(
            BACKENDS[backend],
            lambda name: module(backend, name),
            lambda *shape: from_channels_first(backend, draw(*shape).astype("float32")),
        )
