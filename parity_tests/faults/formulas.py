"""Faults in the book's formulas: losses, activations, probability, backpropagation."""

import math

import jax
import torch
from jax import numpy as jnp

from parity_tests.faults.checks import CONFUSION, LABEL_SHIFT, gradient, value
from parity_tests.faults.planting import around, instead_of

# -- softmax and losses ------------------------------------------------------------------------


@instead_of("d2l_jax.functional.softmax", caught_by=value("softmax"))
def softmax_over_the_wrong_axis_in_jax(X):
    return jax.nn.softmax(X, axis=0)


@instead_of("d2l_torch.functional.softmax", caught_by=value("softmax"))
def softmax_over_the_wrong_axis_in_torch(X):
    return torch.softmax(X, dim=0)


@instead_of("d2l_*.functional.softmax", caught_by=value("softmax"))
def no_largest_logit_subtracted(d2l, X):
    return d2l.exp(X) / d2l.reduce_sum(d2l.exp(X), -1, keepdims=True)


@instead_of(
    "d2l_*.functional.softmax_cross_entropy", caught_by=value("softmax_cross_entropy of each")
)
def the_log_of_a_softmax(d2l, logits, y, averaged=True):
    return d2l.cross_entropy(d2l.softmax(logits), y, averaged)


@around("d2l_*.functional.softmax_cross_entropy", caught_by=value("softmax_cross_entropy of each"))
def a_label_off_by_one(d2l, original, logits, y, averaged=True):
    return original(logits, (y + 1) % logits.shape[1], averaged)


@around("d2l_*.functional.softmax_cross_entropy", caught_by=value("softmax_cross_entropy"))
def a_sum_for_a_mean(d2l, original, logits, y, averaged=True):
    losses = original(logits, y, averaged=False)
    return losses.sum() if averaged else losses


@around("d2l_*.functional.cross_entropy", caught_by=gradient("cross_entropy"))
def a_sum_for_a_mean_of_probabilities(d2l, original, y_hat, y, averaged=True):
    losses = original(y_hat, y, averaged=False)
    return losses.sum() if averaged else losses


@around("d2l_*.functional.cross_entropy", caught_by=value("cross_entropy of each"))
def a_small_number_in_the_log(d2l, original, y_hat, y, averaged=True):
    return original(y_hat + 1e-7, y, averaged)


@instead_of("d2l_*.functional.squared_loss", caught_by=value("squared_loss"))
def a_lost_half(d2l, y_hat, y):
    return (y_hat - y) ** 2


@instead_of("d2l_*.models.weight_decay.l2_penalty", caught_by=value("l2_penalty"))
def a_penalty_without_its_half(d2l, w):
    return (w**2).sum()


@around("d2l_*.functional.accuracy", caught_by=value("accuracy"))
def accuracy_of_the_smallest_logit(d2l, original, y_hat, y, averaged=True):
    return original(-y_hat, y, averaged)


# -- layers and steps --------------------------------------------------------------------------


@instead_of("d2l_jax.functional.relu", caught_by=gradient("relu"))
def half_a_gradient_of_relu_at_0_in_jax(X):
    return jnp.maximum(X, 0)


@instead_of("d2l_torch.functional.relu", caught_by=gradient("relu"))
def half_a_gradient_of_relu_at_0_in_torch(X):
    return torch.maximum(X, torch.zeros_like(X))


@instead_of("d2l_jax.functional.prelu", caught_by=gradient("prelu"))
def a_gradient_of_prelu_of_1_at_0_in_jax(X, alpha):
    return jnp.where(X >= 0, X, alpha * X)


@instead_of("d2l_torch.functional.prelu", caught_by=gradient("prelu"))
def a_gradient_of_prelu_of_1_at_0_in_torch(X, alpha):
    return torch.where(X >= 0, X, alpha * X)


@instead_of("d2l_*.functional.linreg", caught_by=value("linreg"))
def a_forgotten_bias(d2l, X, w, b):
    return d2l.matmul(X, w)


@around("d2l_*.functional.sgd", caught_by=value("sgd"))
def a_step_of_twice_the_rate(d2l, original, params, grads, lr):
    return original(params, grads, 2 * lr)


@around("d2l_*.nn.dropout.dropout_layer", caught_by=value("dropout_layer of 0.3"))
def dropout_scaled_by_p(d2l, original, X, dropout, *args, **kwargs):
    return original(X, dropout, *args, **kwargs) * (1 - dropout) / dropout


@around("d2l_*.nn.dropout.dropout_layer", caught_by=value("dropout_layer of 0.3"))
def dropout_not_scaled(d2l, original, X, dropout, *args, **kwargs):
    return original(X, dropout, *args, **kwargs) * (1 - dropout)


# -- probability -------------------------------------------------------------------------------


@around("d2l_*.math.probability.entropy", caught_by=value("entropy"))
def entropy_in_bits(d2l, original, p):
    return original(p) / math.log(2)


@around("d2l_*.math.probability.kl_divergence", caught_by=value("kl_divergence"))
def a_divergence_the_wrong_way(d2l, original, p, q):
    return original(q, p)


@around("d2l_*.math.probability.normal_density", caught_by=value("normal_density"))
def the_variance_for_the_deviation(d2l, original, x, mean, std):
    return original(x, mean, std) * std / std**2


@around("d2l_*.math.probability.confusion_matrix", caught_by=CONFUSION)
def a_confusion_matrix_transposed(d2l, original, predictions, y, num_classes):
    return original(y, predictions, num_classes)


@around("d2l_*.math.probability.label_shift_weights", caught_by=LABEL_SHIFT)
def a_system_transposed(d2l, original, confusion, predictions):
    return original(confusion.T, predictions)


# -- backpropagation by hand -------------------------------------------------------------------


@instead_of("d2l_*.math.backprop.backpropagation", caught_by=value("backpropagation"))
def no_relu_on_the_way_back(d2l, params, X, y, intermediates, lambd=0):
    dO = (intermediates["O"] - y) / len(X)
    dZ = d2l.matmul(dO, params["W2"].T)
    return {
        "W1": d2l.matmul(X.T, dZ) + lambd * params["W1"],
        "W2": d2l.matmul(intermediates["H"].T, dO) + lambd * params["W2"],
    }


@around("d2l_*.math.backprop.backpropagation", caught_by=value("backpropagation"))
def a_forgotten_penalty(d2l, original, params, X, y, intermediates, lambd=0):
    without = original(params, X, y, intermediates, lambd=0)
    return {**original(params, X, y, intermediates, lambd), "W1": without["W1"]}
