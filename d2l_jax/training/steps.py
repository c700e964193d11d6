"""
A pass over the data as a compiled program.

`Trainer.train_step` and `Trainer.validation_step` are pure functions `state, batch -> state,
record`; here they are taken over many minibatches.
"""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax import Array
from jax import numpy as jnp
from jax.extend.core import jaxprs_in_params

from d2l_common.training.tape import StepRecord
from d2l_jax.training.cache import setting
from d2l_jax.training.state import State

Step = Callable[[State, Any], tuple[State, StepRecord]]


def over_minibatches(step: Step, gather: Callable[..., Any], batch_size: int) -> Callable[..., Any]:
    """
    Return the pure function `state, arrays, order -> state, records`: `step` on each minibatch.

    Parameters
    ----------
    step : callable
        `state, batch -> state, record`.
    gather : callable
        `arrays, indices -> batch`.
    batch_size : int
        The last minibatch has the remaining rows of `order`. It is taken after the scan, since it
        may be smaller.
    """

    def run(state: State, arrays: Any, order: Array) -> tuple[State, StepRecord]:
        def body(state: State, rows: Array) -> tuple[State, StepRecord]:
            state, record = step(state, gather(arrays, rows))
            return state, record._replace(attributes={})

        full = (len(order) - 1) // batch_size * batch_size
        records = []
        if full:
            state, record = jax.lax.scan(body, state, order[:full].reshape(-1, batch_size))
            records.append(record)
        state, last = step(state, gather(arrays, order[full:]))
        records.append(jax.tree.map(lambda value: jnp.asarray(value)[None], last))
        return state, joined(records)._replace(attributes=last.attributes)

    return run


class Program:
    """
    A step, compiled for the minibatches of a loader.

    An epoch is one scan; but on a CPU a convolution takes five times as long inside a scan, so
    there a step with one is called once a minibatch. The numbers are the same.

    Parameters
    ----------
    step : callable
        A jitted step.
    loader : TensorLoader
    """

    def __init__(self, step: Any, loader: Any):
        self._step, self._loader = step, loader
        self._run = jax.jit(over_minibatches(step, loader.gather, loader.plan.batch_size))
        self._at_once: bool | None = None

    def __call__(
        self, state: State, arrays: Any, order: np.ndarray
    ) -> Iterator[tuple[State, StepRecord]]:
        """Yield the state and the records of consecutive steps over the rows in `order`."""
        if self._at_once is None:
            rows = order[: self._loader.plan.batch_size]
            batch = jax.eval_shape(self._loader.gather, arrays, rows)
            self._at_once = not is_slow_in_scan(self._step, state, batch)
        for rows in [order] if self._at_once else self._loader.plan.split(order):
            state, record = self._run(state, arrays, rows)
            yield state, record


def is_slow_in_scan(step: Any, state: State, batch: Any) -> bool:
    """Return whether a jitted step has a convolution and runs on a CPU."""
    # https://github.com/jax-ml/jax/issues/12868
    [*devices] = jax.tree.leaves(state)[0].devices()
    if devices[0].platform != "cpu" or setting("jax_disable_jit"):
        return False
    return "conv_general_dilated" in primitives(step.trace(state, batch).jaxpr)


def joined(records: list[StepRecord]) -> StepRecord:
    """Return the records of consecutive steps, `(num_steps,)` each, as one."""
    names = [sorted({*record.plotted, *record.returned}) for record in records]
    if names[0] != names[-1]:
        raise ValueError(
            "a step must plot the same names for every minibatch, also for the smaller last one, "
            f"got {names[0]} and then {names[-1]}"
        )
    records = [record._replace(attributes={}) for record in records]
    return jax.tree.map(lambda *values: jnp.concatenate(values), *records)


def primitives(jaxpr: Any) -> set[str]:
    """Return the names of the operations in a jaxpr, also of those inside other operations."""
    jaxpr = getattr(jaxpr, "jaxpr", jaxpr)
    names = set()
    for equation in jaxpr.eqns:
        names.add(equation.primitive.name)
        for inner in jaxprs_in_params(equation.params):
            names |= primitives(inner)
    return names
