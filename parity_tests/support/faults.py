"""
Small faults, and the check of the suite that catches each.

A fault is a line of the library written otherwise. It is planted by giving a function the code
that the changed line compiles to, so that everybody who has imported the function has the fault.
"""

import inspect
import pydoc
import textwrap
from collections.abc import Callable
from typing import NamedTuple

import optax
import torch

from parity_tests import test_plan
from parity_tests.support.backends import BACKENDS, precision
from parity_tests.support.cases import CASES, NUM_CLASSES, Case, digits
from parity_tests.support.draws import Draw, Source
from parity_tests.support.operations import GRADIENTS, VALUES
from parity_tests.support.truth import HAS_EXTENDED, assert_true
from parity_tests.test_chapter_functions import (
    test_confusion_matrix_counts_predictions_in_rows as confusion,
)
from parity_tests.test_chapter_functions import test_label_shift_is_recovered as label_shift
from parity_tests.test_training import assert_same_run

# One shape, since each compiles; several seeds, since a draw may hide a fault behind an infinity.
DRAWS = [
    Draw(seed, (7, 5), scale, kind)
    for kind, scales in (("finite", (1.0, 30.0, 1e4)), ("equal", (1.0, 1e4)))
    for scale in scales
    for seed in range(3)
]


def value(name):
    """Return the check of an operation: a few draws against the truth."""
    return lambda backend: _check(VALUES[name], backend)


def gradient(name):
    """Return the check of a gradient: a few draws against the truth."""
    return lambda backend: _check(GRADIENTS[name], backend)


def _check(operation, backend):
    draws = [d for d in DRAWS if d.scale in operation.scales and d.kind in operation.kinds]
    for dtype in ("float32", "float64")[: 1 + HAS_EXTENDED]:
        with precision(dtype):
            for draw in draws:
                arrays = operation.arrays(Source(draw, dtype))
                tensors = (BACKENDS[backend].tensor(array) for array in arrays)
                result = operation.call(BACKENDS[backend], *tensors)
                assert_true(operation, result, arrays, dtype, f"{operation.row}, {draw}:")


def run(name, **options):
    """Return the check of a model: two epochs on both backends, with all that is recorded."""
    options = {"dtype": "float64", "epochs": 2} | options
    return lambda backend: assert_same_run({**CASES, **WITH_STATE}[name].compare(**options))


def shared(check):
    """Return a check of `test_plan`, of a backend's package."""
    return lambda backend: check(BACKENDS[backend])


def with_momentum(d2l):
    """Return a model whose optimizer keeps a state from one step to the next."""

    class Momentum(d2l.MLP):
        def configure_optimizers(self):
            if d2l is BACKENDS["jax"]:
                return optax.sgd(0.1, momentum=0.9)
            return torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)

    return Momentum(NUM_CLASSES, 32, lr=0.1, num_inputs=64)


WITH_STATE = {"momentum": Case(with_momentum, digits, "he", has_relu=True)}


class Fault(NamedTuple):
    """`old` in the source of the function at `where` becomes `new`; `check(backend)` catches it."""

    what: str
    where: str
    old: str
    new: str
    check: Callable[[str], None]

    @property
    def backend(self):
        """The backend that the fault is in; "torch" also where both share the code."""
        return "jax" if self.where.startswith("d2l_jax") else "torch"

    def __str__(self):
        return f"{self.where.split('.')[0]}: {self.what}"

    def plant(self, monkeypatch):
        """Change the function until the test ends."""
        function = pydoc.locate(self.where)
        source = textwrap.dedent(inspect.getsource(function))
        head, end_of_docstring, body = source.rpartition('"""')
        assert body.count(self.old) == 1, f"{self.where} has changed: {self.old!r}"
        source = head + end_of_docstring + body.replace(self.old, self.new)
        # A function around it, for one that uses `super()`: it then refers to its class.
        source = "def outer(__class__):\n" + textwrap.indent(source, " ")
        space = {}
        exec(source + f"\n return {function.__name__}", function.__globals__, space)
        changed = space["outer"](None)
        monkeypatch.setattr(function, "__code__", changed.__code__)
        monkeypatch.setattr(function, "__defaults__", changed.__defaults__)


