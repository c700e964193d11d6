"""Record one side of a comparison to a file, and compare two files: one framework at a time."""

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors.numpy

from d2l_common.arrays import to_numpy
from d2l_common.checks.arguments import check_count, check_nonnegative
from d2l_common.training.history import History
from d2l_common.weight_files import check_path, metadata, read_tensors, write_file
from d2l_parity.activations import Call
from d2l_parity.closeness import relative_gap
from d2l_parity.comparison import Comparison
from d2l_parity.dropout_masks import NOTHING_DROPPED
from d2l_parity.first_minibatch import compare_passes
from d2l_parity.layer import Layer
from d2l_parity.matching import best_pairing
from d2l_parity.minibatches import check_data, flatten
from d2l_parity.models import backend_of, random_state_kept
from d2l_parity.pairing import Pairing
from d2l_parity.passes import (
    Observation,
    Passes,
    gradients_of,
    narrowed,
    observe,
    training_passes,
    zero_model_loss,
)
from d2l_parity.report import Report
from d2l_parity.runs import Run, train
from d2l_parity.sides import Arrays, Names, Side

FORMAT = "2"


@random_state_kept()
def record(
    model: Any,
    data: Any,
    path: str | os.PathLike[str],
    loss: Any = None,
    epochs: int = 1,
    lr: float = 0.1,
    optimizer: Any = None,
) -> None:
    """
    Run a model on minibatches, and write what the comparison needs to a safetensors file.

    For those who cannot install both frameworks in one environment: record the PyTorch model in
    one and its port in the other, from equal weights (see `save_weights` and `load_weights`), and
    pass both files to `compare_records`. Dropout drops nothing in a record.

    Parameters
    ----------
    model : nnx.Module or torch.nn.Module
    data : list of minibatches
        As for `compare`; the same for both records.
    path : str or Path
        Ends in `.safetensors`.
    loss : str or callable, optional
        As for `compare`, for this framework alone.
    epochs : int
        Passes over the minibatches, in float64.
    lr : float
        The learning rate of SGD.
    optimizer : optional
        An Optax transformation, or a function that returns PyTorch's optimizer of parameters.

    Raises
    ------
    TypeError, ValueError
        As for `compare`, or if `path` has another ending.
    """
    if isinstance(model, str | os.PathLike):
        raise TypeError("record takes a model, then data, then a path; got a path for the model")
    check_data(data)
    check_count("epochs", epochs)
    check_nonnegative("lr", lr)
    if optimizer is not None and not (hasattr(optimizer, "update") or callable(optimizer)):
        raise TypeError(
            "optimizer must be an Optax transformation, or a function that returns PyTorch's "
            f"optimizer of parameters, got {type(optimizer).__name__}"
        )
    file, backend = check_path(path), backend_of(model)
    if backend is None:
        raise TypeError(
            f"model must be a Flax NNX module or a PyTorch module, got {type(model).__name__}"
        )
    side = Side(backend, model, data, (loss, loss) if callable(loss) else loss, lr, optimizer)
    weights = side.own_weights()
    passes = passes_without_dropout(side, data, weights)
    run = train(side, data, weights, "float64", epochs, keep=False, plan=NOTHING_DROPPED)
    arrays: Arrays = {"losses": run.history.train_loss}
    arrays["scale"] = np.array(zero_model_loss(side, data, weights))
    calls = {}
    for name in ("evaluated", "without"):
        seen: Observation = getattr(passes, name)
        arrays |= {f"{name}/outputs/{i}": x for i, x in enumerate(seen.outputs)}
        arrays[f"{name}/loss"] = np.array(seen.loss)
        arrays |= {f"{name}/state/{k}": x for k, x in seen.state.items()}
        calls[name] = [
            _described(call, f"{name}/calls/{i}", arrays) for i, call in enumerate(seen.calls)
        ]
    for kind, named in (
        ("weights", weights), ("gradients", passes.gradients), ("final", run.final_weights)
    ):  # fmt: skip
        arrays |= {f"{kind}/{name}": x for name, x in named.items()}
    facts = {
        "backend": backend,
        "name": type(model).__name__,
        "layers": [_plain(layer) for layer in side.layers],
        "trained": sorted(side.trained),
        "random": passes.random,
        "narrow": passes.narrow,
        "calls": calls,
        "dropout": [[call.where, call.rate] for call in passes.without.dropout],
        "epochs": epochs,
        "data": fingerprint(side.batches(data, "float64").train_dataloader()),
    }
    text = {**metadata(), "record": FORMAT, "facts": json.dumps(facts)}
    contiguous = {name: np.ascontiguousarray(x) for name, x in arrays.items()}
    write_file(file, safetensors.numpy.save(contiguous, text))


