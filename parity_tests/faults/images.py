"""Faults in the layers on images: convolution, pooling, batch normalization, initial weights."""

import math

import jax
import torch
from flax import nnx
from jax import numpy as jnp
from torch.nn import functional as F

from parity_tests import test_convolutional_layers as tests
from parity_tests.faults.checks import Check
from parity_tests.faults.planting import around, instead_of


def check(test, *arguments):
    """Return the check of a layer, `check_<test>` of test_convolutional_layers.py."""
    run = getattr(tests, f"check_{test}")
    name = {"convolution": "convolutions"}.get(test, test)
    return Check(
        f"test_convolutional_layers.py::test_{name}[{', '.join(map(str, arguments))}]",
        lambda backend: run(backend, *arguments),
    )


XAVIER = Check(
    "test_convolutional_layers.py::"
    "test_initial_weights_have_the_distribution_of_pytorch_and_of_xavier",
    tests.test_initial_weights_have_the_distribution_of_pytorch_and_of_xavier,
)


# -- convolution -------------------------------------------------------------------------------


@around(
    "d2l_jax.nn.convolution.Conv2d.__call__",
    caught_by=check("convolution", "stride 2 on an even size"),
)
def padding_as_same_has_it_in_jax(original, self, X):
    rows, columns = (sum(both) for both in self.padding)
    X = jnp.pad(X, ((0, 0), (0, rows), (0, columns), (0, 0)))
    right, self.padding = self.padding, [(0, 0), (0, 0)]
    try:
        return original(self, X)
    finally:
        self.padding = right


@around("d2l_jax.nn.convolution.Conv2d.__call__", caught_by=check("convolution", "rectangles"))
def the_strides_exchanged_in_jax(original, self, X):
    self.strides, right = self.strides[::-1], self.strides
    try:
        return original(self, X)
    finally:
        self.strides = right


@around("d2l_jax.nn.convolution.Conv2d.__call__", caught_by=check("convolution", "plain"))
def a_kernel_that_is_mirrored_in_jax(original, self, X):
    copy = nnx.merge(*nnx.split(self), copy=True)
    copy.kernel[...] = copy.kernel[...][::-1, ::-1]
    return original(copy, X)


@around("d2l_torch.nn.convolution.Conv2d.forward", caught_by=check("convolution", "plain"))
def a_kernel_that_is_mirrored_in_torch(original, self, X):
    return F.conv2d(X, self.weight.flip(2, 3), self.bias, self.stride, self.padding)


@around("d2l_torch.nn.convolution.Conv2d.forward", caught_by=check("convolution", "groups"))
def channels_of_the_groups_exchanged_in_torch(original, self, X):
    return original(self, X.flip(1))


@around(
    "d2l_torch.nn.convolution.Conv2d.forward",
    caught_by=check("convolution", "padding larger than the image"),
)
def padding_that_repeats_the_border_in_torch(original, self, X):
    (rows, columns), weight = self.padding, self.weight
    X = F.pad(X, (columns, columns, rows, rows), mode="replicate")
    return F.conv2d(X, weight, self.bias, self.stride, groups=self.groups)


# -- pooling -----------------------------------------------------------------------------------


@instead_of(
    "d2l_jax.nn.pooling.MaxPool2d.__call__",
    caught_by=check("pooling", "overlapping, padded", "max"),
)
def zeros_as_the_padding_of_a_maximum_in_jax(self, X):
    (rows, columns) = self.padding
    X = jnp.pad(X, ((0, 0), (rows, rows), (columns, columns), (0, 0)))
    return nnx.max_pool(X, self.kernel_size, self.stride)


@instead_of(
    "d2l_jax.nn.pooling.AvgPool2d.__call__",
    caught_by=check("pooling", "overlapping, padded", "avg"),
)
def means_without_the_padding_in_jax(self, X):
    padding = [(size, size) for size in self.padding]
    return nnx.avg_pool(X, self.kernel_size, self.stride, padding, count_include_pad=False)


@instead_of("d2l_torch.nn.pooling.Pool2d.forward", caught_by=check("pooling", "even size", "avg"))
def a_last_window_outside_of_the_image_in_torch(self, X):
    return F.avg_pool2d(X, self.kernel_size, self.stride, self.padding, ceil_mode=True)


# -- batch normalization -----------------------------------------------------------------------


SCRATCH, CONCISE = (check("batch_norm", "images", concise) for concise in (False, True))


@around("d2l_*.nn.batch_norm.batch_norm", caught_by=SCRATCH)
def a_biased_moving_variance(d2l, original, X, gamma, beta, mean, var, eps, momentum, training):
    Y, new_mean, new_var = original(X, gamma, beta, mean, var, eps, momentum, training)
    n = math.prod(X.shape) / len(d2l.reshape(mean, (-1,)))
    old = (1 - momentum) * var
    return Y, new_mean, old + (new_var - old) * (n - 1) / n if training else new_var


@around("d2l_*.nn.batch_norm.batch_norm", caught_by=SCRATCH)
def the_momentum_of_the_old_average(
    d2l, original, X, gamma, beta, mean, var, eps, momentum, training
):
    return original(X, gamma, beta, mean, var, eps, 1 - momentum, training)


@around("d2l_*.nn.batch_norm.normalize", caught_by=SCRATCH)
def the_epsilon_outside_of_the_root(d2l, original, X, gamma, beta, mean, var, eps):
    return original(X, gamma, beta, mean, (var**0.5 + eps) ** 2, 0)


@around("d2l_*.nn.batch_norm.BatchNorm.forward", caught_by=SCRATCH)
def statistics_of_the_minibatch_in_evaluation(d2l, original, self, X):
    mean, var = self.moving_mean[...], self.moving_var[...]
    mode = "deterministic" if hasattr(self, "deterministic") else "training"
    right = getattr(self, mode)
    setattr(self, mode, mode == "training")
    Y = original(self, X)
    setattr(self, mode, right)
    if right == (mode == "deterministic"):  # in evaluation mode
        self.moving_mean[...], self.moving_var[...] = mean, var
    return Y


@around("d2l_jax.nn.normalization.BatchNorm1d.__call__", caught_by=CONCISE)
def the_moving_averages_of_nnx_in_jax(original, self, x, use_running_average=None):
    return nnx.BatchNorm.__call__(self, x, use_running_average)


@around("d2l_torch.nn.normalization.BatchNorm2d.forward", caught_by=CONCISE)
def a_momentum_of_nnx_in_torch(original, self, X):
    self.momentum = 0.99
    return original(self, X)


# -- initial weights ---------------------------------------------------------------------------


@instead_of("d2l_jax.nn.initialization.xavier_uniform", caught_by=XAVIER)
def xavier_without_the_window_in_jax(key, shape, dtype):
    bound = math.sqrt(6 / sum(shape[-2:]))
    return jax.random.uniform(key, shape, dtype, -bound, bound)


@instead_of("d2l_torch.nn.initialization.init_cnn", caught_by=XAVIER)
def xavier_of_a_normal_distribution_in_torch(module, generator=None):
    if hasattr(module, "weight") and module.weight.ndim > 1:
        torch.nn.init.xavier_normal_(module.weight, generator=generator)


@around("d2l_*.nn.initialization.init_cnn", caught_by=XAVIER)
def the_biases_set_to_zero(d2l, original, module, *arguments):
    original(module, *arguments)
    if getattr(module, "bias", None) is not None:
        d2l.import_weights(module, d2l.export_weights(module) | {"bias": [0.0] * 32})
