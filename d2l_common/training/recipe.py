"""The parts of a training recipe that a Trainer has: a schedule, and an average of weights."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from d2l_common.checks.arguments import check_nonnegative
from d2l_common.checks.optimizers import no_average

Schedule = Callable[[int, int, float], float]


class Recipe:
    """Mixin of a Trainer that follows a schedule and averages weights (section 3.2.4)."""

    # A backend has learning_rates, set_learning_rates and average_of; the Trainer has the rest.
    schedule: Schedule | None = None
    ema_decay: float | None = None
    base_lrs: Sequence[float] = ()  # of the optimizer's groups of parameters
    epoch: int
    max_epochs: int
    recorder: Any
    learning_rates: Any
    set_learning_rates: Any
    average_of: Any
    model: Any
    optim: Any = None

    @property
    def ema(self) -> Any:
        """
        The `d2l.EMA` of the parameters in the running or last fit (section 7.5 of 2026).

        The state that is not trained, such as running averages, is the model's own. In JAX the
        average is that at the end of the last epoch. `trainer.ema.copy_to(model)` sets the weights.

        Raises
        ------
        RuntimeError
            If no fit had an `ema_decay`, or another optimizer has taken the place of the fit's.
        """
        if self.ema_decay is None or self.optim is None:
            raise no_average()
        return self.average_of(self.optim, self.model, self.ema_decay)

    def follow_schedule(self, schedule: Schedule) -> None:
        """Set the learning rate of the running epoch, and record it."""
        self.base_lrs = self.base_lrs or self.learning_rates(
            self.optim
        )  # of one assigned during the fit
        rates = [schedule(self.epoch, self.max_epochs, rate) for rate in self.base_lrs]
        for rate in rates:
            check_nonnegative("the learning rate that schedule returns", rate)
        self.set_learning_rates(self.optim, rates)
        self.recorder.history.extend("lr", np.array(rates[:1]), np.ones(1))
