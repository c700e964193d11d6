"""An outside witness: the residual networks of torchvision, where it is installed."""

import numpy as np
import pytest
import torch
from torch import nn

from d2l_parity import RUNS
from parity_tests.support.backends import BACKENDS, precision

try:
    from torchvision.models import resnet18
    from torchvision.models.resnet import BasicBlock
except (ImportError, RuntimeError) as error:  # the latter from a build for another PyTorch
    pytest.skip(f"torchvision cannot be imported: {error}", allow_module_level=True)

BOUND = RUNS["float64"].weights


def as_original(module, shape=(3, 8, 8)):
    """Return a network of torchvision in float64, with running averages and shifts not trivial."""
    torch.manual_seed(0)
    module = module.double().train()
    for name, param in module.named_parameters():
        if "bn" in name or "downsample.1" in name:
            nn.init.uniform_(param, 0.5, 1.5)
    for _ in range(3):
        module(torch.rand(4, *shape, dtype=torch.float64))
    return module


def with_convolutions_as_shortcuts(network):
    """Replace the shortcuts of BasicBlocks, with batch normalization, by the book's: without."""
    for block in network.modules():
        if isinstance(block, BasicBlock) and block.downsample is not None:
            block.downsample = folded(*block.downsample)
    return network


def folded(conv, norm):
    """Return a convolution that computes what `norm(conv(X))` does in evaluation mode."""
    result = nn.Conv2d(conv.in_channels, conv.out_channels, 1, conv.stride)
    factor = norm.weight / (norm.running_var + norm.eps).sqrt()
    result.weight = nn.Parameter((conv.weight * factor[:, None, None, None]).detach())
    result.bias = nn.Parameter((norm.bias - norm.running_mean * factor).detach())
    return result


def in_the_books_names(network, model, d2l):
    """Return the weights of torchvision's network by the names of `model`; other biases are 0."""
    weights = {name: np.zeros_like(x) for name, x in d2l.export_weights(model).items()}
    for name, x in network.state_dict().items():
        if "num_batches" not in name:
            name = name.replace("downsample", "conv3")
            name = name_in_network(name) if hasattr(model, "net") else name
            assert weights[name].shape == tuple(x.shape)
            weights[name] = x.detach().numpy().copy()
    return weights


def name_in_network(name):
    """Return the book's name for a weight of torchvision's resnet18."""
    part, _, rest = name.partition(".")
    outside_stages = {"conv1": "net.0.0", "bn1": "net.0.1", "fc": "net.5.1"}
    return f"{outside_stages.get(part) or part.replace('layer', 'net.')}.{rest}"


def images_of(d2l, X):
    """Return images `(n, channels, h, w)` in the layout of a backend."""
    return d2l.tensor(X if d2l is BACKENDS["torch"] else np.moveaxis(X, 1, -1).copy())


def outputs_of(d2l, model, X):
    """Return the outputs for images, channels first."""
    Y = d2l.numpy(model(images_of(d2l, X)))
    return np.moveaxis(Y, -1, 1) if Y.ndim == 4 and d2l is BACKENDS["jax"] else Y


@pytest.mark.parametrize(("channels", "stride"), [(4, 1), (8, 2), (8, 1)])
def test_a_residual_block_is_a_basic_block(d2l, channels, stride):
    down = channels != 4 or stride != 1
    shortcut = nn.Sequential(
        nn.Conv2d(4, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
    )
    theirs = as_original(BasicBlock(4, channels, stride, shortcut if down else None), (4, 6, 6))
    with precision("float64"):
        ours = d2l.Residual(channels, down, stride, in_channels=4)
        X = np.random.default_rng(0).standard_normal((2, 4, 6, 7))
        theirs.eval()
        expected = theirs(torch.tensor(X)).detach().numpy()  # with the norm of the shortcut
        if down:
            theirs.downsample = folded(*theirs.downsample)
        d2l.import_weights(ours, in_the_books_names(theirs, ours, d2l))
        ours.eval()
        np.testing.assert_allclose(outputs_of(d2l, ours, X), expected, rtol=0, atol=1e-12)
        ours.train(), theirs.train()
        expected = theirs(torch.tensor(X)).detach().numpy()
        np.testing.assert_allclose(outputs_of(d2l, ours, X), expected, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_resnet18_is_that_of_torchvision(d2l):
    """Logits in evaluation mode; weights and running averages after one step of SGD."""
    theirs = as_original(resnet18(num_classes=10), (3, 32, 32))
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((4, 3, 32, 32)), np.array([3, 1, 4, 1])
    with precision("float64"):
        ours = d2l.ResNet18(lr=0.1, in_channels=3)
        expected = theirs.eval()(torch.tensor(X)).detach().numpy()
        with_convolutions_as_shortcuts(theirs)
        d2l.import_weights(ours, in_the_books_names(theirs, ours, d2l))
        ours.eval()
        np.testing.assert_allclose(outputs_of(d2l, ours, X), expected, rtol=1e-10, atol=1e-10)
        fit_one_minibatch(d2l, ours, X, y)
        theirs.train()
        nn.functional.cross_entropy(theirs(torch.tensor(X)), torch.tensor(y)).backward()
        torch.optim.SGD(theirs.parameters(), lr=0.1).step()
        after = in_the_books_names(theirs, ours, d2l)
        for name, x in d2l.export_weights(ours).items():
            # A bias before batch normalization has the gradient 0, which is rounded.
            scale = np.linalg.norm(after[name]) or 1e-2
            assert np.linalg.norm(x - after[name]) <= BOUND * scale, name


def fit_one_minibatch(d2l, model, X, y):
    arrays = images_of(d2l, X), d2l.tensor(y)
    loader = lambda self, train: self.get_tensorloader(arrays, train)  # noqa: E731
    data = type("Images", (d2l.DataModule,), {"get_dataloader": loader, "batch_size": 4})()
    d2l.Trainer(max_epochs=1).fit(model, data)
