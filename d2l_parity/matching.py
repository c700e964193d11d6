"""Pair the layers of two models, and try which of several possible pairings holds."""

import dataclasses
import functools
import importlib
from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Any

import numpy as np

from d2l_parity.activations import gap_of_calls
from d2l_parity.cuts import Cut, cut_layers
from d2l_parity.layer import Layer
from d2l_parity.layers import modules_of
from d2l_parity.mapping import spell_out
from d2l_parity.minibatches import check_modules
from d2l_parity.models import check_models, check_optimizer
from d2l_parity.pairer import Pairer
from d2l_parity.pairing import SQUARES, Pairing
from d2l_parity.passes import Observation, observe, results_gap
from d2l_parity.pieces import PLAIN, Packing, blocks_of, opened, packings_of, packs, stacks
from d2l_parity.sides import COMPOSITES, Arrays, Names, Side, unlike_constants
from d2l_parity.tolerances import SAME_LAYER


def pair(
    jax_model: Any,
    torch_model: Any,
    data: Any,
    loss: Any = None,
    lr: float = 0.1,
    mapping: Mapping[str, str] | None = None,
    optimizer: Any = None,
) -> tuple[dict[str, Side], Pairing]:
    """
    Return both sides, `{"jax": Side, "torch": Side}`, of the arguments of `compare`, and the pairs.

    Where names and shapes leave several pairings, each is tried on the first minibatch, and the
    one is taken with which the models agree; if there is none, that with which they agree longest.
    """
    check_models(jax_model, torch_model)
    check_optimizer(optimizer)
    check_modules(data, [importlib.import_module(f"d2l_{backend}") for backend in ("torch", "jax")])
    own = optimizer or (None, None)
    theirs = Side("torch", torch_model, data, loss, lr, own[1])
    # A layer that PyTorch has as a whole is compared as a whole, others in their parts.
    whole = COMPOSITES & {layer.kind for layer in theirs.layers}
    ours = Side("jax", jax_model, data, loss, lr, own[0], whole)
    sides = {"jax": ours, "torch": theirs}

    def orders() -> tuple[list[str], list[str]]:
        found = []
        for side in sides.values():
            calls = observe(side, data, side.own_weights(), train=True).calls
            found.append(list(dict.fromkeys(call.name for call in calls)))
        return found[0], found[1]

    def agreement(pairing: Pairing) -> float:
        ours.adopt(pairing, theirs.shapes)
        weights, shared = theirs.own_weights(), set(pairing.names.values())
        weights |= distinct({name: x for name, x in weights.items() if name in shared})
        # Of one set of names, the same weights.
        names = *theirs.pieces, *sorted(shared)
        if names not in reference:
            reference.clear()
            reference[names] = observe(theirs, data, weights)
        return agreeing_layers(sides, observe(ours, data, weights), reference[names])

    reference: dict[tuple[str, ...], Observation] = {}
    best = best_pairing(sides, mapping, orders, agreement, float("inf"))
    add_biases(best, sides)
    ours.adopt(best, theirs.shapes)
    own = with_own_constants(best, sides, mapping or {})
    if own:  # only if the models agree so, and not with equal numbers
        best = own if agreement(best) < agreement(own) == float("inf") else best
        ours.adopt(best, theirs.shapes)
    return sides, best


def best_pairing(
    sides: Mapping[str, Names],
    mapping: Mapping[str, str] | None,
    orders: Callable[[], tuple[list[str], list[str]]],
    score: Callable[[Pairing], float],
    enough: float,
) -> Pairing:
    """
    Cut the arrays that one side alone packs or stacks, and return the best pairing.

    Packed arrays are cut in each order of their parts until the score is `enough`; and where no
    order is better than another, in blocks that have a share of each part.
    """

    def pairing_of(packing: Packing) -> Pairing:
        cut_sides(sides, mapping, packing)
        ours, theirs = (side.layers for side in sides.values())
        return search(Pairer(ours, theirs, mapping, orders), score, enough)

    cuts = cut_sides(sides, mapping)
    if len(packings_of(cuts)) == 1:
        return pairing_of(PLAIN)
    found: list[tuple[float, Packing]] = []
    for packings in (packings_of(cuts), packings_of(cuts, blocks_of(cuts))):
        for packing in packings:
            pairing = pairing_of(packing)
            found.append((score(pairing), packing))
            if found[-1][0] >= enough:
                return pairing
        scores = [value for value, _ in found]
        if max(scores) > min(scores):
            break
    return pairing_of(max(found, key=lambda each: each[0])[1])


