"""Run the first minibatch through one side, in both modes, and once more to find randomness."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from d2l_parity.activations import Call, gap_of_arrays, gap_of_calls
from d2l_parity.closeness import relative_gap
from d2l_parity.dropout_masks import NOTHING_DROPPED, MaskPlan, plan_masks
from d2l_parity.rounding import moved_by_one_ulp
from d2l_parity.sides import NAMES, Arrays, Side
from d2l_parity.tolerances import SAME_LAYER


class Observation(NamedTuple):
    """
    One minibatch forward through one side; see `observe` of the probes.

    Attributes
    ----------
    outputs, loss
        Of the model.
    calls, dropout : list of Call
        Of the layers, and of dropout where it would drop.
    state : dict of arrays
        After the minibatch, by common names.
    """

    outputs: list[np.ndarray]
    loss: float
    calls: list[Call]
    dropout: list[Call]
    state: Arrays


def observe(
    side: Side,
    data: Any,
    weights: Arrays,
    train: bool = False,
    plan: MaskPlan = NOTHING_DROPPED,
    seed: int = 0,
) -> Observation:
    """Run the first minibatch forward through a side, from `weights`, in float64."""
    with first_batch_of(side, data, weights, plan) as (make_model, batch, masks):
        outputs, loss, calls, model = side.probe.observe(make_model, batch, train, seed)
        after = side.state(model)
    dropout = [call for call in calls if call.name.startswith("dropout ")]
    return Observation(outputs, loss, side.by_piece(calls), [*masks.calls, *dropout], after)


@contextmanager
def first_batch_of(
    side: Side, data: Any, weights: Arrays, plan: MaskPlan
) -> Iterator[tuple[Callable[[], Any], Any, Any]]:
    """Yield a function that returns a copy of the model, the first minibatch, and the masks."""
    with side.probe.precision("float64"), side.probe.shared_masks(plan) as masks:
        batch = side.first_batch(data, "float64")
        yield lambda: masks.apply(side.copy("float64", weights)), batch, masks


def gradients_of(
    side: Side,
    data: Any,
    weights: Arrays,
    train: bool = False,
    plan: MaskPlan = NOTHING_DROPPED,
) -> Arrays:
    """Return the gradients of the first minibatch in float64 by common names."""
    return side.by_common_name(all_gradients(side, data, weights, train, plan))


def all_gradients(
    side: Side, data: Any, weights: Arrays, train: bool = False, plan: MaskPlan = NOTHING_DROPPED
) -> Arrays:
    """Return likewise the gradients of all parameters by the side's own names."""
    with first_batch_of(side, data, weights, plan) as (make_model, batch, _):
        gradients: Arrays = side.probe.gradients(make_model(), batch, train, side.whole)
    return side.by_piece_name(gradients)


def zero_model_loss(side: Side, data: Any, weights: Arrays) -> float:
    """
    Return the loss of the zero model, whose weights are all 0, on the first minibatch.

    A model that divides by its weights has none; then it is that of the weights themselves.
    """
    zeros = {name: 0 * x if name in side.trained else x for name, x in weights.items()}
    losses = (observe(side, data, start).loss for start in (zeros, weights))
    return next(filter(math.isfinite, losses), 0.0)


class Passes(NamedTuple):
    """
    Results of the first minibatch on one side, from equal weights, in float64.

    Attributes
    ----------
    evaluated : Observation
        In evaluation mode.
    without : Observation
        In training mode, with nothing dropped.
    trained : Observation
        In training mode, with the masks of a plan.
    random : str
        A sentence if a second pass in training mode differs from the first.
    narrow : list of str
        Where the side computes in less than float64.
    gradients : dict of arrays
        By common names; in training mode, or in evaluation mode if the side is random.
    own_state : dict of arrays
        The state of the user's model, by common names.
    all_gradients : dict of arrays
        Those of all parameters, by the side's own names; empty if both sides have all.
    always_random : bool
        Whether a second pass in evaluation mode differs from the first as well.
    """

    evaluated: Observation
    without: Observation
    trained: Observation
    random: str
    narrow: list[str]
    gradients: Arrays
    own_state: Arrays
    all_gradients: Arrays
    always_random: bool = False