def fingerprint(loader: Any) -> list[tuple[float, float, float]]:
    """
    Return the size of each array of each minibatch, its norm, and a projection of its numbers.

    Arrays with more than two axes are sorted first: each framework has its own layout of images.
    """

    def of(x: Any) -> tuple[float, float, float]:
        array = np.asarray(to_numpy(x), np.float64)
        numbers = np.sort(array, axis=None) if array.ndim > 2 else array.ravel()
        norm = float(np.linalg.norm(numbers))
        return numbers.size, norm, float(numbers @ np.cos(np.arange(numbers.size))) / (norm or 1.0)

    return [of(x) for batch in loader for x in flatten(tuple(batch))[0]]


def same_data(one: Any, other: Any) -> bool:
    """Return whether two fingerprints are of equal minibatches, up to roundings in float32."""
    # Another order of examples moves a projection, in units of the norm, by some tenths.
    return len(one) == len(other) and np.allclose(one, other, rtol=1e-4, atol=1e-4, equal_nan=True)


def passes_without_dropout(side: Side, data: Any, weights: Arrays) -> Passes:
    """Return the passes of one side, in which dropout drops nothing."""
    without = observe(side, data, weights, train=True)
    _, random = training_passes(side, data, weights, without._replace(dropout=[]), NOTHING_DROPPED)
    return Passes(
        observe(side, data, weights),
        without,
        without,
        random,
        narrowed(side, data, weights),
        gradients_of(side, data, weights, not random),
        side.own_state(),
        {},
    )


def compare_records(
    a: str | os.PathLike[str],
    b: str | os.PathLike[str],
    mapping: Mapping[str, str] | None = None,
) -> Report:
    """
    Compare two files that `record` has written, of a JAX and of a PyTorch model, in any order.

    Parameters
    ----------
    a, b : str or Path
    mapping : dict, optional
        As for `compare`.

    Returns
    -------
    Report
        Without runs in float32, and without runs from weights one ulp away.

    Raises
    ------
    ValueError
        If a file is not a record, both are of one framework, parameters cannot be paired, the
        records do not start from equal weights, or they are not of equal minibatches and epochs.
    """
    read = {side["facts"]["backend"]: side for side in map(_read, (a, b))}
    if len(read) < 2:
        raise ValueError("the records must be of a JAX and of a PyTorch model, got two of one")
    read = {backend: read[backend] for backend in ("jax", "torch")}
    ours, theirs = (each["facts"] for each in read.values())
    if not same_data(ours["data"], theirs["data"]):
        raise ValueError("the records must be of the same minibatches; record both again")
    if ours["epochs"] != theirs["epochs"]:
        raise ValueError("the records must be of the same number of epochs; record both again")
    sides = {
        backend: Names([_layer(x) for x in each["facts"]["layers"]], set(each["facts"]["trained"]))
        for backend, each in read.items()
    }

    def orders() -> tuple[list[str], list[str]]:
        found = []
        for backend, side in sides.items():
            names = [call["name"] for call in read[backend]["facts"]["calls"]["evaluated"]]
            calls = side.by_piece([Call(name, None, None, "") for name in names])
            found.append(list(dict.fromkeys(call.name for call in calls)))
        return found[0], found[1]

    def score(pairing: Pairing) -> float:
        sides["jax"].adopt(pairing, sides["torch"].shapes)
        mine, other = (_common(sides[b], read[b], "weights") for b in read)
        return -max(relative_gap(x, other[name]) for name, x in mine.items())

    best = best_pairing(sides, mapping, orders, score, 0.0)
    if score(best) < -1e-6:  # float32 roundings of weights are allowed
        raise ValueError(
            "the records must start from equal weights: save PyTorch's by d2l_torch.save_weights, "
            "load them into the port by d2l_jax.load_weights, and record again"
        )
    passes = {b: _passes(sides[b], read[b]) for b in read}
    initial = _common(sides["torch"], read["torch"], "weights")
    first = compare_passes(sides, initial, passes, alone=best.alone)
    runs = {b: _run(sides[b], read[b]) for b in read}
    counted = sides["torch"].trained & set(sides["jax"].names.values())
    scale = float(read["torch"]["arrays"]["scale"].item())
    both = Comparison("float64", runs["jax"], runs["torch"], {}, scale, (), counted)
    facts = read["torch"]["facts"]
    setting = f"Two records of {facts['epochs']} epochs in float64; dropout dropped nothing."
    return Report(facts["name"], setting, {"float64": both}, first, {}, best)


