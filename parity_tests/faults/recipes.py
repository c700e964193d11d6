"""Faults in the parts of training recipes (section 7.5 of 2026)."""

import math

import optax

from parity_tests import test_recipes
from parity_tests.faults.checks import check_of, gradient, value
from parity_tests.faults.planting import around, instead_of

SMOOTHED = "softmax_cross_entropy, smoothed"
AVERAGE = check_of(test_recipes, "test_an_average_is_the_formula")
AVERAGE_OF_A_FIT = check_of(test_recipes, "test_a_fit_averages_after_each_step")
SCHEDULES = check_of(test_recipes, "test_schedules_are_the_formulas")
RATES = check_of(test_recipes, "test_each_fit_starts_from_the_models_own_rate")
GROUPS = check_of(test_recipes, "test_each_group_of_parameters_has_its_own_rate")
DROPPED = check_of(test_recipes, "test_drop_path_drops_examples")

# -- label smoothing ---------------------------------------------------------------------------


@around("d2l_*.functional.softmax_cross_entropy", caught_by=value(f"{SMOOTHED}, of each"))
def smoothing_over_the_other_classes(d2l, original, X, y, averaged=True, label_smoothing=0.0):
    k = X.shape[1]
    share = label_smoothing * k / (k - 1) if k > 1 else 0.0
    return original(X, y, averaged, share)


@around("d2l_*.functional.softmax_cross_entropy", caught_by=gradient(SMOOTHED))
def smoothing_that_is_forgotten(d2l, original, X, y, averaged=True, label_smoothing=0.0):
    return original(X, y, averaged)


# -- mixup and stochastic depth ----------------------------------------------------------------


@around("d2l_*.data.mixup.mixup", caught_by=value("mixup"))
def a_weight_on_the_other_example(d2l, original, X, y, alpha, lam=None, perm=None, **source):
    X_mixed, *targets, lam = original(X, y, alpha, 1 - lam, perm, **source)
    return X_mixed, *targets, 1 - lam


@around(
    "d2l_*.data.mixup.mixup",
    caught_by=check_of(test_recipes, "test_mixup_draws_one_weight_and_a_permutation"),
)
def targets_that_are_swapped(d2l, original, *args, **kwargs):
    X_mixed, y_a, y_b, lam = original(*args, **kwargs)
    return X_mixed, y_b, y_a, lam


@instead_of(
    "d2l_common.data.mixup.mixup_loss",
    caught_by=check_of(test_recipes, "test_the_loss_under_mixup_is_that_of_mixed_targets"),
)
def a_weight_on_the_other_loss(loss, y_hat, y_a, y_b, lam):
    return (1 - lam) * loss(y_hat, y_a) + lam * loss(y_hat, y_b)


@around("d2l_*.nn.dropout.drop_path", caught_by=value("drop_path of 0.3"))
def a_path_that_is_not_scaled(d2l, original, X, drop_prob, *args, **kwargs):
    return original(X, drop_prob, *args, **kwargs) * (1 - drop_prob)


@around("d2l_*.nn.dropout.drop_path", caught_by=DROPPED)
def one_draw_for_the_minibatch(d2l, original, X, drop_prob, mask=None, **source):
    if mask is None:
        return original(X.reshape(1, *X.shape), drop_prob, **source)[0]
    return original(X, drop_prob, mask)


@around("d2l_*.nn.dropout.drop_path", caught_by=DROPPED)
def a_draw_for_each_entry(d2l, original, X, drop_prob, mask=None, **source):
    return d2l.dropout_layer(X, drop_prob, mask, **source)


@around("d2l_*.nn.dropout.drop_path", caught_by=DROPPED)
def the_probability_to_keep(d2l, original, X, drop_prob, mask=None, **source):
    return original(X, 1 - drop_prob, mask, **source) * (drop_prob / (1 - drop_prob or 1))


# -- schedules ---------------------------------------------------------------------------------


@instead_of("d2l_common.training.schedules.cosine_warmup", caught_by=SCHEDULES)
def a_warmup_that_starts_at_0(epoch, max_epochs, base_lr, warmup=3):
    if epoch < warmup:
        return base_lr * epoch / warmup
    share = (epoch - warmup) / (max_epochs - warmup)
    return base_lr * (1 + math.cos(math.pi * share)) / 2