def search(pairer: Pairer, score: Callable[[Pairing], float], enough: float) -> Pairing:
    """
    Return the pairing with the highest score among those that names and shapes allow.

    One choice is changed after the other, until the score is `enough` or no change helps.
    """
    best = pairer.pair()
    if not best.choices:
        return best
    options, made = best.choices, frozenset[Hashable]()
    value = score(best)
    trials = [frozenset(options) - {SQUARES}, *(frozenset({option}) for option in options)]
    if SQUARES in options:
        trials += [frozenset({option, SQUARES}) for option in options if option != SQUARES]
    tried, helped = {made}, True
    while helped and value < enough:  # what helps may do so only after another one has
        helped = False
        for trial in trials:
            # A choice is added to those that have helped, or taken back.
            changed = trial if trial == trials[0] else made ^ trial
            if value >= enough or changed in tried:
                continue
            tried.add(changed)
            pairing = pairer.pair(changed)
            found = score(pairing)
            if found > value:
                best, value, made, helped = pairing, found, changed, True
    return best


def cut_sides(
    sides: Mapping[str, Names], mapping: Mapping[str, str] | None, packing: Packing = PLAIN
) -> list[Cut]:
    """Cut what one side alone packs or stacks, except what `mapping` names; return the cuts."""
    named = {*(mapping or {}), *(mapping or {}).values()}
    layers = [side.whole_layers for side in sides.values()]
    layers = [opened(layers[i], layers[1 - i]) for i in (0, 1)]
    found: list[list[Cut]] = [[], []]
    for cuts_of in (stacks, functools.partial(packs, packing=packing)):
        free = [[x for x in side if not (x.kind and is_named(x, named))] for side in layers]
        cuts = [cuts_of(free[i], free[1 - i]) for i in (0, 1)]
        cuts = [[each for each in own if not is_named(each.layer, named)] for own in cuts]
        layers = [cut_layers(layers[i], cuts[i]) for i in (0, 1)]
        found = [found[i] + cuts[i] for i in (0, 1)]
    for side, own, made in zip(sides.values(), layers, found, strict=True):
        side.cut(own, made)
    return found[0] + found[1]


def is_named(layer: Layer, names: Collection[str]) -> bool:
    """Return whether a layer, an array of it, or a module around it is among `names`."""
    own = {layer.name, layer.place, *layer.params.values(), *layer.places.values()}
    return any(f"{each}.".startswith(f"{name}.") for each in own for name in names)


def add_biases(pairing: Pairing, sides: Mapping[str, Side]) -> None:
    """Let the bias of a recurrent layer of NNX be the one that PyTorch trains, if it is one."""
    for layer in sides["jax"].layers:
        biases = [layer.params.get(local, "") for local in ("bias_ih", "bias_hh")]
        if layer.kind.startswith(("LSTM", "RNN")) and all(name in pairing.names for name in biases):
            torch_names = [pairing.names[name] for name in biases]
            trained = [name in sides["torch"].trained for name in torch_names]
            absent = ["bias_ih" in layer.absent, "bias_hh" in layer.absent]
            if trained == absent and trained[0] != trained[1]:
                pairing.names |= dict(zip(biases, reversed(torch_names), strict=True))


def with_own_constants(
    pairing: Pairing, sides: Mapping[str, Side], mapping: Mapping[str, str]
) -> Pairing | None:
    """
    Return a pairing without the state of which each side has numbers of its own; None without any.

    A scale may be a factor in one model, and a divisor of the same name in the other.
    """
    ours, theirs = (side.own_state() for side in sides.values())
    unlike = unlike_constants(sides["torch"], ours, theirs)
    unlike -= set(spell_out(mapping, *(side.layers for side in sides.values())).values())
    if not unlike:
        return None
    return dataclasses.replace(
        pairing,
        names={name: common for name, common in pairing.names.items() if common not in unlike},
        left_out=pairing.left_out
        + [
            f"`{name}` holds different numbers in JAX and in PyTorch. With their own the models "
            "agree, so each keeps them."
            for name in sorted(unlike)
        ],
    )


def agreeing_layers(sides: Mapping[str, Side], ours: Observation, theirs: Observation) -> float:
    """Return how many layers agree before the first that does not; infinite if the models agree."""
    if max(results_gap(ours, theirs)) <= SAME_LAYER:
        return float("inf")
    modules, count = modules_of(sides), 0
    for name in dict.fromkeys(call.name for call in theirs.calls):
        if name not in modules:
            continue
        calls = [call for call in ours.calls if call.name == modules[name].jax]
        gap = gap_of_calls(calls, [call for call in theirs.calls if call.name == name], "outputs")
        if gap > SAME_LAYER:
            break
        count += not np.isnan(gap)
    return count


def distinct(weights: Arrays) -> Arrays:
    """Return weights in which no two arrays are equal, as those of fresh normalizations are."""
    rng = np.random.default_rng(0)
    return {
        # Factors and terms are positive, since running variances are.
        name: x * rng.uniform(0.9, 1.1, x.shape) + 0.01 * rng.uniform(0, 1, x.shape)
        if x.dtype.kind == "f"
        else x
        for name, x in weights.items()
    }
