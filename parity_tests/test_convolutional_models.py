"""The networks and blocks of chapters 7 and 8 are the same on both backends."""

import re

import jax
import numpy as np
import pytest
import torch
from flax import nnx
from jax import numpy as jnp

import d2l_jax
import d2l_torch
from d2l_jax.nn.dropout import DropPath as JaxDropPath
from d2l_torch.nn.dropout import DropPath as TorchDropPath
from parity_tests.support.backends import BACKENDS, precision
from parity_tests.support.convolutional import (
    ImageCase,
    as_nchw,
    assert_same_pass,
    to_nchw,
    to_nhwc,
)
from parity_tests.test_training import assert_same_run


def of(name, *args, **attributes):
    """Return the function that makes a model, or a block, of a subclass with `attributes`."""

    def make(d2l, **source):
        cls = getattr(d2l, name)
        return (type(name, (cls,), attributes) if attributes else cls)(*args, **source)

    return make


NARROW_GOOGLENET = (
    ((2, (2, 3), (1, 2), 2), (3, (2, 2), (2, 2), 1)),
    ((2, (2, 2), (1, 2), 2),),
    ((3, (2, 4), (2, 2), 2),),
)

# Each class in a small size; learning rates such that no run diverges, or amplifies rounding by the
# small deviations that batch normalization of four examples divides by.
MODELS = {
    "LeNet": ImageCase(of("LeNet", 0.5), shape=(1, 13, 12)),
    "BNLeNetScratch": ImageCase(of("BNLeNetScratch", 0.005), shape=(1, 17, 16)),
    "BNLeNet": ImageCase(of("BNLeNet", 0.005), shape=(2, 16, 17)),
    "ResNet": ImageCase(of("ResNet", ((1, 64), (2, 5)), 0.01), shape=(1, 17, 16)),
    "AnyNet": ImageCase(of("AnyNet", ((2, 4, 2, 1), (1, 6, 3, 0.5)), 4, 0.01), shape=(2, 16, 17)),
    "AlexNet": ImageCase(
        of("AlexNet", 0.02, channels=(3, 4, 5, 4, 3), num_hiddens=6), shape=(2, 67, 70), drops=True
    ),
    "VGG": ImageCase(of("VGG", ((1, 3), (2, 4)), 0.02, num_hiddens=6), shape=(1, 9, 8), drops=True),
    "NiN": ImageCase(of("NiN", 0.02, channels=(3, 4, 5)), shape=(1, 67, 67), drops=True),
    "GoogleNet": ImageCase(of("GoogleNet", 0.01, arch=NARROW_GOOGLENET), shape=(1, 33, 32)),
    "DenseNet": ImageCase(of("DenseNet", 6, 3, (2, 1), 0.01), shape=(1, 17, 16)),
    "MiniMobileNet": ImageCase(of("MiniMobileNet", ((6, 1), (8, 2)), 0.01), shape=(3, 9, 8)),
    "ConvNeXt": ImageCase(
        of("ConvNeXt", ((2, 4), (1, 6)), 0.002, 10, 0.5), shape=(1, 16, 17), drops=True
    ),
}
BLOCKS = {
    "Inception": ImageCase(of("Inception", 2, (2, 3), (1, 2), 3), shape=(3, 5, 6)),
    "DenseBlock": ImageCase(of("DenseBlock", 2, 3), shape=(2, 4, 5)),
    "transition_block": ImageCase(of("transition_block", 2), shape=(4, 5, 4)),
    "vgg_block": ImageCase(of("vgg_block", 2, 3), shape=(2, 5, 4)),
    "nin_block": ImageCase(of("nin_block", 3, (3, 2), 2, (1, 0)), shape=(2, 5, 6)),
    "SE": ImageCase(of("SE", 4, 2), shape=(4, 3, 2)),
    "Residual": ImageCase(of("Residual", 3), shape=(3, 5, 4)),
    "Residual with stride": ImageCase(of("Residual", 4, False, 2), shape=(3, 5, 6)),
    "ResNeXtBlock": ImageCase(of("ResNeXtBlock", 4, 2, 0.5), shape=(4, 5, 4)),
    "ResNeXtBlock with stride": ImageCase(of("ResNeXtBlock", 4, 2, 1, True, 2), shape=(3, 6, 5)),
    "DepthwiseSeparable": ImageCase(of("DepthwiseSeparable", 3, 4, 2), shape=(3, 5, 6)),
    "RepVGGBlock": ImageCase(of("RepVGGBlock", 3), shape=(3, 5, 4)),
    "ConvNeXtBlock": ImageCase(of("ConvNeXtBlock", 3), shape=(3, 8, 7)),
}
CASES = MODELS | BLOCKS


