"""Faults in the networks and blocks of modern convolutional networks."""

import importlib

from flax import nnx
from jax import numpy as jnp
from torch import nn
from torch.nn import functional as F

from d2l_jax import dropout_layer
from parity_tests import test_convolutional_models as tests
from parity_tests.faults.checks import Check
from parity_tests.faults.planting import around, instead_of
from parity_tests.support.backends import BACKENDS


def passes(name):
    """Return the check of the outputs and gradients of a network or block."""
    return Check(
        f"test_convolutional_models.py::test_passes_agree[{name}]",
        lambda backend: tests.check_pass(name),
        for_each_backend=False,
    )


FUSED = Check(
    "test_convolutional_models.py::test_fused_convolution_is_the_block",
    lambda backend: tests.check_fused(),
    for_each_backend=False,
)
DROPPED = Check(
    "test_convolutional_models.py::test_drop_path_drops_examples",
    lambda backend: tests.check_drop_path((400, 2, 3, 4)),
    for_each_backend=False,
)
DROP_RATES = Check(
    "test_convolutional_models.py::test_drop_rates_grow",
    lambda backend: tests.check_drop_rates(BACKENDS[backend]),
)
MOMENTUM = Check(
    "test_convolutional_models.py::test_a_mobilenet_has_momentum",
    lambda backend: tests.check_momentum(BACKENDS[backend]),
)


def layers_of(d2l, net):
    """Return the layers of a Sequential."""
    return list(net.layers if d2l is BACKENDS["jax"] else net)


def sequential(d2l, layers):
    """Return the Sequential of some layers."""
    return (nnx if d2l is BACKENDS["jax"] else nn).Sequential(*layers)


def pooling(d2l, name):
    """Return a class of pooling layers of a backend."""
    return getattr(importlib.import_module(f"{d2l.__name__}.nn.pooling"), name)


def channel_axis(d2l):
    """Return the axis of the channels of images."""
    return -1 if d2l is BACKENDS["jax"] else 1


# -- networks ----------------------------------------------------------------------------------


@around("d2l_*.models.alexnet.conv2d", caught_by=passes("AlexNet"))
def the_padding_of_the_other_edition(d2l, original, *args, kernel_size, **options):
    if kernel_size == 11:
        options["padding"] = 1
    return original(*args, kernel_size=kernel_size, **options)


@around("d2l_*.models.vgg.vgg_block", caught_by=passes("vgg_block"))
def means_for_maxima_in_a_vgg_block(d2l, original, *args, **options):
    layers = layers_of(d2l, original(*args, **options))
    return sequential(d2l, [*layers[:-1], pooling(d2l, "AvgPool2d")(2, 2)])


@around("d2l_*.models.nin.nin_block", caught_by=passes("nin_block"))
def a_nin_block_without_its_last_relu(d2l, original, *args, **options):
    return sequential(d2l, layers_of(d2l, original(*args, **options))[:-1])


@instead_of("d2l_*.models.googlenet.pool", caught_by=passes("GoogleNet"))
def means_for_maxima_in_googlenet(d2l):
    return pooling(d2l, "AvgPool2d")(kernel_size=3, stride=2, padding=1)


@around("d2l_*.models.densenet.transition_block", caught_by=passes("DenseNet"))
def a_transition_without_its_relu(d2l, original, *args, **options):
    norm, _, conv, pool = layers_of(d2l, original(*args, **options))
    nothing = nn.Identity() if d2l is BACKENDS["torch"] else lambda X: X
    return sequential(d2l, [norm, nothing, conv, pool])


@around("d2l_*.models.convnext.LayerNorm2d", caught_by=passes("ConvNeXt"))
def the_default_eps_in_convnext(d2l, original, num_features, eps):
    return original(num_features)


@around("d2l_*.models.convnext.ConvNeXtBlock", caught_by=DROP_RATES)
def one_drop_rate_for_all_blocks(d2l, original, dim, drop_prob, **source):
    return original(dim, 0.3, **source)


@around("d2l_*.models.mobilenet.MiniMobileNet.configure_optimizers", caught_by=MOMENTUM)
def no_momentum_in_a_mobilenet(d2l, original, self):
    return super(type(self), self).configure_optimizers()