def _described(call: Call, prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Put the arrays of a call into `arrays`; return the rest of it."""
    sizes = {}
    for kind in ("inputs", "outputs"):
        values = getattr(call, kind)
        sizes[kind] = None if values is None else len(values)
        arrays |= {f"{prefix}/{kind}/{i}": x for i, x in enumerate(values or ())}
    return {"name": call.name, "where": call.where, "rate": call.rate, **sizes}


def _plain(layer: Layer) -> dict[str, Any]:
    """Return a layer as what JSON can hold."""
    return {k: sorted(v) if isinstance(v, frozenset) else v for k, v in layer._asdict().items()}


def _layer(plain: dict[str, Any]) -> Layer:
    sets = {k: frozenset(plain[k]) for k in ("state", "aliases", "absent")}
    shapes = {name: tuple(shape) for name, shape in plain["shapes"].items()}
    return Layer(**plain | sets | {"shapes": shapes})


def _read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the arrays and the facts of a record."""
    file = check_path(path)
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {str(file)!r}; write it with d2l_parity.record")
    arrays, text = read_tensors(file)
    if text.get("record") != FORMAT:
        found = f"one of format {text['record']}" if "record" in text else "another file"
        raise ValueError(
            f"{str(file)!r} must be a file that d2l_parity.record has written, of format {FORMAT}, "
            f"got {found}; record it again"
        )
    return {"arrays": arrays, "facts": json.loads(text["facts"])}


def _under(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Return the arrays whose names begin with `prefix/`, by what follows."""
    start = f"{prefix}/"
    return {name.removeprefix(start): x for name, x in arrays.items() if name.startswith(start)}


def _common(side: Names, each: Mapping[str, Any], prefix: str) -> Arrays:
    return side.by_common_name(_under(each["arrays"], prefix))


def _passes(side: Names, each: Mapping[str, Any]) -> Passes:
    arrays, facts = each["arrays"], each["facts"]

    def observation(name: str) -> Observation:
        def listed(prefix: str, count: int | None) -> list[np.ndarray] | None:
            return None if count is None else [arrays[f"{prefix}/{i}"] for i in range(count)]

        calls = [
            Call(
                call["name"],
                listed(f"{name}/calls/{i}/inputs", call["inputs"]),
                listed(f"{name}/calls/{i}/outputs", call["outputs"]),
                call["where"],
                call["rate"],
            )
            for i, call in enumerate(facts["calls"][name])
        ]
        outputs = _under(arrays, f"{name}/outputs")
        dropout = [Call("dropout", None, None, *facts_) for facts_ in facts["dropout"]]
        return Observation(
            [outputs[str(i)] for i in range(len(outputs))],
            float(arrays[f"{name}/loss"].item()),
            side.by_piece(calls),
            dropout,
            _common(side, each, f"{name}/state"),
        )

    without = observation("without")
    narrow, random = facts["narrow"], facts["random"]
    gradients = _common(side, each, "gradients")
    state = _common(side, each, "evaluated/state")  # as the user's model holds it
    everything = side.by_piece_name(_under(arrays, "gradients"))
    observed = observation("evaluated"), without, without
    return Passes(*observed, random, narrow, gradients, state, everything)


def _run(side: Names, each: Mapping[str, Any]) -> Run:
    history, losses = History(), each["arrays"]["losses"]
    epochs = each["facts"]["epochs"]
    for part in np.split(losses, epochs):
        history.extend("train_loss", part, np.ones(len(part)))
        history.end_epoch(float("nan"))
    return Run(history, _common(side, each, "final"), np.empty(0), {}, {}, [])
