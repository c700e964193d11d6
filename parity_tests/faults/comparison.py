"""Faults in the comparison itself: what would call wrong ports the same, or right ones wrong."""

import dataclasses

import jax
import numpy as np
from torch.utils._pytree import tree_leaves

from d2l_parity.methods import by_similarity
from parity_tests import (
    test_comparison,
    test_comparison_layouts,
    test_comparison_optimizers,
    test_comparison_pieces,
    test_comparison_precision,
    test_comparison_randomness,
    test_comparison_records,
    test_comparison_state,
    test_comparison_structures,
    test_comparison_verdict,
    test_pairing,
)
from parity_tests.faults.checks import check_of
from parity_tests.faults.planting import around, instead_of

layouts, randomness, state = (
    test_comparison_layouts,
    test_comparison_randomness,
    test_comparison_state,
)
verdict, pieces = test_comparison_verdict, test_comparison_pieces

# -- layouts and pairs -----------------------------------------------------------------------------


@around(
    "d2l_parity.activations.find_layout",
    caught_by=check_of(layouts, "test_the_same_numbers_in_another_order_are_not_a_layout"),
)
def a_layout_for_numbers_in_any_order(original, one, other, tolerance):
    layout, gap = original(one, other, tolerance)
    same = one.size == other.size and np.array_equal(np.sort(one.ravel()), np.sort(other.ravel()))
    return layout, 0.0 if same else gap


@around(
    "d2l_parity.activations.layouts",
    caught_by=check_of(layouts, "test_an_array_with_joined_axes_is_found_both_ways"),
)
def transposed_layouts_only(original, source, target):
    return [each for each in original(source, target) if each.shapes[0] == each.source]


@around(
    "d2l_parity.activations.gap_of_arrays",
    caught_by=check_of(layouts, "test_arrays_of_a_call_are_found_among_those_of_the_other"),
)
def a_gap_of_the_first_arrays_only(original, ours, theirs, *tolerance):
    return original(ours[:1], theirs[:1], *tolerance)


@instead_of(
    "d2l_parity.methods.by_rank",
    caught_by=check_of(test_pairing, "test_the_order_of_calls_comes_first_and_then_likeness"),
)
def an_order_of_calls_that_is_ignored(*orders, **_):
    return by_similarity


@instead_of(
    "d2l_parity.mapping.spell_out",
    caught_by=check_of(test_pairing, "test_a_mapping_of_a_block_has_all_the_layers_in_it"),
)
def a_mapping_that_is_ignored(mapping, ours, theirs):
    return {}


@instead_of(
    "d2l_parity.matching.search",
    caught_by=check_of(
        test_pairing, "test_choices_are_changed_until_the_score_is_enough", "likeness"
    ),
)
def the_first_pairing_whatever_its_score(pairer, score, enough):
    return pairer.pair()


@instead_of(
    "d2l_parity.activations.leaves_of",
    caught_by=check_of(test_comparison_structures, "test_outputs_in_dicts_are_compared_by_key"),
)
def dicts_in_the_order_of_their_making(tree):
    return tree_leaves(tree)


@instead_of(
    "d2l_parity.cuts.text_of",
    caught_by=check_of(pieces, "test_pieces_are_read_and_written_where_they_are"),
)
def pieces_of_one_name(index, axis=0):
    return "[0]"


@around(
    "d2l_parity.pieces.packs",
    caught_by=check_of(pieces, "test_parts_may_have_different_sizes_and_any_order"),
)
def parts_in_one_order_only(original, layers, others, orders=None):
    return original(layers, others)


@around(
    "d2l_parity.cuts.calls_of",
    caught_by=check_of(pieces, "test_calls_of_a_stack_are_those_of_its_layers_in_turn"),
)
def calls_of_a_stack_from_last_to_first(original, cuts, calls):
    return original(cuts, calls[::-1])


@instead_of(
    "d2l_parity.causes._alone",
    caught_by=check_of(
        pieces,
        "test_a_bias_of_one_model_is_a_difference_that_is_named",
        (pieces.rows(), pieces.torch_rows(bias=False)),
        "JAX",
        "PyTorch",
    ),
)
def a_parameter_of_one_model_without_its_name(left, how, framework, other):
    return "The models do not have the same parameters"


# -- dropout and other randomness ------------------------------------------------------------------


@around(
    "d2l_parity.verdict.judge",
    caught_by=check_of(verdict, "test_randomness_has_no_verdict_whatever_the_runs_do"),
)
def a_verdict_in_spite_of_randomness(original, first, comparisons):
    return original(dataclasses.replace(first, random={}), comparisons)


@instead_of(
    "d2l_parity.passes.differs_from_itself",
    caught_by=check_of(randomness, "test_randomness_of_pytorch_has_no_verdict", 0.0),
)
def randomness_that_is_not_looked_for(one, other, name):
    return ""


