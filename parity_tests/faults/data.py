"""Faults in the data: pixels, the order of the examples, the minibatches."""

import importlib

import numpy as np

from d2l_common.data.resize import PRECISION_BITS, Pass
from parity_tests.faults.checks import PLAN, RESIZED, convention
from parity_tests.faults.planting import around


@around("d2l_*.data.images.to_floats", caught_by=convention("pixels"))
def pixels_of_256ths(d2l, original, X, y):
    pixels, y = original(X, y)
    return pixels * (255 / 256), y


@around("d2l_*.data.resize.resize_images", caught_by=RESIZED)
def passes_in_the_other_order(d2l, original, images, passes):
    return original(images, passes[::-1])


@around("d2l_*.data.resize.resize_images", caught_by=RESIZED)
def pixels_rounded_down(d2l, original, images, passes):
    module = importlib.import_module(f"{d2l.__name__}.data.resize")
    half, module.HALF = module.HALF, 0
    try:
        return original(images, passes)
    finally:
        module.HALF = half


@around("d2l_common.data.resize._make_pass", caught_by=RESIZED)
def no_antialiasing(original, axis, n, size):
    if size >= n:
        return original(axis, n, size)
    nearest = ((np.arange(size) + 0.5) * n / size).astype(np.int32)
    return Pass(axis, nearest[None], np.full((1, size), 1 << PRECISION_BITS, np.int32))


@around("d2l_common.data.plan.BatchPlan.split", caught_by=PLAN)
def a_dropped_last_minibatch(original, self, order):
    return (batch for batch in original(self, order) if len(batch) == self.batch_size)


@around("d2l_common.data.plan.BatchPlan.order", caught_by=PLAN)
def minibatches_shuffled_not_examples(original, self, epoch):
    if not self.shuffle:
        return original(self, epoch)
    batches = np.array_split(np.arange(self.num_examples), len(self))
    order = np.random.default_rng((self.seed, epoch)).permutation(len(self))
    return np.concatenate([batches[i] for i in order])


@around("d2l_common.data.plan.BatchPlan.order", caught_by=PLAN)
def the_same_order_in_every_epoch(original, self, epoch):
    return original(self, 0)


@around("d2l_common.data.plan.BatchPlan.order", caught_by=convention("epochs"))
def an_epoch_counted_twice(original, self, epoch):
    return original(self, 2 * epoch)
