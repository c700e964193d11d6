"""Verdicts and bounds, from runs and first minibatches that are made up."""

import numpy as np
import pytest

from d2l_common.training.history import History
from d2l_parity import Verdict
from d2l_parity.compare import add_nudged_runs
from d2l_parity.comparison import Comparison
from d2l_parity.first_minibatch import FirstMinibatch
from d2l_parity.layers import Layer
from d2l_parity.runs import Run
from d2l_parity.tolerances import RUNS
from d2l_parity.verdict import judge

STEPS = 4
WEIGHTS = {"w": np.ones(3), "state": np.ones(2)}


def run(gap=0.0, outputs=(), val_gap=None, val_acc=None, **weights):
    """Return a run whose losses are `1 + gap`, with `weights` of its end."""
    history = History()
    history.extend("train_loss", np.full(STEPS, 1 + gap), np.ones(STEPS))
    if val_gap is not None:
        history.extend("val_loss", np.array([1 + val_gap]), np.ones(1))
        history.extend("val_acc", np.array([val_acc]), np.ones(1))
    history.end_epoch(1.0)
    final = WEIGHTS | {name: np.full(len(WEIGHTS[name]), value) for name, value in weights.items()}
    return Run(history, final, np.empty(0), {}, {}, [[np.array(x)] for x in outputs])


def comparison(dtype="float64", gap=0.0, one_ulp=None, jax=None, **options):
    """Return a comparison with a gap of the losses, relative to the loss plus the scale 1."""
    nudged = {} if one_ulp is None else {"torch": [run(2 * one_ulp)]}
    ours = run(2 * gap) if jax is None else jax
    return Comparison(dtype, ours, options.pop("torch", run()), nudged, 1.0, (), ["w"], **options)


def first(**gaps):
    """Return a first minibatch without differences except `gaps`."""
    given = {"output": 0.0, "loss": 0.0, "train_output": 0.0, "train_loss": 0.0} | gaps
    layers = given.pop("layers", [Layer("fc", "hidden", 0.0, 0.0, 0.0, 0.0, {"fc.weight": 0.0})])
    return FirstMinibatch(layers, **given, paths={"fc.weight": "hidden.kernel", "w": "w"})


def verdict(minibatch=None, **comparisons):
    return judge(minibatch or first(), comparisons)


# -- bounds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_losses_may_part_by_the_bound_of_the_precision(dtype):
    bound = RUNS[dtype].loss
    assert not comparison(dtype, 0.9 * bound).exceeded()
    assert list(comparison(dtype, 1.1 * bound).exceeded()) == ["training loss"]
    # Computed in less than float64, runs are judged as those of float32.
    assert not comparison("float64", 1e-6, judged_as="float32").exceeded()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_runs_may_part_three_times_as_far_as_one_ulp_moves_one(dtype):
    moved = 10 * RUNS[dtype].loss
    assert not comparison(dtype, 2.9 * moved, one_ulp=moved).failures()
    assert comparison(dtype, 3.1 * moved, one_ulp=moved).failures()
    # One ulp that moves less than the bound leaves it as it is.
    assert comparison(dtype, 1.1 * RUNS[dtype].loss, one_ulp=0.1 * RUNS[dtype].loss).failures()


def test_validation_may_part_as_far_as_the_losses_of_training():
    """Few numbers: those of a chaotic run may be close to those of another one by chance."""
    torch, nudged, ours = (
        run(gap, val_gap=val_gap, val_acc=val_acc)
        for gap, val_gap, val_acc in ((0, 0, 0.5), (2e-3, 1e-9, 0.5), (2e-3, 2e-3, 0.4))
    )
    found = Comparison("float32", ours, torch, {"torch": [nudged]}, 1.0)
    assert found.failures() == []
    quiet = Comparison("float32", ours, torch, {"torch": [torch]}, 1.0)
    assert list(quiet.exceeded()) == ["training loss", "validation loss", "validation accuracy"]
    beyond = Comparison("float32", run(2e-3, val_gap=1e-2, val_acc=0.5), torch, found.nudged, 1.0)
    assert list(beyond.exceeded()) == ["validation loss"]


def test_chaos_that_decides_is_drawn_more_often():
    """Of 2 runs both may stay close by chance; more are made only where that would decide."""
    seeds = []

    def make(side, dtype, seed):
        seeds.append((side, seed))
        return run((gap if side == "ours" else 0) + (8e-4 if seed == 7 else 2e-4))

    sides = {"jax": "ours", "torch": "theirs"}
    for gap, agree_at_first, number in ((1e-4, True, 4), (2e-3, True, 10), (2e-3, False, 4)):
        seeds.clear()
        found = Comparison("float32", run(gap), run(), {}, 1.0)
        add_nudged_runs(found, sides, make, None, agree_at_first)
        assert len(seeds) == number
        assert bool(found.failures()) == (not agree_at_first)
    assert seeds == [("ours", 0), ("ours", 1), ("theirs", 0), ("theirs", 1)]


def test_weights_and_state_are_compared_one_by_one():
    for name, label in (("w", "final weights"), ("state", "final state")):
        found = comparison(jax=run(**{name: 1 + 1e-9}))
        assert list(found.exceeded()) == [label]
        assert not comparison(jax=run(**{name: 1 + 1e-11})).exceeded()


def test_predicted_classes_are_equal_in_float64():
    logits = [[[0.0, 1.0], [1.0, 0.0]]]
    turned = [[[1.0, 0.0], [1.0, 0.0]]]
    found = comparison(jax=run(outputs=turned), torch=run(outputs=logits))
    assert found.predictions() == (1, 2)
    assert found.failures() == ["float64: 1 of 2 predicted classes differ"]
    assert comparison(jax=run(outputs=logits), torch=run(outputs=logits)).failures() == []
    rough = comparison("float32", jax=run(outputs=turned), torch=run(outputs=logits))
    assert rough.failures() == []


