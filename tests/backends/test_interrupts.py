"""Interrupts at any bytecode: whole steps, whole records, and a process that is as it was."""

import random
import signal
import threading

import jax
import numpy as np
import pytest
import torch

from d2l_common.training import interrupts
from tests.support.fits import final_w, model_of, regression


@pytest.fixture
def handler():
    """Set handlers of two signals that raise KeyboardInterrupt while `handler["is_on"]`."""
    switch = {"is_on": False, "stays_on": False}

    def interrupt(number, frame):
        if switch["is_on"]:
            switch["is_on"] = switch["stays_on"]
            raise KeyboardInterrupt

    numbers = (signal.SIGALRM, signal.SIGUSR1)
    before = [signal.signal(number, interrupt) for number in numbers]
    yield switch
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, old in zip(numbers, before, strict=True):
        signal.signal(number, old)


def data_of(d2l):
    return regression(d2l, num_train=64, num_val=32, batch_size=16)


def interrupted_fit(d2l, handler, after):
    """Return trainer and model of a fit that is interrupted after some seconds."""
    trainer, model = d2l.Trainer(10**5), model_of(d2l)
    handler["is_on"] = handler["stays_on"] = True
    with pytest.raises(KeyboardInterrupt):
        # Again after some time: Python drops an exception that a callback of its gc raises.
        signal.setitimer(signal.ITIMER_REAL, after, 2)
        trainer.fit(model, data_of(d2l))
    signal.setitimer(signal.ITIMER_REAL, 0)
    handler["is_on"] = handler["stays_on"] = False
    return trainer, model


def replayed(d2l, steps):
    """Return the losses, and the weights after them, of a fit that ends after so many steps."""

    class Trainer(d2l.Trainer):
        def record(self, step, train):
            super().record(step, train)
            if self.train_batch_idx >= steps:
                raise EOFError  # an error of the reader's keeps its steps, too

    trainer, model = Trainer(10**5), model_of(d2l)
    if steps:
        with pytest.raises(EOFError):
            trainer.fit(model, data_of(d2l))
    return trainer.history.train_loss, final_w(d2l, model)


@pytest.mark.slow
def test_an_interrupted_fit_keeps_whole_steps(d2l, handler):
    """The record has the losses of just the steps that the model has taken."""
    d2l.Trainer(1).fit(model_of(d2l), data_of(d2l))  # compiled, so that interrupts find steps
    rng = random.Random(0)
    for _ in range(12):
        trainer, model = interrupted_fit(d2l, handler, after=0.01 + 0.05 * rng.random())
        history = trainer.history
        steps = len(history.train_loss)
        assert torch.is_grad_enabled()
        assert not jax.config.jax_disable_jit
        assert signal.getsignal(signal.SIGALRM).__name__ == "interrupt"
        assert len(history.batch_sizes) == steps
        assert len(history.val_loss) == len(history.seconds) in (steps // 4, steps // 4 - 1)
        # One that arrives before the first step finds the model as it was.
        assert not (steps and getattr(model, "training", False))
        losses, weights = replayed(d2l, steps)
        np.testing.assert_array_equal(history.train_loss, losses)
        np.testing.assert_array_equal(final_w(d2l, model), weights)
        trainer.max_epochs = 1
        assert len(trainer.fit(model, data_of(d2l)).train_loss) == 4  # and can be used again


def test_a_signal_waits_for_the_end_of_the_step(d2l, handler):
    steps = []

    class Trainer(d2l.Trainer):
        compile = False

        def record(self, step, train):
            signal.raise_signal(signal.SIGUSR1)
            steps.append("held")
            super().record(step, train)

    trainer, model = Trainer(3), model_of(d2l)
    handler["is_on"] = True
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(model, data_of(d2l))
    assert len(steps) == 1
    assert len(trainer.history.train_loss) in (1, 4)  # in JAX, a pass is one record
    assert np.abs(final_w(d2l, model)).min() > 0


def test_a_second_signal_is_handled_at_once(handler):
    handler["is_on"] = True
    with pytest.raises(KeyboardInterrupt), interrupts.between_steps():
        signal.raise_signal(signal.SIGUSR1)
        assert handler["is_on"]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGUSR1)
        handler["is_on"] = True
        with interrupts.allowed(), pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGUSR1)
        handler["is_on"] = True
        signal.raise_signal(signal.SIGUSR1)  # waits for the end
    assert signal.getsignal(signal.SIGUSR1).__name__ == "interrupt"


def test_a_second_signal_may_come_before_the_first_is_delivered(handler):
    handler["is_on"] = True
    with interrupts.between_steps():
        signal.raise_signal(signal.SIGUSR1)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGUSR1)
        interrupts._signals.deliver()  # as if a section had found the first one waiting


def test_two_threads_cannot_share_a_trainer(d2l):
    seen = []
    trainer = d2l.Trainer(3)

    def fit():
        try:
            seen.append(len(trainer.fit(model_of(d2l), data_of(d2l)).train_loss))
        except RuntimeError as error:
            seen.append(str(error))

    threads = [threading.Thread(target=fit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    error = "this Trainer is already running fit(); create a new Trainer"
    assert set(seen) <= {12, error}
    assert 12 in seen


def test_a_trainer_whose_fit_failed_early_can_be_used_again(d2l):
    trainer, model = d2l.Trainer(1), model_of(d2l)
    model.board = type("Board", (), {})()
    with pytest.raises(AttributeError):
        trainer.fit(model, data_of(d2l))
    assert len(trainer.fit(model_of(d2l), data_of(d2l)).train_loss) == 4
