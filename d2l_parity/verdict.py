"""The verdict on two models, from the first minibatch and from the training runs."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from d2l_parity.comparison import Comparison
from d2l_parity.first_minibatch import FirstMinibatch
from d2l_parity.tolerances import SHOWS_NOTHING


class Verdict(Enum):
    """Result of a comparison."""

    SAME = "the same"
    SAME_IN_FLOAT64 = "the same in float64"
    DIFFERENT = "not the same"
    UNDECIDED = "no verdict"


def judge(
    first: FirstMinibatch, comparisons: Mapping[str, Comparison]
) -> tuple[Verdict, list[str]]:
    """Return the verdict and its reasons, the most telling first; none if all is the same."""
    chaotic = {dtype for dtype, each in comparisons.items() if shows_nothing(each)}
    finest = comparisons[max(comparisons)]  # "float64" if it was run
    exceeded = {
        dtype: [] if dtype == "float32" and dtype in chaotic else each.failures()
        for dtype, each in sorted(comparisons.items(), reverse=True)  # float64 first
    }
    failures = [text for each in exceeded.values() for text in each]
    found = first.first_difference()
    if first.nonfinite:
        return Verdict.UNDECIDED, [
            f"The loss of the first minibatch is {first.nonfinite} in both models, so that nothing "
            "can be compared: look for such numbers in data, and for a log or a quotient of 0."
        ]
    if found:
        return Verdict.DIFFERENT, [found, *failures]
    if first.random:
        where = "" if first.always_random else " In evaluation mode the models are the same."
        sentences = [
            *first.random.values(),
            "Without equal random numbers training cannot be compared: make it deterministic on "
            f"both sides, or use nnx.Dropout and nn.Dropout, which get the same masks.{where}",
        ]
        return Verdict.UNDECIDED, sentences
    if first.is_chaotic():
        return Verdict.UNDECIDED, [
            "The forward pass is chaotic even in float64: one ulp in the weights moves the outputs "
            f"or the loss of the first minibatch by {first.one_ulp_gap():.1e}. No layer differs by "
            "more than that explains; compare the parts of the model by themselves to see more."
        ]
    if first.less_than_float32():
        places = "; ".join(f"{side}: {', '.join(p)}" for side, p in first.narrow.items())
        return Verdict.UNDECIDED, [
            "On the first minibatch the models agree as far as their precision goes, which hides "
            f"small mistakes. They compute in less than float32 here: {places}."
        ]
    if finest.diverges():
        return Verdict.UNDECIDED, [
            "Training diverges on both sides, so it shows nothing: try a lower learning rate, or "
            "look for NaN in data. The first minibatch is the same forward and backward.",
            *failures,
        ]
    if failures:
        sentence = first.first_layer() or after_first_minibatch(comparisons)
        return Verdict.DIFFERENT, [sentence, *failures]
    if finest.dtype in chaotic:
        gap = finest.one_ulp_gap.max()
        even, fix = ("even ", "") if finest.dtype == "float64" else ("", "float64, ")
        return Verdict.UNDECIDED, [
            f"Training is chaotic {even}in {finest.dtype}: one ulp in the initial weights moves "
            f"the loss by {gap:.1e}. The first minibatch is the same forward and backward; try "
            f"{fix}a lower learning rate or fewer epochs."
        ]
    return (Verdict.SAME_IN_FLOAT64 if "float32" in chaotic else Verdict.SAME), []


def shows_nothing(each: Comparison) -> bool:
    """Return whether runs are so chaotic that their agreement shows nothing."""
    if each.dtype == "float32" and each.diverges():
        return True  # those in float64 may not, and decide
    return (
        bool(each.nudged) and float(each.one_ulp_gap.max(initial=0.0)) > SHOWS_NOTHING[each.dtype]
    )


def after_first_minibatch(comparisons: Mapping[str, Comparison]) -> str:
    """Return a sentence on runs that part although the first minibatch is the same."""
    finest = comparisons[max(comparisons)]  # "float64" if it was run
    update = finest.first_update()
    if update:
        return update
    labels = {label for each in comparisons.values() for label in each.exceeded()}
    if labels and labels <= {"validation loss", "validation accuracy", "final state"}:
        return (
            "Training is the same and validation is not: look at what evaluation mode changes, "
            "such as dropout or the running averages of batch normalization."
        )
    return (
        "The first minibatch is the same forward and backward: look at the optimizers "
        "or at what changes from step to step."
    )
