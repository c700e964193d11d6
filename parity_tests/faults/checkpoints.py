"""Faults in what a run that the other backend began takes over from it."""

import numpy as np

from parity_tests import test_checkpoints
from parity_tests.faults.checks import check_of
from parity_tests.faults.planting import around


def resumed(writer, optimizer):
    """Return the check of a run that `writer` began and the other backend ends."""
    return check_of(test_checkpoints, "check_resumed", writer, optimizer, folder=True)


@around("d2l_jax.training.optimizer_state.to_jax", caught_by=resumed("torch", "adam"))
def a_second_moment_that_begins_at_zero(original, layers, node, arrays):
    cleared = {k: 0 * x if k.endswith("exp_avg_sq") else x for k, x in arrays.items()}
    return original(layers, node, cleared)


@around("d2l_jax.training.optimizer_state.to_jax", caught_by=resumed("torch", "adamw"))
def a_count_of_steps_that_begins_again(original, layers, node, arrays):
    first = {k: np.ones_like(x) if k.endswith(".step") else x for k, x in arrays.items()}
    return original(layers, node, first)


@around(
    "d2l_torch.training.optimizer_state.restore_optimizer", caught_by=resumed("jax", "momentum")
)
def a_momentum_left_behind(original, model, optimizer, taken, is_own):
    pass


@around("d2l_torch.training.optimizer_state.restore_average", caught_by=resumed("jax", "sgd"))
def an_average_that_begins_with_the_weights_in_torch(original, model, optimizer, taken):
    return original(model, optimizer, taken._replace(optimizer={}))


@around("d2l_jax.training.optimizer_state.restore_average", caught_by=resumed("torch", "sgd"))
def an_average_that_begins_with_the_weights_in_jax(original, model, optimizer, taken):
    return original(model, optimizer, taken._replace(optimizer={}))


@around(
    "d2l_common.training.fit_checkpoints.FitCheckpoints.resume", caught_by=resumed("jax", "sgd")
)
def an_order_of_examples_that_begins_again(original, self, recorder):
    epochs = original(self, recorder)
    self._data._epoch = 0
    return epochs