def passes_of(
    sides: Mapping[str, Side],
    data: Any,
    weights: Arrays,
    without: Mapping[str, Observation],
    plan: MaskPlan,
    gradients: Mapping[str, Arrays],
    alone: Collection[str] = (),
) -> dict[str, Passes]:
    """
    Run the first minibatch through both sides from equal weights.

    `without` and `plan` are what `without_dropout` returned; `gradients` are those of the first
    step of training, which count unless a side is random. `alone` are the sides, "jax" or "torch",
    that have parameters which the other one does not have.
    """
    runs = {b: training_passes(side, data, weights, without[b], plan) for b, side in sides.items()}
    evaluated = {b: observe(side, data, weights) for b, side in sides.items()}
    always = dict.fromkeys(sides, "")
    if max(results_gap(*evaluated.values())) > SAME_LAYER:
        for b, side in sides.items():
            again = observe(side, data, weights, seed=1)
            always[b] = differs_from_itself(evaluated[b], again, NAMES[b])
    unlike = " ".join(
        f"Dropout drops entries of arrays of different sizes in JAX {places}, so that the masks "
        "cannot be equal."
        for places in plan.unlike
    )
    if unlike or any(random for _, random in runs.values()):
        gradients = {b: gradients_of(side, data, weights) for b, side in sides.items()}
    return {
        b: Passes(
            evaluated[b],
            without[b],
            runs[b][0],
            always[b] or runs[b][1] or (unlike if b == "torch" else ""),
            narrowed(side, data, weights),
            gradients[b],
            side.own_state(),
            all_gradients(side, data, weights, True, plan) if b in alone else {},
            bool(always[b]),
        )
        for b, side in sides.items()
    }


def moved_passes(side: Side, data: Any, weights: Arrays, plan: MaskPlan, passes: Passes) -> Passes:
    """Return `passes` of a side with the forward results of weights that are moved by one ulp."""
    start = moved_by_one_ulp(weights, "float64", seed=0)
    return passes._replace(
        evaluated=observe(side, data, start), trained=observe(side, data, start, True, plan)
    )


def training_passes(
    side: Side, data: Any, weights: Arrays, without: Observation, plan: MaskPlan
) -> tuple[Observation, str]:
    """Return a pass in training mode, and a sentence if a second one differs from it."""
    trained = without
    if without.dropout:
        trained = observe(side, data, weights, True, plan)
    again = observe(side, data, weights, True, plan, seed=1)
    return trained, differs_from_itself(trained, again, NAMES[side.backend])


def without_dropout(
    sides: Mapping[str, Side], data: Any, weights: Arrays
) -> tuple[dict[str, Observation], MaskPlan]:
    """Run the first minibatch in training mode with nothing dropped; plan the masks by it."""
    passes = {b: observe(side, data, weights, train=True) for b, side in sides.items()}
    return passes, plan_masks(passes["jax"].dropout, passes["torch"].dropout)


def differs_from_itself(one: Observation, other: Observation, name: str) -> str:
    """Return a sentence if two passes of one side differ; empty if they are the same."""
    after = ""
    for first, second in zip(one.calls, other.calls, strict=False):
        if gap_of_calls([first], [second], "inputs") > SAME_LAYER:
            where = f"between `{after}` and `{first.name}`" if after else f"before `{first.name}`"
            return f"{name} draws random numbers {where}, called at {first.where}."
        if gap_of_calls([first], [second], "outputs") > SAME_LAYER:
            return f"{name} draws random numbers in `{first.name}`, called at {first.where}."
        after = first.name
    if max(results_gap(one, other)) > SAME_LAYER:
        return (
            f"{name} draws random numbers {f'after `{after}`' if after else 'in its forward pass'}."
        )
    return ""


def results_gap(one: Observation, other: Observation) -> tuple[float, float]:
    """Return the gaps of the outputs and of the losses of two passes."""
    outputs = one.outputs, other.outputs
    if len(outputs[0]) != len(outputs[1]):
        gap = float("inf")
    else:
        gap = max((gap_of_arrays([a], [b]) for a, b in zip(*outputs, strict=True)), default=0.0)
    return gap, relative_gap(np.array(one.loss), np.array(other.loss))


def narrowed(side: Side, data: Any, weights: Arrays) -> list[str]:
    """Return where a side computes in less than float64, in training mode."""
    with first_batch_of(side, data, weights, NOTHING_DROPPED) as (make_model, batch, _):
        return side.probe.less_precise(make_model(), batch, True)
