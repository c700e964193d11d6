"""Faults in what refuses bad input: a check that is missing, too lenient, or lost on the way."""

import jax
import numpy as np
import torch
from jax import numpy as jnp

from parity_tests.faults.checks import bad_input, loss_explained
from parity_tests.faults.planting import around, instead_of

CHECKS = "d2l_common.checks."


@instead_of(
    CHECKS + "tensors.check_same_shape", caught_by=bad_input("d.squared_loss(o(4), o(4, 1))")
)
def shapes_that_broadcast(*args):
    pass


@around(CHECKS + "tensors.check_same_shape", caught_by=bad_input("d.squared_loss(o(3), o(1))"))
def axes_of_length_1_that_broadcast(original, one, other, *names):
    if len(one) != len(other):
        original(one, other, *names)


@instead_of(CHECKS + "tensors.check_weights", caught_by=bad_input("d.linreg(o(2, 2), o(2), o(2))"))
def a_bias_for_each_example(w, b):
    pass


@instead_of(CHECKS + "tensors.check_same_shapes", caught_by=bad_input("d.sgd(o(2, 1), o(2), 0.1)"))
def gradients_of_other_shapes(*args):
    pass


@instead_of(CHECKS + "tensors.check_single", caught_by=bad_input("d.prelu(M, o(3))"))
def a_slope_for_each_column(name, value):
    pass


@instead_of(CHECKS + "numbers.check_fits", caught_by=bad_input("t(np.array([300]), dtype=i8)"))
def integers_that_wrap(name, values, dtype):
    pass


@instead_of(CHECKS + "numbers.check_kind", caught_by=bad_input("d.index_update(N, 0, 1.5)"))
def floats_cut_to_integers(name, values, x):
    pass


@instead_of(
    CHECKS + "numbers.check_float_dtype", caught_by=bad_input("d.linspace(-1, 1, 4, dtype=d.int32)")
)
def integers_for_floats(dtype):
    pass


@instead_of(CHECKS + "numbers.numbers_of", caught_by=bad_input("d.sinh(np.ma.masked_less(X, 1))"))
def a_mask_that_is_dropped(x, name="x"):
    return np.asarray(x)


@instead_of(
    CHECKS + "tensors.check_scalar_output",
    caught_by=bad_input("d.grad(lambda x: d.argmax(x))(o(2))"),
)
def integers_with_a_gradient(value, is_floating):
    pass


SCORES = "d.SoftmaxRegression(3, 0.1, num_inputs=2)"
SCORES += ".accuracy(o(2, 3, 4), t([[0, 1], [0, 0], [0, 0]]))"


@instead_of(CHECKS + "classification.check_label_axes", caught_by=bad_input(SCORES))
def labels_matched_in_any_order(scores, labels):
    pass


@instead_of(
    CHECKS + "fits.check_hyperparameters",
    caught_by=bad_input("fit(d, changed(d.WeightDecay(1, 0.1, num_inputs=2), wd=-500.0), reg(d))"),
)
def hyperparameters_checked_once(model):
    pass


OWN_STEP = "fit(d, soft(d, training_step=lambda s, b: s.loss(s(b[0]), b[1])), "
OWN_STEP += "data(d, X, [0, 7, 2, 0]))"


@instead_of("d2l_jax.training.trainer.Trainer.recheck", caught_by=bad_input(OWN_STEP))
def labels_never_read_under_a_readers_step(self, train):
    pass


@instead_of("d2l_jax.conversion.host_array", caught_by=bad_input("d.tanh(np.array([None]))"))
def anything_for_an_array_in_jax(x, name="x"):
    return np.zeros_like(x, np.float32)


@instead_of("d2l_torch.conversion.host_array", caught_by=bad_input("d.tanh(np.array([None]))"))
def anything_for_an_array_in_torch(x, name="x"):
    return np.zeros_like(x, np.float32)


@around("d2l_jax.tensors.as_tensor", caught_by=bad_input("d.matmul('a', M)"))
def text_as_zeros_in_jax(original, x, name="x"):
    return jnp.zeros((2, 2)) if isinstance(x, str) else original(x, name)


@around("d2l_torch.tensors.as_tensor", caught_by=bad_input("d.matmul('a', M)"))
def text_as_zeros_in_torch(original, x, name="x"):
    return torch.zeros(2, 2) if isinstance(x, str) else original(x, name)


# -- losses that are not finite ------------------------------------------------------------------


NONFINITE = "d2l_common.training.nonfinite."


@instead_of(NONFINITE + "first_in_data", caught_by=loss_explained("the_training_data"))
def data_never_looked_at(loader):
    return None


@around(NONFINITE + "describe_place", caught_by=loss_explained("the_training_data"))
def a_column_for_a_row(original, name, array):
    return original(name, array.T)


@around(NONFINITE + "first_nonfinite", caught_by=loss_explained("weights"))
def infinities_that_are_finite(original, arrays):
    return None


@around(NONFINITE + "report_weights", caught_by=loss_explained("the_last_update"))
def a_last_update_without_a_word(original, trainer):
    pass


@around("d2l_jax.training.steps.CompiledSteps.drop_epoch", caught_by=loss_explained("labels"))
def weights_of_a_bad_label_are_kept(original, self):
    self._state = jax.tree.map(lambda x: x * jnp.nan if x.dtype.kind == "f" else x, self._state)