def check_pass(name):
    """Check outputs and gradients, in evaluation mode and, unless they are random, in training."""
    for train in (False, True)[: 1 if CASES[name].drops else 2]:
        assert_same_pass(CASES[name], train)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_passes_agree(name):
    check_pass(name)


def check_run(name, epochs=5):
    """Check a run with equal masks and minibatches, running statistics included."""
    comparison = MODELS[name].compare("float64", epochs)
    assert_same_run(comparison)
    assert len(comparison.torch.history.train_loss) == 4 * epochs


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_runs_agree(name):
    check_run(name)  # 20 steps


# -- shapes and numbers of parameters ----------------------------------------------------------

ROW = re.compile(r"\((\d[\d, ]*)\) +([\d,]+)$")


def check_summary(name, capsys):
    """Check the shape after each layer, and its number of parameters."""
    case, tables = MODELS[name], []
    for d2l in BACKENDS.values():
        X = np.empty((2, *case.shape))
        case.make_model(d2l).layer_summary((to_nhwc(X) if d2l is d2l_jax else X).shape)
        rows = [ROW.search(line) for line in capsys.readouterr().out.splitlines()[1:-1]]
        tables.append([(tuple(map(int, row[1].split(", "))), row[2]) for row in rows])
    ours, theirs = tables
    assert [(to_nchw(np.empty(shape)).shape, count) for shape, count in ours] == theirs
    assert theirs[-1][0] == (2, 10)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_layers_have_the_same_shapes(name, capsys):
    check_summary(name, capsys)


VGG11 = ((1, 64), (1, 128), (2, 256), (2, 512), (2, 512))
# The sizes, `(channels, h, w)` of an image, and the numbers of parameters: those that the papers'
# models have in their authors' or in torchvision's code, or that the book prints.
PUBLISHED = {
    "LeNet": (of("LeNet"), (1, 28, 28), 61_706),
    "ResNet-18": (of("ResNet18"), (1, 96, 96), 11_178_378),  # with biases, as in the book
    "RegNetX32": (of("RegNetX32"), (1, 96, 96), 115_642),
    "AlexNet": (of("AlexNet"), (1, 224, 224), 46_764_746),
    "VGG-11": (of("VGG", VGG11, 0.1, 1000), (3, 224, 224), 132_863_336),  # torchvision
    "NiN": (of("NiN"), (1, 224, 224), 1_992_166),
    "GoogLeNet": (of("GoogleNet", 0.1, 1000), (3, 96, 96), 6_998_552),  # Caffe's bvlc_googlenet
    "DenseNet": (of("DenseNet"), (1, 96, 96), 758_226),
    "MiniMobileNet": (of("MiniMobileNet"), (1, 96, 96), 542_474),  # the 2026 edition
    "ConvNeXt": (of("ConvNeXt"), (1, 96, 96), 3_376_450),  # the 2026 edition
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_full_size_has_the_published_number_of_parameters(name):
    """Nothing is allocated: the model is abstract in JAX, and on the meta device in PyTorch."""
    make, shape, count = PUBLISHED[name]

    def abstract():
        model = make(d2l_jax, rngs=nnx.Rngs(0))
        model.apply_init([jnp.zeros(to_nhwc(np.empty((1, *shape), "bool")).shape)])
        return model

    ours = nnx.eval_shape(abstract)
    assert sum(x.size for x in jax.tree.leaves(nnx.state(ours, nnx.Param))) == count
    with torch.device("meta"):
        theirs = make(d2l_torch)
        outputs = theirs(torch.zeros(1, *shape))
    assert sum(param.numel() for param in theirs.parameters()) == count
    assert outputs.shape[0] == 1 and outputs.ndim == 2


# -- fusing, drop path -------------------------------------------------------------------------


def check_fused():
    """Check the fused convolution against the block, on both backends, and with each other."""
    with precision("float64"):
        ours, theirs = BLOCKS["RepVGGBlock"].pair()
        X = as_nchw((3, 6, 5), 4)
        block = nnx.view(ours, use_running_average=True)
        expected = to_nchw(np.asarray(block(jnp.asarray(to_nhwc(X)))))
        result = to_nchw(np.asarray(nnx.relu(ours.fuse()(jnp.asarray(to_nhwc(X))))))
        # Sums of 30 products of order 1.
        np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-13)
        with torch.no_grad():
            fused = theirs.fuse()
            np.testing.assert_allclose(fused(torch.tensor(X)).relu(), expected, 1e-12, 1e-13)
        for name, x in d2l_jax.export_weights(ours.fuse()).items():
            np.testing.assert_allclose(fused.state_dict()[name], x, rtol=1e-13)


def test_fused_convolution_is_the_block():
    check_fused()


