"""Train two models side by side, and report whether they are the same."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from d2l_common.checks.arguments import check_count, check_nonnegative
from d2l_common.weights import as_arrays, check_weights
from d2l_parity.causes import explain_lost, lost
from d2l_parity.comparison import Comparison
from d2l_parity.first_minibatch import compare_passes
from d2l_parity.mapping import check_mapping
from d2l_parity.matching import pair
from d2l_parity.minibatches import check_data
from d2l_parity.models import random_state_kept
from d2l_parity.passes import (
    gradients_of,
    moved_passes,
    observe,
    passes_of,
    results_gap,
    without_dropout,
    zero_model_loss,
)
from d2l_parity.report import Report
from d2l_parity.rounding import moved_by_one_ulp, negligible, only_rounding
from d2l_parity.runs import Run, train
from d2l_parity.setting import count, describe
from d2l_parity.sides import Arrays, Side
from d2l_parity.tolerances import NARROW_LAYER

# Runs from weights one ulp away, on each backend: more than one, since the gaps of runs scatter.
NUDGES = 2

# In all, in PyTorch, where the first few say that training is chaotic and the models part further.
MANY_NUDGES = 8

# Models of so many parameters get those runs only where they decide, and in PyTorch alone, whose
# steps on a CPU take a fraction of the time: how fast one ulp grows is a property of the model.
LARGE = 10**6


@random_state_kept()
def compare(
    jax_model: Any,
    torch_model: Any,
    data: Any,
    loss: Any = None,
    mapping: Mapping[str, str] | None = None,
    epochs: int = 3,
    lr: float = 0.1,
    gradient_clip_val: float = 0,
    weights: Mapping[str, np.ndarray] | None = None,
    num_gpus: int = 0,
    name: str | None = None,
    nudges: int | None = None,
    optimizer: Any = None,
    dtypes: Sequence[str] = ("float32", "float64"),
    num_devices: int | None = None,
) -> Report:
    """
    Train two models from equal weights on equal minibatches, and report how far they part.

    Each is trained in float64, where roundings are too small to hide a mistake, and in float32,
    where they grow; there also from initial weights that were moved by one unit in the last
    place: gaps as small as those that this opens mean nothing. Dropout layers of both get the
    same masks. The models stay as they are.

    Layers are paired by their names, or by their shapes and the order of their calls. The JAX
    model gets the parameters, the running averages and the other buffers of the PyTorch model.
    Arguments of a model's call such as `train` or `deterministic` are set as its mode is.

    Parameters
    ----------
    jax_model : nnx.Module
    torch_model : torch.nn.Module
        Any modules; a `d2l.Module` may bring its own loss and optimizer.
    data : list of minibatches, or callable
        Minibatches `(*inputs, targets)` of arrays or tensors, or of tuples and dicts of them, for
        both models; an input that is a dict with the names of arguments is passed by keyword. Or a
        function that returns a data module of the package (`d2l_jax` or `d2l_torch`) that is
        passed to it, such as `lambda d2l: d2l.Digits(batch_size=100)`.
    loss : str or callable, optional
        `'softmax_cross_entropy'`, `'cross_entropy'`, `'squared_loss'`, a function of `y_hat` and
        `y` that returns one number, or a pair of these, for JAX and for PyTorch. Required
        unless both models are a `d2l.Module`; with it, both are trained by minibatch SGD.
    mapping : dict, optional
        `{name in JAX: name in PyTorch}` of layers or parameters, such as `{"hidden.kernel":
        "fc1.weight"}`; the rest is paired as above.
    epochs : int
    lr : float
        The learning rate of SGD, where `loss` is given.
    gradient_clip_val : float
        The largest norm of the gradient; 0 for no limit.
    weights : dict of arrays or tensors, optional
        The initial weights, by PyTorch's names; those of `torch_model` if not given.
    num_gpus : int
        With 1, both train on the first GPU, otherwise on the CPU.
    name : str, optional
        The report's title; the class of `torch_model` if not given.
    nudges : int, optional
        Number of runs from weights one ulp away, on each backend. By default 2, and 8 in PyTorch
        before chaotic training counts as different; a model with a million parameters or more gets
        them only if it exceeds the bounds, and only in PyTorch.
    optimizer : pair, optional
        An Optax transformation, and a function that returns PyTorch's optimizer of parameters, in
        the place of SGD: `(optax.adam(1e-3), lambda params: torch.optim.Adam(params, 1e-3))`.
    dtypes : sequence of str
        The precisions of the training runs, of "float32" and "float64". The first minibatch is
        always in float64.
    num_devices : int, optional
        The number of devices, of any kind, that share each minibatch of the JAX model; the PyTorch
        model stays on one, so that the runs also show that several devices change nothing.

    Returns
    -------
    Report

    Raises
    ------
    TypeError
        If an argument has the wrong type: `jax_model` is not a Flax NNX module, say.
    ValueError
        If parameters cannot be paired, `weights` do not fit or are not finite, `data` is empty,
        `loss` is missing or unknown, or a number is out of its range.
    """
    check_data(data)
    check_mapping(mapping)
    check_count("epochs", epochs)
    check_count("num_gpus", num_gpus, minimum=0)
    check_count("nudges", NUDGES if nudges is None else nudges, minimum=0)
    if num_devices is not None:
        check_count("num_devices", num_devices)
    check_nonnegative("lr", lr)
    check_nonnegative("gradient_clip_val", gradient_clip_val)
    check_dtypes(dtypes)
    if not isinstance(name, str | None):
        raise TypeError(f"name must be a string, got {type(name).__name__}")
    sides, pairing = pair(jax_model, torch_model, data, loss, lr, mapping, optimizer)
    given = initial_weights(sides["torch"], weights)
    initial = equal_weights(sides, given)
    scale = zero_model_loss(sides["torch"], data, initial)
    without, plan = without_dropout(sides, data, initial)
    counted = sides["torch"].trained & set(sides["jax"].names.values())

    def run(side: Side, dtype: str, seed: int | None = None) -> Run:
        start = initial if seed is None else moved_by_one_ulp(initial, dtype, seed)
        options = epochs, gradient_clip_val, num_gpus, seed is None, plan, counted
        devices = num_devices if side.backend == "jax" else None
        return train(side, data, start, dtype, *options, devices)

    # The larger arrays first: what they leave free is enough for the others.
    runs = {
        dtype: {backend: run(side, dtype) for backend, side in sides.items()}
        for dtype in sorted(set(dtypes), reverse=True)
    }
    runs = dict(sorted(runs.items()))
    noise = noise_of(runs, counted, run, sides)
    if "float64" in runs:
        gradients = {
            b: {n: x[0] for n, x in each.gradients.items()} for b, each in runs["float64"].items()
        }
    else:
        gradients = {b: gradients_of(side, data, initial, True, plan) for b, side in sides.items()}
    passes = passes_of(sides, data, initial, without, plan, gradients, pairing.alone)
    first = compare_passes(sides, initial, passes, noise, pairing.alone)
    first.constants += lost_numbers(sides, data, given, initial, first.absent)
    if first.first_difference() and not first.random:
        theirs, as_it_is = sides["torch"], passes["torch"]
        moved = moved_passes(theirs, data, initial, plan, as_it_is)
        with_itself = {"jax": moved, "torch": as_it_is}
        first.allow_for(compare_passes({"jax": theirs, "torch": theirs}, initial, with_itself))
    comparisons = {}
    for dtype, both in runs.items():
        judged_as = "float32" if first.is_relaxed() else dtype
        found = Comparison(
            dtype, both["jax"], both["torch"], {}, scale, noise, counted, judged_as=judged_as
        )
        add_nudged_runs(found, sides, run, nudges, not first.first_difference())
        comparisons[dtype] = found
    history = next(iter(runs.values()))["torch"].history
    rate = None if loss is None or optimizer is not None else lr
    where = "GPU" if num_gpus else "CPU"
    if num_devices is not None:
        where += f", in JAX on {count(num_devices, 'device')}"
    setting = describe(sides, data, history, rate, gradient_clip_val, where, list(runs))
    title = name or type(torch_model).__name__
    return Report(title, setting, comparisons, first, noise, pairing)


def assert_same(jax_model: Any, torch_model: Any, data: Any, **options: Any) -> Report:
    """
    Raise an `AssertionError` unless two models are the same; for tests.

    The arguments and the result are those of `compare`.
    """
    report = compare(jax_model, torch_model, data, **options)
    if not report.agree:
        raise AssertionError(
            f"{report.name}: {report.verdict.value}\n" + "\n".join(report.failures)
        )
    return report


def add_nudged_runs(
    found: Comparison,
    sides: Mapping[str, Side],
    run: Callable[[Side, str, int], Run],
    nudges: int | None,
    agree_at_first: bool,
) -> None:
    """
    Add to a comparison its runs from weights one ulp away, as many as `compare` says.

    `run` makes one from its seed. Unless the models `agree_at_first`, on the first minibatch, a
    few are enough.
    """
    number, backends = NUDGES if nudges is None else nudges, list(sides)
    size = sum(x.size for x in found.torch.final_weights.values())
    if nudges is None and size >= LARGE:
        backends = ["torch"] if found.failures() else []
    if number:
        found.nudged = {
            b: [run(sides[b], found.dtype, seed) for seed in range(number)] for b in backends
        }
    if nudges is None and agree_at_first and found.chaos() > 1 and found.failures():
        more = range(number, MANY_NUDGES)
        found.nudged["torch"] += [run(sides["torch"], found.dtype, seed) for seed in more]


def check_dtypes(dtypes: Any) -> None:
    """Raise a `ValueError` unless `dtypes` are of "float32" and "float64", and not empty."""
    is_list = isinstance(dtypes, Sequence) and not isinstance(dtypes, str)
    if not is_list or not dtypes or any(x not in ("float32", "float64") for x in dtypes):
        raise ValueError(f"dtypes must be a list of 'float32' and 'float64', got {dtypes!r}")


def noise_of(
    runs: Mapping[str, Mapping[str, Run]],
    counted: set[str],
    run: Callable[[Side, str], Run],
    sides: Mapping[str, Side],
) -> dict[str, float]:
    """Return the parameters whose gradients are only rounding; `run` makes a missing run."""

    def gradients(dtype: str) -> list[Arrays]:
        both = runs.get(dtype) or {b: run(side, dtype) for b, side in sides.items()}
        found = [
            {n: x for n, x in each.gradients.items() if n in counted} for each in both.values()
        ]
        names = sorted(set.intersection(*(set(x) for x in found)))
        return [{n: x[n] for n in names} for x in found]

    if "float64" not in runs or not negligible(fine := gradients("float64")):
        return {}
    return only_rounding(float32=gradients("float32"), float64=fine)


def initial_weights(side: Side, weights: Any) -> Arrays:
    """Return `weights`, or those of the side's model for None, by common names and checked."""
    arrays = side.own_arrays()
    if weights is not None:
        given = as_arrays(weights)
        state = {name: x for name, x in arrays.items() if name not in side.whole_trained}
        known = state | given
        # A state_dict also lists counters, masks, and tied weights under each of their names.
        unknown = given.keys() - arrays.keys() - side.module.state_dict().keys()
        check_weights({n: x.shape for n, x in arrays.items()}, known, unknown)
        arrays |= {name: x for name, x in given.items() if name in arrays}
    exported = side.by_common_name(arrays)
    for name, array in exported.items():
        if not np.isfinite(array).all():
            raise ValueError(
                f"the initial weights of {name} must be finite; pass weights={{...}} that are"
            )
    return exported


def lost_numbers(
    sides: Mapping[str, Side],
    data: Any,
    given: Arrays,
    held: Arrays,
    explained: Collection[str],
) -> list[str]:
    """
    Return a sentence if PyTorch's model computes otherwise with what the JAX model can hold.

    `given` and `held` are its weights and what the JAX model holds of them; what is missing of the
    names in `explained` is said elsewhere.
    """
    if not lost(sides["jax"], given, held) - set(explained):
        return []
    gap = max(results_gap(*(observe(sides["torch"], data, each) for each in (given, held))))
    # The sum of two biases is rounded to the type of the one.
    is_rounding = gap <= NARROW_LAYER["float32"]
    return [] if is_rounding else [explain_lost(sides["jax"], given, held, gap)]


def equal_weights(sides: Mapping[str, Side], weights: Arrays) -> Arrays:
    """
    Return weights that both models can represent, and that are as close to `weights` as possible.

    NNX's recurrent layers have one bias where PyTorch adds two.
    """
    probe = sides["jax"].probe
    with probe.precision("float64"):
        model = sides["jax"].copy("float64", weights)
        represented = sides["jax"].weights(model)
    return weights | {
        name: x for name, x in represented.items() if not np.array_equal(x, weights[name])
    }
