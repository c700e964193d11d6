"""
Faults in the training core: in the steps, in the epochs, in what is recorded.

A step is `Trainer.train_step`: in JAX from a state `(params, rest, optimizer)` and a minibatch to
the next state and a record, in PyTorch from a minibatch to a record.
"""

import jax
import torch
from jax import numpy as jnp

from parity_tests.faults.checks import convention, run, value
from parity_tests.faults.planting import around, instead_of

FULL_BATCH = 100  # of `cases.digits`, whose last minibatch is smaller

# -- the step ----------------------------------------------------------------------------------


@around("d2l_jax.training.trainer.Trainer.train_step", caught_by=run("momentum"))
def a_stale_optimizer_state(original, self, state, batch):
    new, record = original(self, state, batch)
    return new._replace(optimizer=state.optimizer), record


@around("d2l_jax.training.trainer.Trainer.train_step", caught_by=run("dropout"))
def a_stale_random_state(original, self, state, batch):
    new, record = original(self, state, batch)
    return new._replace(rest=state.rest), record


@around("d2l_jax.training.trainer.Trainer.train_step", caught_by=run("softmax regression"))
def a_last_minibatch_that_trains_nothing_in_jax(original, self, state, batch):
    new, record = original(self, state, batch)
    return (new if len(batch[-1]) == FULL_BATCH else state), record


@around("d2l_torch.training.trainer.Trainer.train_step", caught_by=run("softmax regression"))
def a_last_minibatch_that_trains_nothing_in_torch(original, self, batch):
    before = [param.detach().clone() for param in self.model.parameters()]
    record = original(self, batch)
    if len(batch[-1]) < FULL_BATCH:
        with torch.no_grad():
            for param, kept in zip(self.model.parameters(), before, strict=True):
                param.copy_(kept)
    return record


@around("d2l_jax.training.trainer.Trainer.train_step", caught_by=run("softmax regression"))
def a_loss_recorded_after_the_step(original, self, state, batch):
    new, _ = original(self, state, batch)
    _, late = original(self, new, batch)
    return new, late


@around("d2l_torch.training.trainer.Trainer.fit_epoch", caught_by=run("MLP"))
def gradients_that_add_up(original, self):
    self.optim.zero_grad = self.model.zero_grad = lambda *args, **kwargs: None
    original(self)


@around("d2l_*.training.module.Module.training_step", caught_by=run("softmax regression"))
def a_loss_of_twice_the_size(d2l, original, self, batch):
    return 2 * original(self, batch)


# -- clipping ----------------------------------------------------------------------------------


@instead_of("d2l_jax.training.trainer.Trainer.clip_gradients", caught_by=value("clip_gradients"))
def a_small_number_in_the_norm_in_jax(self, grad_clip_val, grads):
    norm = jnp.sqrt(sum(jnp.sum(grad**2) for grad in jax.tree.leaves(grads)))
    scale = jnp.minimum(grad_clip_val / (norm + 1e-6), 1)
    return jax.tree.map(lambda grad: scale * grad, grads)


@instead_of("d2l_torch.training.trainer.Trainer.clip_gradients", caught_by=value("clip_gradients"))
def a_small_number_in_the_norm_in_torch(self, grad_clip_val, model):
    torch.nn.utils.clip_grad_norm_(model.parameters(), grad_clip_val)  # adds 1e-6


@instead_of("d2l_jax.training.trainer.Trainer.clip_gradients", caught_by=value("clip_gradients"))
def no_gradient_is_clipped_in_jax(self, grad_clip_val, grads):
    return grads


@instead_of("d2l_torch.training.trainer.Trainer.clip_gradients", caught_by=value("clip_gradients"))
def no_gradient_is_clipped_in_torch(self, grad_clip_val, model):
    pass


# -- the epoch ---------------------------------------------------------------------------------


@around("d2l_*.training.trainer.Trainer.fit_epoch", caught_by=run("momentum"))
def a_new_optimizer_in_each_epoch(d2l, original, self):
    self.optim = self.model.configure_optimizers()
    original(self)


@around("d2l_*.training.trainer.Trainer.prepare_batch", caught_by=run("softmax regression"))
def inputs_of_twice_the_size(d2l, original, self, batch):
    *inputs, y = original(self, batch)
    return (*(2 * X for X in inputs), y)


@around("d2l_*.training.classifier.Classifier.validation_step", caught_by=convention("metrics"))
def dropout_in_validation(d2l, original, self, batch):
    self.train()
    try:
        return original(self, batch)
    finally:
        self.eval()


@around("d2l_jax.training.trainer.Trainer.validation_step", caught_by=convention("metrics"))
def a_first_validation_example_left_out_in_jax(original, self, state, batch):
    return original(self, state, tuple(x[1:] for x in batch))


@around("d2l_torch.training.trainer.Trainer.validation_step", caught_by=convention("metrics"))
def a_first_validation_example_left_out_in_torch(original, self, batch):
    return original(self, tuple(x[1:] for x in batch))


# -- what is recorded --------------------------------------------------------------------------


@instead_of("d2l_common.training.recorder.average", caught_by=convention("metrics"))
def accuracy_averaged_over_minibatches(values, sizes):
    return values.mean(keepdims=True)
