"""Faults in the data: pixels, the order of the examples, the minibatches."""

import numpy as np

from parity_tests.faults.checks import PLAN, convention
from parity_tests.faults.planting import around


@around("d2l_*.data.images.to_floats", caught_by=convention("pixels"))
def pixels_of_256ths(d2l, original, X, y):
    pixels, y = original(X, y)
    return pixels * (255 / 256), y


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
