"""The steps of a Trainer, pure functions `state, batch -> state, record`: compiled and scanned."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
from jax import Array
from jax import numpy as jnp
from jax.extend.core import jaxprs_in_params

from d2l_common.training.interrupts import allowed
from d2l_common.training.tape import StepRecord
from .compilation import setting
from .optimizers import as_optimizer
from .parallel import one_copy, put
from .state import Split, State

Step = Callable[[State, Any], tuple[State, StepRecord]]


def over_minibatches(step: Step, gather: Callable[..., Any], batch_size: int) -> Callable[..., Any]:
    """
    Return the pure function `state, arrays, order -> state, records`: `step` on each minibatch.

    `gather(arrays, rows)` returns a minibatch. The last one has the remaining rows of `order`; it
    is taken after the scan, since it may be smaller.
    """

    def run(state: State, arrays: Any, order: Array) -> tuple[State, StepRecord]:
        def body(state: State, rows: Array) -> tuple[State, StepRecord]:
            state, record = step(state, gather(arrays, rows))
            return state, record._replace(attributes={})

        full = (len(order) - 1) // batch_size * batch_size
        records = None
        if full:
            state, records = jax.lax.scan(body, state, order[:full].reshape(-1, batch_size))
        state, last = step(state, gather(arrays, order[full:]))
        return state, joined(records, last)

    return run


class CompiledSteps:
    """
    The steps of a fit, compiled, and the state that they step on.

    A pass over arrays is one scan; but on a CPU a convolution takes five times as long inside a
    scan, so there a step with one is called once a minibatch. The numbers are the same.

    Parameters
    ----------
    trainer : Trainer
        Its `train_step` and `validation_step` are compiled, as they are defined by now.
    """

    def __init__(self, trainer: Any):
        self._trainer = trainer
        self._structure: Any = None

    def begin_epoch(self) -> None:
        """Read the arrays of model and optimizer; trace again if their structure has changed."""
        trainer = self._trainer
        trainer.optim = as_optimizer(trainer.model, trainer.optim)
        self.split = Split(trainer.model, trainer.optim)
        self._state = put(self.split.read(), trainer.place)
        self._arrays_set: dict[str, Any] = {}
        optim = trainer.optim
        structure = self.split.graphdef, optim.tx, optim.wrt, trainer.gradient_clip_val
        if structure != self._structure:
            self._structure = structure
            self._passes: dict[Any, Any] = {}
            # New functions, since JAX keeps what it has traced of a function.
            steps = {True: trainer.train_step, False: trainer.validation_step}
            self._steps = {train: jax.jit(partial(step)) for train, step in steps.items()}

    def end_epoch(self) -> None:
        """Write the arrays back to model and optimizer, also after an interrupt."""
        self.split.write(one_copy(self._state), one_copy(self._arrays_set))

    def drop_epoch(self) -> None:
        """Forget the steps since `begin_epoch`: the arrays of model and optimizer are as then."""
        self._state, self._arrays_set = put(self.split.read(), self._trainer.place), {}

    def run(self, loader: Any, train: bool) -> Iterator[StepRecord]:
        """Take a step on each minibatch of a reader's `loader`; yield the records."""
        place = self._trainer.place
        for batch in loader:
            yield self._advance(self._steps[train], put(batch, place))

    def run_chunks(self, chunks: Any, loader: Any, train: bool) -> Iterator[StepRecord]:
        """Take steps on all rows of each chunk `(arrays, order)`; yield the records."""
        step, plan, waiting = self._steps[train], loader.plan, None
        for arrays, order in chunks:
            if (train, loader) not in self._passes:
                batch = jax.eval_shape(loader.gather, arrays, order[: plan.batch_size])
                self._passes[train, loader] = (
                    jax.jit(over_minibatches(step, loader.gather, plan.batch_size)),
                    not is_slow_in_scan(step, self._state, batch),
                )
            program, at_once = self._passes[train, loader]
            for rows in [order] if at_once else plan.split(order):
                yield self._advance(program, arrays, rows)
            with allowed():
                jax.block_until_ready(waiting)  # one chunk is computed while the next is moved
            waiting = self._state.params

    def _advance(self, program: Any, *arguments: Any) -> StepRecord:
        with allowed():  # until the state is replaced, nothing has changed
            state, record = program(self._state, *arguments)
        self._state = state
        self._arrays_set |= record.attributes
        return record


def is_slow_in_scan(step: Any, state: State, batch: Any) -> bool:
    """Return whether a jitted step has a convolution and runs on a CPU."""
    # https://github.com/jax-ml/jax/issues/12868
    device = next(iter(jax.tree.leaves(state)[0].devices()))
    if device.platform != "cpu" or setting("jax_disable_jit"):
        return False
    return "conv_general_dilated" in primitives(step.trace(state, batch).jaxpr)


def joined(records: StepRecord | None, last: StepRecord) -> StepRecord:
    """Return the records of steps, each value of shape `(k,)`, and that of the last step as one."""
    numbers = last._replace(attributes={})
    if records is None:
        return jax.tree.map(jnp.atleast_1d, numbers)._replace(attributes=last.attributes)
    names, other = (sorted({*record.plotted, *record.returned}) for record in (records, last))
    if names != other:
        raise ValueError(
            "a step must plot the same names for every minibatch, also for the smaller last one, "
            f"got {names} and then {other}"
        )
    return jax.tree.map(jnp.append, records, numbers)._replace(attributes=last.attributes)


def primitives(jaxpr: Any) -> set[str]:
    """Return the names of the operations in a jaxpr, also of those inside other operations."""
    jaxpr = getattr(jaxpr, "jaxpr", jaxpr)
    names = set()
    for equation in jaxpr.eqns:
        names.add(equation.primitive.name)
        for inner in jaxprs_in_params(equation.params):
            names |= primitives(inner)
    return names
