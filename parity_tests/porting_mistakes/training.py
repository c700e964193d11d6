"""Mistakes in losses and optimizers."""

import jax
import numpy as np
import optax
import torch
from flax import nnx
from jax import numpy as jnp
from torch import nn
from torch.nn import functional as F

from parity_tests.porting_mistakes.entry import SEVERAL_STEPS, VECTORS, Mistake

SOME_IGNORED = [(X, np.where(y == 1, -100, y)) for X, y in VECTORS]


class LossSum(Mistake):
    """
    The sum of the losses in the place of their mean.

    PyTorch's losses return the mean by default, Optax's one number for each example.
    """

    def original_loss(logits, y):
        return F.cross_entropy(logits, y.long())

    def mistaken_loss(logits, y):
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).sum()

    def mended_loss(logits, y):
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


class IgnoredLabels(Mistake):
    """
    Ignored labels that count in the mean.

    `F.cross_entropy` leaves out examples with the label -100 and divides by the number of the
    others. Optax takes a negative label for one counted from the end, or returns NaN.
    """

    data = SOME_IGNORED

    def original_loss(logits, y):
        return F.cross_entropy(logits, y.long(), ignore_index=-100)

    def mistaken_loss(logits, y):
        l = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.maximum(y, 0))
        return (l * (y != -100)).mean()

    def mended_loss(logits, y):
        l = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.maximum(y, 0))
        return (l * (y != -100)).sum() / (y != -100).sum()


class LabelSmoothing(Mistake):
    """
    Labels smoothed over the other classes alone.

    PyTorch spreads the share over all classes, the right one included, and so does
    `optax.smooth_labels`.
    """

    def original_loss(logits, y):
        return F.cross_entropy(logits, y.long(), label_smoothing=0.1)

    def mistaken_loss(logits, y):
        one_hot = jax.nn.one_hot(y, 3)
        labels = 0.9 * one_hot + 0.1 / 2 * (1 - one_hot)
        return optax.softmax_cross_entropy(logits, labels).mean()

    def mended_loss(logits, y):
        labels = optax.smooth_labels(jax.nn.one_hot(y, 3), 0.1)
        return optax.softmax_cross_entropy(logits, labels).mean()


class DefaultDecay(Mistake):
    """
    The default weight decay of AdamW.

    It is 1e-2 in PyTorch and 1e-4 in Optax.
    """

    def original_optimizer(params):
        return torch.optim.AdamW(params, lr=0.01)

    def mistaken_optimizer():
        return optax.adamw(0.01)

    def mended_optimizer():
        return optax.adamw(0.01, weight_decay=1e-2)


class NoNesterov(Mistake):
    """
    Momentum without Nesterov's step.

    `optax.sgd` takes the same arguments as `torch.optim.SGD`; both leave out Nesterov's step unless
    it is asked for.
    """

    data = SEVERAL_STEPS

    def original_optimizer(params):
        return torch.optim.SGD(params, lr=0.1, momentum=0.9, nesterov=True)

    def mistaken_optimizer():
        return optax.sgd(0.1, momentum=0.9)

    def mended_optimizer():
        return optax.sgd(0.1, momentum=0.9, nesterov=True)


class LateDecay(Mistake):
    """
    Weight decay behind the momentum.

    PyTorch's SGD adds the decay to the gradient, before momentum and learning rate. An Optax chain
    applies its parts in their order.
    """

    data = SEVERAL_STEPS

    def original_optimizer(params):
        return torch.optim.SGD(params, lr=0.1, momentum=0.9, weight_decay=0.01)

    def mistaken_optimizer():
        momentum = optax.trace(0.9)
        decay = optax.add_decayed_weights(0.01)
        return optax.chain(momentum, decay, optax.scale(-0.1))

    def mended_optimizer():
        return optax.chain(optax.add_decayed_weights(0.01), optax.sgd(0.1, momentum=0.9))


class ScheduleOffByOne(Mistake):
    """
    A learning rate that is one step late.

    An Optax schedule counts from 0, and so does `LambdaLR`; many warm-ups add 1, so that the first
    step has a rate above 0.
    """

    data = SEVERAL_STEPS

    def original_optimizer(params):
        optimizer = torch.optim.SGD(params, lr=0.1)
        warmup = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (step + 1) / 10)
        optimizer.register_step_post_hook(lambda *_: warmup.step())
        return optimizer

    def mistaken_optimizer():
        return optax.sgd(lambda step: 0.1 * step / 10)

    def mended_optimizer():
        return optax.sgd(lambda step: 0.1 * (step + 1) / 10)


class ClippedByValue(Mistake):
    """
    Gradients clipped by value in the place of their norm.

    `optax.clip` clips each number, `optax.clip_by_global_norm` the norm of all gradients together.
    `clip_grad_norm_` adds 1e-6 to the norm, which matters in float64 alone.
    """

    def original_optimizer(params):
        params = list(params)
        optimizer = torch.optim.SGD(params, lr=0.1)

        def clip(*_):
            torch.nn.utils.clip_grad_norm_(params, 0.1)

        optimizer.register_step_pre_hook(clip)
        return optimizer

    def mistaken_optimizer():
        return optax.chain(optax.clip(0.1), optax.sgd(0.1))

    def mended_optimizer():
        def clip(gradients, params=None):
            norm = jnp.sqrt(sum(jnp.sum(x**2) for x in jax.tree.leaves(gradients)))
            factor = jnp.minimum(1, 0.1 / (norm + 1e-6))
            return jax.tree.map(lambda x: x * factor, gradients)

        return optax.chain(optax.stateless(clip), optax.sgd(0.1))


class FrozenLayer(Mistake):
    """
    A layer that is frozen in PyTorch alone.

    PyTorch freezes by `requires_grad`. In JAX, stop the gradient, or mask the optimizer: a
    parameter whose gradient is 0 still gets the weight decay of AdamW.
    """

    def original():
        model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
        model[0].requires_grad_(False)
        return model

    class Mistaken(nnx.Module):
        def __init__(self, rngs):
            self.fc1, self.fc2 = nnx.Linear(8, 8, rngs=rngs), nnx.Linear(8, 3, rngs=rngs)

        def __call__(self, X):
            return self.fc2(nnx.relu(self.fc1(X)))

    class Mended(Mistaken):
        def __call__(self, X):
            return self.fc2(jax.lax.stop_gradient(nnx.relu(self.fc1(X))))