# -- blocks ------------------------------------------------------------------------------------


@instead_of("d2l_*.nn.inception.Inception.forward", caught_by=passes("Inception"))
def branches_in_another_order(d2l, self, X):
    b1, b4 = d2l.relu(self.b1_1(X)), d2l.relu(self.b4_2(self.b4_1(X)))
    b2 = d2l.relu(self.b2_2(d2l.relu(self.b2_1(X))))
    b3 = d2l.relu(self.b3_2(d2l.relu(self.b3_1(X))))
    return d2l.concat((b1, b3, b2, b4), channel_axis(d2l))


@instead_of("d2l_*.nn.dense_block.DenseBlock.forward", caught_by=passes("DenseBlock"))
def the_newest_channels_first(d2l, self, X):
    for block in layers_of(d2l, self.net):
        X = d2l.concat((block(X), X), channel_axis(d2l))
    return X


@around("d2l_*.nn.dense_block.transition_block", caught_by=passes("transition_block"))
def maxima_for_means_in_a_transition(d2l, original, *args, **options):
    layers = layers_of(d2l, original(*args, **options))
    return sequential(d2l, [*layers[:-1], pooling(d2l, "MaxPool2d")(2, 2)])


@around("d2l_*.nn.squeeze_excitation.SE.forward", caught_by=passes("SE"))
def a_gate_beside_a_shortcut(d2l, original, self, X):
    return X + original(self, X)


@instead_of("d2l_*.nn.depthwise.DepthwiseSeparable.forward", caught_by=passes("DepthwiseSeparable"))
def no_relu_between_depth_and_points(d2l, self, X):
    X = self.bn1(self.depthwise(X))
    return d2l.relu(self.bn2(self.pointwise(X)))


@instead_of("d2l_*.nn.repvgg.RepVGGBlock.forward", caught_by=passes("RepVGGBlock"))
def a_relu_for_each_branch(d2l, self, X):
    return d2l.relu(self.bn3(self.conv3(X))) + d2l.relu(self.bn1(self.conv1(X)) + self.bn0(X))


@around("d2l_*.nn.repvgg.folded", caught_by=FUSED)
def a_variance_without_eps(d2l, original, kernel, norm):
    name = "epsilon" if d2l is BACKENDS["jax"] else "eps"
    right = getattr(norm, name)
    setattr(norm, name, 0)
    try:
        return original(kernel, norm)
    finally:
        setattr(norm, name, right)


@around("d2l_jax.nn.repvgg.padded", caught_by=FUSED)
def a_kernel_in_the_corner_in_jax(original, kernel):
    return jnp.roll(original(kernel), 1, axis=0)


@around("d2l_torch.nn.repvgg.padded", caught_by=FUSED)
def a_kernel_in_the_corner_in_torch(original, kernel):
    return original(kernel).roll(1, dims=2)


@instead_of("d2l_jax.nn.convnext_block.ConvNeXtBlock.forward", caught_by=passes("ConvNeXtBlock"))
def the_tanh_form_of_gelu_in_jax(self, X):
    Y = self.norm(self.dwconv(X))
    return X + self.drop_path(self.gamma[...] * self.pwconv2(nnx.gelu(self.pwconv1(Y))))


@around("d2l_torch.nn.convnext_block.ConvNeXtBlock.forward", caught_by=passes("ConvNeXtBlock"))
def no_shortcut_in_torch(original, self, X):
    return original(self, X) - X


@instead_of("d2l_jax.nn.dropout.DropPath.forward", caught_by=DROPPED)
def masks_of_entries_in_jax(self, X):
    return X if self.deterministic else dropout_layer(X, self.drop_prob, key=self.rngs())


@instead_of("d2l_torch.nn.dropout.DropPath.forward", caught_by=DROPPED)
def masks_of_channels_in_torch(self, X):
    return F.dropout2d(X, self.drop_prob, self.training)


@around("d2l_*.nn.dropout.DropPath.__init__", caught_by=DROPPED)
def the_probability_to_stay(d2l, original, self, drop_prob, *source):
    original(self, 1 - drop_prob, *source)