@instead_of("d2l_common.training.schedules.cosine_warmup", caught_by=SCHEDULES)
def a_cosine_that_forgets_the_warmup(epoch, max_epochs, base_lr, warmup=3):
    if epoch < warmup:
        return base_lr * (epoch + 1) / warmup
    return base_lr * (1 + math.cos(math.pi * epoch / max_epochs)) / 2


@around("d2l_common.training.schedules.step_decay", caught_by=SCHEDULES)
def a_step_one_epoch_late(original, epoch, *args, **kwargs):
    return original(max(0, epoch - 1), *args, **kwargs)


@around("d2l_common.training.recipe.Recipe.follow_schedule", caught_by=RATES)
def a_rate_from_the_one_before(original, self, schedule):
    self.base_lrs = self.learning_rates(self.optim)
    original(self, schedule)


@around("d2l_*.training.trainer.Trainer.set_learning_rates", caught_by=GROUPS)
def the_first_rate_for_all(d2l, original, trainer, optim, rates):
    original(optim, [rates[0]] * len(rates))


@instead_of(
    "d2l_*.training.trainer.Trainer.set_learning_rates",
    caught_by=check_of(test_recipes, "test_a_schedule_moves_the_weights_as_rates_of_ones_own"),
)
def a_rate_that_is_only_recorded(d2l, trainer, optim, rates):
    pass


# -- averages of weights -----------------------------------------------------------------------


@around("d2l_*.training.ema.EMA.update", caught_by=AVERAGE)
def an_average_one_step_stale(d2l, original, self, model):
    now = d2l.EMA(model)
    getattr(self, "before", now).copy_to(model)
    original(self, model)
    now.copy_to(model)
    self.before = now


@around("d2l_*.training.ema.EMA.update", caught_by=AVERAGE)
def a_decay_on_the_new_weight(d2l, original, self, model):
    self.decay = 1 - self.decay
    original(self, model)
    self.decay = 1 - self.decay


@around("d2l_*.training.ema.EMA.update", caught_by=AVERAGE)
def running_averages_that_are_not_averaged(d2l, original, self, model):
    original(self, model)
    now = d2l.EMA(model).shadow
    self.shadow |= {n: x for n, x in now.items() if n.endswith(("mean", "var"))}


@around("d2l_jax.training.ema.averaging", caught_by=AVERAGE_OF_A_FIT)
def an_average_before_the_step_in_jax(original, tx, decay):
    averaged = original(tx, decay)

    def update(grads, state, params=None, **more):
        updates, new = averaged.update(grads, state, params, **more)
        average = optax.tree.add(
            optax.tree.scale(decay, state.average), optax.tree.scale(1 - decay, params)
        )
        return updates, new._replace(average=average)

    return optax.GradientTransformationExtraArgs(averaged.init, update)


@around("d2l_torch.training.ema.averaging", caught_by=AVERAGE_OF_A_FIT)
def an_average_before_the_step_in_torch(original, optimizer, decay):
    optimizer = original(optimizer, decay)
    hooks = optimizer._optimizer_step_post_hooks
    optimizer._optimizer_step_pre_hooks.update(hooks)
    hooks.clear()
    return optimizer


@around("d2l_jax.training.ema.averaging", caught_by=AVERAGE_OF_A_FIT)
def an_average_of_updates_in_jax(original, tx, decay):
    averaged = original(tx, decay)

    def update(grads, state, params=None, **more):
        updates, new = averaged.update(grads, state, params, **more)
        average = optax.tree.add(
            optax.tree.scale(decay, state.average), optax.tree.scale(1 - decay, updates)
        )
        return updates, new._replace(average=average)

    return optax.GradientTransformationExtraArgs(averaged.init, update)


@instead_of("d2l_*.training.trainer.Trainer.average_of", caught_by=AVERAGE_OF_A_FIT)
def the_last_weights_for_the_average(d2l, trainer, optim, model, decay):
    return d2l.EMA(model, decay)
