"""Faults in the models, their optimizers and their initial weights."""

import math

import jax
import optax
import torch

from parity_tests.faults.checks import INITIAL_WEIGHTS, convention, run
from parity_tests.faults.planting import around, instead_of

# -- models ------------------------------------------------------------------------------------


@around("d2l_*.models.linear_regression.LinearRegression.loss", caught_by=run("linear regression"))
def a_half_too_many(d2l, original, self, y_hat, y):
    return original(self, y_hat, y) / 2


@around("d2l_*.models.weight_decay.WeightDecayScratch.loss", caught_by=run("weight decay scratch"))
def a_penalty_on_the_bias_too(d2l, original, self, y_hat, y):
    return original(self, y_hat, y) + self.lambd * self.b[0] ** 2 / 2


@instead_of("d2l_*.models.mlp.MLPScratch.forward", caught_by=run("MLP scratch"))
def no_relu(d2l, self, X):
    H = d2l.linreg(d2l.reshape(X, (len(X), -1)), self.W1[...], self.b1[...])
    return d2l.linreg(H, self.W2[...], self.b2[...])


@around("d2l_*.models.dropout_mlp.DropoutMLPScratch.forward", caught_by=run("dropout scratch"))
def the_first_dropout_twice(d2l, original, self, X):
    right, self.dropout_2 = self.dropout_2, self.dropout_1
    try:
        return original(self, X)
    finally:
        self.dropout_2 = right


@around("d2l_*.training.classifier.Classifier.loss", caught_by=run("softmax regression"))
def a_sum_for_a_mean_in_a_classifier(d2l, original, self, Y_hat, Y, averaged=True):
    return original(self, Y_hat, Y, averaged) * len(Y)


@around("d2l_*.training.classifier.Classifier.accuracy", caught_by=convention("metrics"))
def accuracy_of_the_next_label(d2l, original, self, Y_hat, Y, averaged=True):
    return original(self, Y_hat, (Y + 1) % Y_hat.shape[1], averaged)


# -- optimizers --------------------------------------------------------------------------------


@instead_of("d2l_jax.models.weight_decay.are_weights", caught_by=run("weight decay"))
def decay_on_the_bias_in_jax(params):
    return jax.tree.map(lambda param: True, params)


@instead_of(
    "d2l_torch.models.weight_decay.WeightDecay.configure_optimizers", caught_by=run("weight decay")
)
def decay_on_the_bias_in_torch(self):
    return torch.optim.SGD(self.parameters(), lr=self.lr, weight_decay=self.wd)


@instead_of(
    "d2l_jax.models.weight_decay.WeightDecay.configure_optimizers", caught_by=run("weight decay")
)
def decay_of_half_the_size_in_jax(self):
    decay = optax.add_decayed_weights(
        self.wd / 2, mask=lambda params: jax.tree.map(lambda param: param.ndim > 1, params)
    )
    return optax.chain(decay, optax.sgd(self.lr))


@instead_of(
    "d2l_torch.models.weight_decay.WeightDecay.configure_optimizers", caught_by=run("weight decay")
)
def decay_of_half_the_size_in_torch(self):
    weights = {"params": self.net.weight, "weight_decay": self.wd / 2}
    return torch.optim.SGD([weights, {"params": self.net.bias}], lr=self.lr)


@around("d2l_jax.training.optimizers.SGD.update", caught_by=run("linear regression scratch"))
def a_step_of_half_the_rate_in_jax(original, self, updates, state, params=None):
    return original(self, jax.tree.map(lambda grad: grad / 2, updates), state, params)


@instead_of("d2l_torch.training.optimizers.SGD.step", caught_by=run("linear regression scratch"))
def a_step_of_half_the_rate_in_torch(self):
    with torch.no_grad():
        for param in self.params:
            param -= self.lr / 2 * param.grad


# -- initial weights ---------------------------------------------------------------------------


@around("d2l_jax.nn.initialization.uniform", caught_by=convention("layer_weights"))
def too_narrow_initial_weights_in_jax(original, bound):
    return original(bound**2)


@around("d2l_torch.nn.linear.LazyLinear.reset_parameters", caught_by=convention("layer_weights"))
def too_narrow_initial_weights_in_torch(original, self):
    original(self)
    if not self.has_uninitialized_params():
        with torch.no_grad():
            self.weight /= math.sqrt(self.in_features)


@around("d2l_common.weights.initial_weights", caught_by=INITIAL_WEIGHTS)
def a_variance_of_he_with_1_for_2(original, shapes, seed, scheme="normal", sigma=0.01):
    weights = original(shapes, seed, scheme, sigma)
    factor = math.sqrt(1 / 2) if scheme == "he" else 1
    return {name: factor * array for name, array in weights.items()}