def test_fusing_leaves_block_and_random_numbers_alone():
    block = d2l_torch.RepVGGBlock(2)
    before, state = d2l_torch.export_weights(block), torch.random.get_rng_state()
    block.fuse()
    assert torch.equal(torch.random.get_rng_state(), state)
    after = d2l_torch.export_weights(block)
    assert all(np.array_equal(after[name], x) for name, x in before.items())


def check_drop_path(shape):
    """Check that whole examples are dropped in training mode, and the others scaled."""
    X = np.ones(shape, np.float32)
    theirs = TorchDropPath(0.25, torch.Generator().manual_seed(0))
    ours = JaxDropPath(0.25, nnx.Rngs(0))
    for Y in (np.asarray(ours(jnp.asarray(X))), theirs(torch.tensor(X)).numpy()):
        of_example = Y.reshape(len(X), -1)
        assert (of_example == of_example[:, :1]).all()
        np.testing.assert_allclose(np.unique(Y), [0, 1 / 0.75], rtol=1e-6)
        # Four standard deviations, each of sqrt(0.25 * 0.75 / 400).
        assert abs((of_example[:, 0] == 0).mean() - 0.25) < 0.09
    ours.eval()
    assert np.array_equal(ours(jnp.asarray(X)), X)
    assert np.array_equal(theirs.eval()(torch.tensor(X)), X)


@pytest.mark.parametrize("shape", [(400, 2, 3, 4), (400, 3), (400,)])
def test_drop_path_drops_examples(shape):
    check_drop_path(shape)


def test_drop_path_draws_from_its_own_source():
    X, state = torch.ones(50, 2), torch.random.get_rng_state()
    seeded = lambda: torch.Generator().manual_seed(3)  # noqa: E731
    theirs = TorchDropPath(0.5, seeded())(X)
    assert torch.equal(theirs, d2l_torch.drop_path(X, 0.5, generator=seeded()))
    assert torch.equal(torch.random.get_rng_state(), state)
    key = nnx.Rngs(3).dropout.fork()()
    ours = JaxDropPath(0.5, nnx.Rngs(3))(X.numpy())
    np.testing.assert_array_equal(ours, d2l_jax.drop_path(X.numpy(), 0.5, key=key))


def check_drop_rates(d2l):
    """Check that the rates of ConvNeXt's blocks grow from 0 to `drop_path_max`."""
    model = d2l.ConvNeXt(((2, 3), (2, 4)), drop_path_max=0.6)
    layers = model.net.layers if d2l is d2l_jax else model.net
    paths = [layer.drop_path for layer in layers if hasattr(layer, "drop_path")]
    np.testing.assert_allclose([path.drop_prob for path in paths], [0, 0.2, 0.4, 0.6], rtol=1e-15)


def test_drop_rates_grow(d2l):
    check_drop_rates(d2l)


def check_momentum(d2l):
    """Check that two equal steps of the optimizer differ by a momentum of 0.9."""
    model = d2l.MiniMobileNet(((4, 1),), lr=0.5, in_channels=1)
    optimizer = model.configure_optimizers()
    if d2l is d2l_jax:
        state = optimizer.init(jnp.zeros(()))
        first, state = optimizer.update(jnp.ones(()), state)
        second, _ = optimizer.update(jnp.ones(()), state)
    else:
        [group] = optimizer.param_groups
        first, second = -group["lr"], -group["lr"] * (1 + group["momentum"])
    np.testing.assert_allclose([float(first), float(second)], [-0.5, -0.95], rtol=1e-6)


def test_a_mobilenet_has_momentum(d2l):
    check_momentum(d2l)


# -- wrong arguments and inputs ----------------------------------------------------------------


def zeros(d2l, *shape):
    """Return images of zeros, `(n, channels, h, w)`."""
    X = np.zeros(shape, np.float32)
    return d2l.tensor(to_nhwc(X) if d2l is d2l_jax else X)