def in_both(what, where, old, new, check):
    """Return the fault in either backend, whose lines are alike."""
    return [Fault(what, f"{d2l}.{where}", old, new, check) for d2l in ("d2l_jax", "d2l_torch")]


FAULTS = [
    # -- softmax and losses --------------------------------------------------------------------
    Fault("softmax over the wrong axis", "d2l_jax.functional.softmax",
          "axis=-1", "axis=0", value("softmax")),
    Fault("softmax over the wrong axis", "d2l_torch.functional.softmax",
          "dim=-1", "dim=0", value("softmax")),
    Fault("no largest logit subtracted", "d2l_jax.functional.softmax",
          "jax.nn.softmax(X, axis=-1)", "jnp.exp(X) / jnp.exp(X).sum(-1, keepdims=True)",
          value("softmax")),
    Fault("no largest logit subtracted", "d2l_torch.functional.softmax",
          "torch.softmax(X, dim=-1)", "torch.exp(X) / torch.exp(X).sum(-1, keepdims=True)",
          value("softmax")),
    Fault("the log of a softmax", "d2l_jax.functional.softmax_cross_entropy",
          "jax.nn.log_softmax(logits, axis=-1)", "jnp.log(jax.nn.softmax(logits))",
          value("softmax_cross_entropy of each")),
    Fault("a small number in the log", "d2l_jax.functional.cross_entropy",
          "pick(y_hat, y)", "pick(y_hat, y) + 1e-7", value("cross_entropy of each")),
    Fault("a small number in the log", "d2l_torch.functional.cross_entropy",
          "y.long()])", "y.long()] + 1e-7)", value("cross_entropy of each")),
    *in_both("a sum for a mean, of probabilities", "functional.cross_entropy",
             "losses.mean()", "losses.sum()", gradient("cross_entropy")),
    Fault("a sum for a mean", "d2l_jax.functional.softmax_cross_entropy",
          "losses.mean()", "losses.sum()", value("softmax_cross_entropy")),
    Fault("a sum for a mean", "d2l_torch.functional.softmax_cross_entropy",
          '"mean"', '"sum"', value("softmax_cross_entropy")),
    Fault("a label off by one", "d2l_jax.functional.pick",
          "jnp.where(inside, y, 0)", "jnp.where(inside, (y + 1) % scores.shape[1], 0)",
          value("softmax_cross_entropy of each")),
    Fault("a label off by one", "d2l_torch.functional.softmax_cross_entropy",
          "y.long()", "(y.long() + 1) % logits.shape[1]", value("softmax_cross_entropy of each")),
    *in_both("a lost half", "functional.squared_loss", " / 2", "", value("squared_loss")),
    *in_both("a penalty without its half", "weight_decay.l2_penalty",
             " / 2", "", value("l2_penalty")),
    Fault("accuracy of the smallest logit", "d2l_jax.functional.accuracy",
          "y_hat.argmax", "y_hat.argmin", value("accuracy")),
    Fault("accuracy of the smallest logit", "d2l_torch.functional.accuracy",
          "y_hat.argmax", "y_hat.argmin", value("accuracy")),
    Fault("a half too many", "d2l_jax.models.linear_regression.LinearRegression.loss",
          "y_hat - y))", "y_hat - y)) / 2", run("linear regression")),
    Fault("a half too many", "d2l_torch.models.linear_regression.LinearRegression.loss",
          "mse_loss(y_hat, y)", "mse_loss(y_hat, y) / 2", run("linear regression")),
    # -- other formulas ------------------------------------------------------------------------
    Fault("ReLU's gradient at 0", "d2l_jax.functional.relu",
          "jax.nn.relu(X)", "jnp.maximum(X, 0)", gradient("relu")),
    Fault("ReLU's gradient at 0", "d2l_torch.functional.relu",
          "torch.relu(X)", "torch.maximum(X, torch.zeros_like(X))", gradient("relu")),
    *in_both("pReLU's gradient at 0", "functional.prelu", "X > 0", "X >= 0", gradient("prelu")),
    *in_both("a forgotten bias", "functional.linreg", " + b", "", value("linreg")),
    *in_both("a step of twice the rate", "functional.sgd", "- lr", "- 2 * lr", value("sgd")),
    *in_both("dropout scaled by p", "dropout.dropout_layer",
             "(1 - dropout)", "dropout", value("dropout_layer of 0.3")),
    *in_both("dropout not scaled", "dropout.dropout_layer",
             " / (1 - dropout)", "", value("dropout_layer of 0.3")),
    *in_both("entropy in bits", "probability.entropy",
             ".sum(-1)", ".sum(-1) / math.log(2)", value("entropy")),
    *in_both("a divergence the wrong way", "probability.kl_divergence",
             "xlogy(p, p) - ", "xlogy(q, q) - ", value("kl_divergence")),
    *in_both("the variance for the deviation", "probability.normal_density",
             "(std * math", "(std**2 * math", value("normal_density")),
    Fault("a confusion matrix transposed", "d2l_jax.math.probability.confusion_matrix",
          "predictions.astype(jnp.int32) * num_classes + y", "y * num_classes + predictions",
          lambda backend: confusion(BACKENDS[backend], "float32")),
    Fault("a confusion matrix transposed", "d2l_torch.math.probability.confusion_matrix",
          "predictions.long() * num_classes + y.long()",
          "y.long() * num_classes + predictions.long()",
          lambda backend: confusion(BACKENDS[backend], "float32")),
    *in_both("a system transposed", "probability.label_shift_weights",
             "(confusion, mean", "(confusion.T, mean",
             lambda backend: label_shift(BACKENDS[backend])),
    *in_both("no ReLU on the way back", "backprop.backpropagation",
             "dH * astype(Z > 0, Z.dtype)", "dH", value("backpropagation")),
    *in_both("a forgotten penalty", "backprop.backpropagation",
             ' + lambd * params["W1"]', "", value("backpropagation")),
    # -- models and optimizers -----------------------------------------------------------------
    Fault("decay on the bias", "d2l_jax.models.weight_decay.are_weights",
          "param.ndim > 1", "True", run("weight decay")),
    Fault("decay on the bias", "d2l_torch.models.weight_decay.WeightDecay.configure_optimizers",
          '{"params": self.net.bias}', '{"params": self.net.bias, "weight_decay": self.wd}',
          run("weight decay")),
    Fault("decay of half the size",
          "d2l_torch.models.weight_decay.WeightDecay.configure_optimizers",
          '"weight_decay": self.wd', '"weight_decay": self.wd / 2', run("weight decay")),
    *in_both("a penalty on the bias, too", "weight_decay.WeightDecayScratch.loss",
             "self.lambd * ", "self.lambd * (self.b[0] ** 2 / 2) + self.lambd * ",
             run("weight decay scratch")),
    Fault("a step of half the rate", "d2l_jax.training.optimizers.SGD.update",
          "-self.lr * grad", "-self.lr * grad / 2", run("linear regression scratch")),
    Fault("a step of half the rate", "d2l_torch.training.optimizers.SGD.step",
          "self.lr", "self.lr / 2", run("linear regression scratch")),
    *in_both("the first dropout twice", "dropout.DropoutMLPScratch.forward",
             "self.dropout_2", "self.dropout_1", run("dropout scratch")),
    *in_both("no ReLU", "mlp.MLPScratch.forward",
             "H = relu(", "H = (", run("MLP scratch")),
    # -- the Trainer ---------------------------------------------------------------------------
    *in_both("clipping with 1e-6 in the norm", "trainer.Trainer.clip_gradients",
             ", grad_clip_val / norm", ", grad_clip_val / (norm + 1e-6)", value("clip_gradients")),
    Fault("no gradient is clipped", "d2l_jax.training.trainer.Trainer.clip_gradients",
          "norm > grad_clip_val", "norm < 0", value("clip_gradients")),
    Fault("no gradient is clipped", "d2l_torch.training.trainer.Trainer.clip_gradients",
          "norm > grad_clip_val", "norm < 0", value("clip_gradients")),
    Fault("a stale optimizer state", "d2l_jax.training.steps.make_train_step",
          "updates, opt_state = update", "updates, _ = update", run("momentum")),
    Fault("an optimizer state that no epoch keeps", "d2l_jax.training.steps.LiveState.write",
          "isinstance(self._leaves[i], nnx.Variable)", "isinstance(self._leaves[i], nnx.Param)",
          run("momentum")),
    Fault("gradients that add up", "d2l_torch.training.trainer.Trainer.fit_epoch",
          "self.optim.zero_grad()", "pass", run("MLP")),
    Fault("a last minibatch that trains nothing", "d2l_jax.training.steps.make_epoch",
          "state, last = body", "_, last = body", run("softmax regression")),
    Fault("dropout in validation", "d2l_jax.training.trainer.Trainer._prepare_steps",
          "deterministic=True, use", "deterministic=False, use", shared(test_plan.check_metrics)),
    Fault("dropout in validation", "d2l_torch.training.trainer.Trainer.fit_epoch",
          "self.model.eval()", "pass", shared(test_plan.check_metrics)),
    # -- data and weights ----------------------------------------------------------------------
    *in_both("pixels of 256ths", "image_data.to_floats",
             "PIXEL_SCALE", "(1 / 256)", shared(test_plan.check_pixels)),
    Fault("a weight transposed in transfer", "d2l_jax.weights.named_parameters",
          "(axes[-1], axes[-2], *axes[:-2])", "axes", shared(test_plan.check_transfer)),
    Fault("a weight transposed in transfer", "d2l_torch.weights.import_weights",
          "torch.tensor(weights[name])", "torch.tensor(weights[name].T if name == 'net.1.weight' "
          "else weights[name])", shared(test_plan.check_transfer)),
    Fault("too narrow initial weights", "d2l_jax.nn.linear.linear",
          "1 / math.sqrt(num_inputs)", "1 / num_inputs", shared(test_plan.check_layer_weights)),
    Fault("too narrow initial weights", "d2l_torch.nn.linear.LazyLinear.reset_parameters",
          "1 / math.sqrt(self.in_features)", "1 / self.in_features",
          shared(test_plan.check_layer_weights)),
    Fault("accuracy averaged over minibatches", "d2l_common.training.recorder.average",
          "(values * sizes).sum(keepdims=True) / sizes.sum()", "values.mean(keepdims=True)",
          shared(test_plan.check_metrics)),
    Fault("a dropped last minibatch", "d2l_common.data.plan.BatchPlan.split",
          "range(0, len(order), self.batch_size)",
          "range(0, len(order) - self.batch_size + 1, self.batch_size)",
          lambda backend: test_plan.check_plan()),
    Fault("minibatches shuffled, not examples", "d2l_common.data.plan.BatchPlan.order",
          ".permutation(indices)", ".permutation(indices.reshape(1, -1)).ravel()",
          lambda backend: test_plan.check_plan()),
    Fault("the same order in every epoch", "d2l_common.data.plan.BatchPlan.order",
          "(self.seed, epoch)", "(self.seed, 0)", lambda backend: test_plan.check_plan()),
    Fault("an epoch counted for each look", "d2l_common.data.DataModuleBase._next_epoch",
          "self._epoch += 1", "self._epoch += 2", shared(test_plan.check_epochs)),
    Fault("He's variance with 1 for 2", "d2l_common.weights.initial_weights",
          '"he": 2 / num_inputs', '"he": 1 / num_inputs',
          lambda backend: test_plan.check_initial_weights()),
]  # fmt: skip