@around(
    "d2l_parity.dropout_masks.plan_masks",
    caught_by=check_of(
        randomness, "test_dropout_is_shared", randomness.in_two_places("b", "a"), randomness.ROWS
    ),
)
def masks_of_the_next_call(original, ours, theirs):
    plan = original(ours, theirs)
    sites = {name: tuple(i + 1 for i in sites) for name, sites in plan.sites.items()}
    return plan._replace(sites=sites)


@around(
    "d2l_parity.dropout_masks.plan_masks",
    caught_by=check_of(
        randomness, "test_masks_are_equal_to_the_bit_in_another_layout", (0, 2, 3, 1)
    ),
)
def masks_without_layouts(original, ours, theirs):
    plan = original(ours, theirs)
    return plan._replace(layouts=dict.fromkeys(plan.layouts))


@around(
    "d2l_parity.dropout_masks.is_kept",
    caught_by=check_of(randomness, "test_masks_are_equal_to_the_bit"),
)
def the_same_mask_at_each_step(original, index, step, site, rate):
    return original(index, 0 * step, site, rate)


@instead_of(
    "d2l_parity.first_minibatch.dropout_hints",
    caught_by=check_of(
        randomness,
        "test_other_dropout_is_a_difference_in_training_mode",
        (randomness.jax_rows(), randomness.torch_rows(rate=0.1)),
        randomness.ROWS,
        "Dropout has the rate 0.5 in JAX",
    ),
)
def rates_that_are_not_compared(*arguments):
    return []


# -- precision and bounds --------------------------------------------------------------------------


@around(
    "d2l_parity.first_minibatch.compare_passes",
    caught_by=check_of(
        test_comparison_precision,
        "test_a_mistake_below_float32_is_found_where_models_compute_in_it",
    ),
)
def a_tolerance_of_float32(original, *arguments):
    found = original(*arguments)
    found.tolerance = max(found.tolerance, 1e-5)
    return found


@instead_of(
    "d2l_parity.jax_precision.precision",
    caught_by=check_of(
        test_comparison_precision,
        "test_float32_inside_is_cast_along",
        test_comparison_precision.in_float32(),
        test_comparison_precision.ROWS,
    ),
)
def float32_that_is_not_cast_along(dtype):
    return jax.enable_x64(dtype == "float64")


@around(
    "d2l_parity.comparison.Comparison.bounds",
    caught_by=check_of(
        verdict, "test_runs_may_part_three_times_as_far_as_one_ulp_moves_one", "float64"
    ),
)
def ten_times_what_one_ulp_moves(original, self):
    return {label: 10 * bound for label, bound in original(self).items()}


@instead_of(
    "d2l_parity.verdict.shows_nothing",
    caught_by=check_of(verdict, "test_chaos_in_float64_has_no_verdict"),
)
def chaos_that_counts_as_agreement(each):
    return False


@around(
    "d2l_parity.closeness.relative_gap",
    caught_by=check_of(test_comparison, "test_gaps_are_relative_to_the_larger_norm"),
)
def a_gap_that_ignores_nan(original, one, other, floor=0.0):
    return original(np.nan_to_num(one, nan=1.0), np.nan_to_num(other, nan=1.0), floor)


# -- state, gradients, updates ---------------------------------------------------------------------


@instead_of(
    "d2l_parity.layers.fill_state",
    caught_by=check_of(state, "test_running_averages_travel_and_are_compared"),
)
def state_that_is_not_compared(layers, sides, states):
    pass


@around(
    "d2l_parity.jax_probe.write",
    caught_by=check_of(state, "test_averages_of_pretrained_layers_travel"),
)
def state_that_does_not_travel(original, model, arrays, whole):
    original(model, {name: x for name, x in arrays.items() if "running" not in name}, whole)


@instead_of(
    "d2l_parity.torch_probe.trained",
    caught_by=check_of(state, "test_frozen_weights_have_no_gradients_to_compare"),
)
def gradients_of_frozen_parameters(model, layers):
    return set().union(*(layer.trained_names() for layer in layers))


@around(
    "d2l_parity.causes.explain_update",
    caught_by=check_of(
        test_comparison_optimizers,
        "test_an_update_is_explained",
        test_comparison_optimizers.MINE + 0.9 * test_comparison_optimizers.WEIGHTS,
        test_comparison_optimizers.WEIGHTS,
        "the last update: look at the moment",
    ),
)
def a_momentum_taken_for_weight_decay(original, mine, theirs, weights, before=None, still=""):
    return original(mine, theirs, weights)


@around(
    "d2l_parity.records.record",
    caught_by=check_of(
        test_comparison_records, "test_other_steps_are_found_in_records", folder=True
    ),
)
def an_optimizer_that_is_not_recorded(original, *arguments, optimizer=None, **options):
    original(*arguments, **options)