def test_no_bound_allows_an_infinite_loss():
    found = comparison(gap=np.inf, one_ulp=np.inf)
    assert any("the loss of JAX is inf from step 0 on" in text for text in found.failures())


# -- verdicts --------------------------------------------------------------------------------------


def test_equal_runs_are_the_same():
    assert verdict(float64=comparison()) == (Verdict.SAME, [])
    assert verdict(float32=comparison("float32"), float64=comparison()) == (Verdict.SAME, [])


def test_chaos_in_float32_leaves_float64_to_decide():
    chaotic = comparison("float32", gap=0.02, one_ulp=0.02)
    assert verdict(float32=chaotic, float64=comparison(one_ulp=0.0))[0] is Verdict.SAME_IN_FLOAT64
    parted = comparison("float32", gap=0.5, one_ulp=0.02)  # shows nothing, whatever its gap
    assert verdict(float32=parted, float64=comparison(one_ulp=0.0))[0] is Verdict.SAME_IN_FLOAT64
    wrong = comparison(gap=1e-6, one_ulp=0.0)
    assert verdict(float32=chaotic, float64=wrong)[0] is Verdict.DIFFERENT


def test_chaos_in_float64_has_no_verdict():
    found, reasons = verdict(float64=comparison(gap=2e-3, one_ulp=2e-3))
    assert found is Verdict.UNDECIDED
    assert reasons[0].startswith("Training is chaotic even in float64: one ulp in the initial weig")
    assert "moves the loss by 2.0e-03" in reasons[0]
    found, reasons = verdict(float32=comparison("float32", gap=0.02, one_ulp=0.02))
    assert found is Verdict.UNDECIDED  # in float64 nothing is known
    assert reasons[0].startswith("Training is chaotic in float32: one ulp")
    assert "try float64, a lower learning rate" in reasons[0]


@pytest.mark.parametrize(
    ("minibatch", "words"),
    [
        (first(output=1e-6), "The outputs differ: look after `fc` (`hidden` in JAX)."),
        (first(loss=1e-6), "The outputs are the same, but the losses differ: look at the loss."),
        (first(train_output=1e-6), "In training mode: The outputs differ: look after `fc`"),
        (first(train_loss=1e-6), "In training mode: The outputs are the same, but the losses di"),
        (
            first(layers=[Layer("fc", "hidden", 1e-6, 1e-6)], output=1e-6),
            "The input of `fc` (`hidden` in JAX) differs: look before it.",
        ),
        (
            first(layers=[Layer("fc", "hidden", 0, 1e-6, where=("a.py:1", "b.py:2"))], output=1e-6),
            "`fc` (`hidden` in JAX) returns a different output for the same input. JAX calls it "
            "at a.py:1, PyTorch at b.py:2.",
        ),
        (
            first(layers=[Layer("fc", "hidden", 0, 0, 0, 0, {"fc.weight": 1e-6})]),
            "Outputs and loss are the same, but the gradients differ, from `fc.weight` "
            "(`hidden.kernel` in JAX) backward: look at the loss.",
        ),
        (
            first(layers=[Layer("norm", "norm", 0, 0, 0, 0, {}, {"norm.running_var": 1e-6})]),
            "`norm` updates its state differently in training mode. Look at the momentum and at",
        ),
    ],
)
def test_a_difference_on_the_first_minibatch_decides(minibatch, words):
    found, reasons = verdict(minibatch, float64=comparison())
    assert found is Verdict.DIFFERENT
    assert reasons[0].startswith(words)
    minibatch.random = {"JAX": "JAX draws random numbers."}
    assert verdict(minibatch, float64=comparison())[0] is Verdict.DIFFERENT


def test_layers_that_differ_without_consequence_are_no_difference():
    """Their outputs may be cut or joined in another way; they only say where runs may part."""
    minibatch = first(layers=[Layer("fc", "hidden", 0, 1e-6, 0, 1e-6)])
    assert verdict(minibatch, float64=comparison()) == (Verdict.SAME, [])
    found, reasons = verdict(minibatch, float64=comparison(gap=1e-6))
    assert found is Verdict.DIFFERENT
    assert reasons[0].startswith("`fc` (`hidden` in JAX) returns a different output")


def test_runs_that_both_diverge_have_no_verdict():
    bad = [run(np.inf), run(np.inf)]
    found, reasons = verdict(float64=comparison(jax=bad[0], torch=bad[1]))
    assert found is Verdict.UNDECIDED
    assert reasons[0].startswith("Training diverges on both sides, so it shows nothing: try a low")
    found, _ = verdict(float64=comparison(jax=bad[0]))
    assert found is Verdict.DIFFERENT


def test_randomness_has_no_verdict_whatever_the_runs_do():
    for gap in (0.0, 1.0):
        minibatch = first(train_output=np.nan, train_loss=np.nan)
        minibatch.random = {"JAX": "JAX draws random numbers after `fc`."}
        found, reasons = verdict(minibatch, float64=comparison(gap=gap))
        assert found is Verdict.UNDECIDED
        assert reasons[0] == "JAX draws random numbers after `fc`."


def test_runs_that_part_after_equal_first_minibatches():
    found, reasons = verdict(float64=comparison(jax=run(state=2.0)))
    assert found is Verdict.DIFFERENT
    assert reasons[0].startswith("Training is the same and validation is not: look at what evalu")
    found, reasons = verdict(float64=comparison(gap=1e-6))
    assert reasons[0].startswith("The first minibatch is the same forward and backward: look at")
