"""Small networks and blocks on images, alike for both backends, with weights for all layers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import torch
from flax import nnx
from jax import numpy as jnp

import d2l_jax
import d2l_torch
from d2l_parity.dropout_masks import NOTHING_DROPPED
from parity_tests.support.backends import precision
from parity_tests.support.cases import Case

NUM_CLASSES = 10


def spread_weights(shapes, seed):
    """
    Draw numbers for parameters and state such that each of them counts.

    Kernels have variance `2 / num_inputs`, factors and running variances are around 1, and biases
    and running means around 0; an initial layer scale of 1e-6 would hide a block's branch.
    """
    rng, weights = np.random.default_rng(seed), {}
    for name, shape in sorted(shapes.items()):
        local = name.rpartition(".")[2]
        if len(shape) > 1:
            scale = np.sqrt(2 / np.prod(shape[1:]))
            weights[name] = scale * rng.standard_normal(shape)
        elif local in ("weight", "gamma", "running_var", "moving_var"):
            weights[name] = rng.uniform(0.5, 1.5, shape)
        else:
            weights[name] = 0.1 * rng.standard_normal(shape)
    return weights


@dataclass(frozen=True)
class ImageCase(Case):
    """
    A case on random images, of `spread_weights`.

    `shape` is that of an image, `(channels, h, w)`. A block's outputs are images, and it has no
    loss; `drops` says that a pass in training mode is random.
    """

    make_data: Callable[[Any, int], Any] = None
    shape: tuple[int, int, int] = (1, 8, 8)
    drops: bool = False

    def __post_init__(self):
        object.__setattr__(self, "make_data", lambda d2l, seed: images(d2l, self.shape, seed))

    def initial_weights(self, shapes, seed):
        return spread_weights(shapes, seed)

    def mask_plan(self, sides, data, weights):
        return super().mask_plan(sides, data, weights) if self.drops else NOTHING_DROPPED

    def pair(self):
        """Return the JAX and the PyTorch model with their layers' shapes and equal weights."""
        X = as_nchw(self.shape, 2)
        ours, theirs = self.make_model(d2l_jax), self.make_model(d2l_torch)
        theirs(torch.tensor(X))
        weights = d2l_torch.export_weights(theirs)
        weights = spread_weights({name: x.shape for name, x in weights.items()}, seed=0)
        d2l_torch.import_weights(theirs, weights)
        d2l_jax.import_weights(ours, weights)
        return ours, theirs


def as_nchw(shape, n, seed=0):
    """Return `n` random images `(n, channels, h, w)`."""
    return np.random.default_rng(seed).standard_normal((n, *shape))


def to_nhwc(X):
    """Return images `(n, channels, h, w)` with their channels last; leave vectors as they are."""
    return X.transpose(0, 2, 3, 1) if X.ndim == 4 else X


def to_nchw(X):
    """Return images `(n, h, w, channels)` with their channels first; leave vectors as they are."""
    return X.transpose(0, 3, 1, 2) if X.ndim == 4 else X


def images(d2l, shape, seed, num_train=15, num_val=4, batch_size=4):
    """Return a data module of random images and labels; the last minibatch is smaller."""

    class Images(d2l.DataModule):
        def __init__(self):
            super().__init__()
            self.batch_size, self.seed = batch_size, seed

        def get_dataloader(self, train):
            n = num_train if train else num_val
            X = as_nchw(shape, n, seed=[seed, train])
            y = np.random.default_rng(seed).integers(0, NUM_CLASSES, n)
            X = to_nhwc(X) if d2l is d2l_jax else X
            return self.get_tensorloader((X, y), train)

    return Images()


def backward_jax(model, X, G, train):
    """Return the outputs, and the gradients of `sum(outputs * G)`: of the images, and by name."""
    view = nnx.view(model, raise_if_not_found=False, deterministic=not train)
    view = nnx.view(view, raise_if_not_found=False, use_running_average=not train)
    graphdef, params, rest = nnx.split(view, nnx.Param, ...)

    @jax.jit
    def run(params, rest, X):
        def loss(params, X):
            Y = nnx.merge(graphdef, params, rest, copy=True)(X)
            return (Y * jnp.asarray(to_nhwc(G))).sum(), Y

        (_, Y), grads = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)(params, X)
        return Y, *grads

    Y, grads, grad_X = run(params, rest, jnp.asarray(to_nhwc(X)))
    copy = nnx.clone(model)
    nnx.update(copy, grads)
    return to_nchw(np.asarray(Y)), to_nchw(np.asarray(grad_X)), d2l_jax.export_weights(copy, False)


def backward_torch(model, X, G, train):
    """Return the same as `backward_jax`."""
    X = torch.tensor(X, requires_grad=True)
    Y = model.train(train)(X)
    (Y * torch.tensor(G)).sum().backward()
    grads = {name: param.grad.numpy() for name, param in model.named_parameters()}
    return Y.detach().numpy(), X.grad.numpy(), grads


def assert_same_pass(case, train):
    """
    Raise unless both backends have the same outputs and gradients in float64.

    Sums of some thousand products, through some ten layers, round to about 1e-13 of their size; a
    bias before a normalization has a gradient of 0, so that rounding is all there is to it.
    """
    with precision("float64"):
        ours, theirs = case.pair()
        X = as_nchw(case.shape, 3, seed=1)
        with torch.no_grad():
            shape = theirs.eval()(torch.tensor(X)).shape
        G = as_nchw(shape[1:], 3, seed=2)
        assert_close(backward_jax(ours, X, G, train), backward_torch(theirs, X, G, train))
        assert_weights_return(ours, theirs)


def assert_close(ours, theirs):
    """Raise unless outputs, gradients of images and gradients by name are equal."""
    assert ours[2].keys() == theirs[2].keys()
    pairs = [*zip(ours[:2], theirs[:2], strict=True)]
    pairs += [(ours[2][name], grad) for name, grad in theirs[2].items()]
    largest = max(np.linalg.norm(grad) for grad in theirs[2].values())
    assert largest > 1e-3
    for mine, other in pairs:
        assert mine.shape == other.shape and mine.dtype == other.dtype == np.float64
        gap = np.linalg.norm(mine - other)
        assert gap <= 1e-11 * np.linalg.norm(other) + 1e-13 * largest


def assert_weights_return(ours, theirs):
    """Raise unless the weights of JAX come back from PyTorch as they were."""
    mine = d2l_jax.export_weights(ours)
    d2l_torch.import_weights(theirs, mine)
    returned = d2l_torch.export_weights(theirs)
    assert returned.keys() == mine.keys()
    assert all(np.array_equal(returned[name], mine[name]) for name in mine)