# What is tried, and the start of the sentence that both raise.
ERRORS = {
    "small for AlexNet": (
        lambda d2l: of("AlexNet", channels=(2, 2, 2, 2, 2), num_hiddens=2)(d2l)(
            zeros(d2l, 1, 1, 66, 70)
        ),
        "the padded images must be at least as large as the kernel, (3, 3), got (2, 3)",
    ),
    "small for VGG": (
        lambda d2l: of("VGG", ((1, 2), (1, 2)), num_hiddens=2)(d2l)(zeros(d2l, 1, 1, 3, 4)),
        "the padded images must be at least as large as the kernel, (2, 2), got (1, 2)",
    ),
    "small for NiN": (
        lambda d2l: of("NiN", channels=(2, 2, 2))(d2l)(zeros(d2l, 1, 1, 8, 8)),
        "the padded images must be at least as large as the kernel, (11, 11), got (8, 8)",
    ),
    "small for ConvNeXt": (
        lambda d2l: d2l.ConvNeXt(((1, 2), (1, 2)))(zeros(d2l, 1, 1, 4, 4)),
        "the padded images must be at least as large as the kernel, (2, 2), got (1, 1)",
    ),
    "channels of DenseNet": (
        lambda d2l: d2l.DenseNet(4, 2, (1,), in_channels=3)(zeros(d2l, 1, 1, 8, 8)),
        "X must have 3 channels, got 1",
    ),
    "channels of Inception": (
        lambda d2l: d2l.Inception(1, (1, 1), (1, 1), 1, in_channels=2)(zeros(d2l, 1, 3, 4, 4)),
        "X must have 2 channels, got 3",
    ),
    "channels of SE": (
        lambda d2l: d2l.SE(4)(zeros(d2l, 1, 3, 2, 2)),
        "X must have 4 channels, got 3",
    ),
    "vectors for SE": (
        lambda d2l: d2l.SE(4)(zeros(d2l, 1, 4)),
        "X must be a minibatch of images with four axes, got shape (1, 4)",
    ),
    "channels of a RepVGG block": (
        lambda d2l: d2l.RepVGGBlock(4)(zeros(d2l, 1, 3, 4, 4)),
        "X must have 4 channels, got 3",
    ),
    "channels of a depthwise block": (
        lambda d2l: d2l.DepthwiseSeparable(4, 2)(zeros(d2l, 1, 3, 4, 4)),
        "X must have 4 channels, got 3",
    ),
    "channels of a ConvNeXt block": (
        lambda d2l: d2l.ConvNeXtBlock(4)(zeros(d2l, 1, 3, 7, 7)),
        "X must have 4 channels, got 3",
    ),
    "arch as numbers": (
        lambda d2l: d2l.VGG((1, 64)),
        "arch must be a sequence of tuples (num_convs, out_channels), one a stage, got the stage 1",
    ),
    "arch without stages": (
        lambda d2l: d2l.VGG(()),
        "arch must be a sequence of tuples (num_convs, out_channels), one a stage, got ()",
    ),
    "arch of another network": (
        lambda d2l: d2l.MiniMobileNet(((64, 1, 1),)),
        "arch must be a sequence of tuples (out_channels, stride), one a stage, got the stage",
    ),
    "a fraction in arch": (
        lambda d2l: d2l.ConvNeXt(((1, 2.5),)),
        "num_channels in arch must be an integer, got 2.5",
    ),
    "no convolution in arch": (
        lambda d2l: d2l.VGG(((0, 8),)),
        "num_convs in arch must be at least 1, got 0",
    ),
    "pairs for DenseNet": (
        lambda d2l: d2l.DenseNet(arch=((1, 2),)),
        "each number in arch must be an integer, got (1, 2)",
    ),
    "one number for DenseNet": (
        lambda d2l: d2l.DenseNet(arch=4),
        "arch must be a sequence of positive integers, got 4",
    ),
    "an integer for a pair": (
        lambda d2l: d2l.Inception(1, 2, (1, 1), 1),
        "c2 must be a sequence of 2 positive integers, got 2",
    ),
    "a ratio above the channels": (
        lambda d2l: d2l.SE(3),
        "ratio must be at most num_channels, 3, got 4",
    ),
    "no convolutions": (
        lambda d2l: d2l.DenseBlock(0, 3),
        "num_convs must be at least 1, got 0",
    ),
    "a negative number of convolutions": (
        lambda d2l: d2l.vgg_block(-1, 3),
        "num_convs must be at least 1, got -1",
    ),
    "padding below 0": (
        lambda d2l: d2l.nin_block(3, 3, 1, -1),
        "padding must be at least 0, got -1",
    ),
    "no channels": (
        lambda d2l: d2l.transition_block(0),
        "out_channels must be at least 1, got 0",
    ),
    "a drop rate in percent": (
        lambda d2l: d2l.ConvNeXt(drop_path_max=10),
        "drop_path_max must be in [0, 1], got 10",
    ),
    "a drop probability below 0": (
        lambda d2l: d2l.ConvNeXtBlock(3, drop_prob=-0.1),
        "drop_prob must be finite and at least 0, got -0.1",
    ),
    "a negative learning rate": (
        lambda d2l: d2l.GoogleNet(lr=-1),
        "lr must be finite and at least 0, got -1",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_both_raise_the_same_sentence(name):
    attempt, expected = ERRORS[name]
    sentences = []
    for d2l in BACKENDS.values():
        with pytest.raises((TypeError, ValueError)) as error:
            attempt(d2l)
        sentences.append(str(error.value))
        assert sentences[-1].startswith(expected), sentences[-1]
    # Where a sentence ends in a shape, its order is that of each framework.
    assert sentences[0].partition(" (shape")[0] == sentences[1].partition(" (shape")[0]
