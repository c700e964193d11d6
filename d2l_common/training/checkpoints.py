"""Checkpoints of a training run: what is in them, and how it comes back (section 6.6)."""

import dataclasses
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from d2l_common import __version__
from d2l_common.arrays import describe
from d2l_common.checks.arguments import check_count
from d2l_common.training import checkpoint_files as files
from d2l_common.training.streams import set_stream_states, stream_states
from d2l_common.weight_files import SUFFIX, parse_tensors

STREAMS = "streams.json"  # the random streams that both backends have
NO_AVERAGE = "the average of the weights, which starts from the restored weights"


class Snapshot(NamedTuple):
    """
    The numbers of a model, its optimizer and a framework's random streams.

    Attributes
    ----------
    weights : dict of arrays
        Parameters and state, in PyTorch's names and layout.
    optimizer : dict of arrays
        The optimizer's state in PyTorch's names and layout, such as `net.1.weight.exp_avg`.
    own : dict of arrays
        What only the backend that wrote it can read: random streams, and all that PyTorch and NNX
        do not both have.
    facts : dict
        What JSON can hold: the optimizer's class, its hyperparameters, and under `lost` what of
        weights and optimizer is in `own` alone.
    """

    weights: dict[str, Any]
    optimizer: dict[str, Any]
    own: dict[str, Any]
    facts: dict[str, Any]


class Backend:
    """
    The part of checkpoints that differs between the backends.

    Attributes
    ----------
    name : str
        Of the framework.
    versions : dict of str
    streams : module
        It holds the library's own random streams.
    """

    name: str
    versions: Mapping[str, str]
    streams: Any

    def take(self, model: Any, optimizer: Any, owners: Mapping[str, Any]) -> Snapshot:
        """Return the numbers of a model, an optimizer or None, and of random streams."""
        raise NotImplementedError

    def restore(
        self, model: Any, optimizer: Any, owners: Mapping[str, Any], taken: Snapshot, is_own: bool
    ) -> list[str]:
        """Set them to a snapshot of either backend; return what in it is missing."""
        raise NotImplementedError

    def modules(self, model: Any) -> dict[str, Any]:
        """Return a model and its modules by name, `model.net.0` and the like."""
        raise NotImplementedError

    def check(self, model: Any, optimizer: Any) -> None:
        """Raise a TypeError unless these are a model, and an optimizer or None."""
        raise NotImplementedError

    def serialize(self, arrays: dict[str, Any]) -> bytes:
        """Return arrays as the contents of a safetensors file."""
        raise NotImplementedError


def write_checkpoint(
    backend: Backend,
    folder: Path,
    number: int,
    taken: Snapshot,
    streams: Mapping[str, Any],
    keep: int,
    history: Mapping[str, Any] = MappingProxyType({}),
    **facts: Any,
) -> None:
    """
    Write a snapshot, the random streams that both backends have, a history, and more facts.

    `streams` is what `stream_states` returned, `history` arrays by name, `facts` what JSON can
    hold; the last `keep` checkpoints stay.
    """
    arrays = {
        "weights": taken.weights,
        "optimizer": taken.optimizer,
        "own": taken.own,
        "history": dict(history),
    }
    contents = {f"{name}{SUFFIX}": backend.serialize(x) for name, x in arrays.items()}
    contents[STREAMS] = json.dumps(streams).encode()
    versions = {"d2l-twins": __version__, **backend.versions}
    about = {"backend": backend.name, "versions": versions, **taken.facts, **facts}
    files.write(folder, number, contents, about, keep)


def read_checkpoint(folder: Path, number: int) -> tuple[Snapshot, dict[str, Any], dict[str, Any]]:
    """Return the snapshot of a checkpoint, its history, and what its JSON holds."""
    contents, about = files.read(folder, number)
    about["streams"] = json.loads(contents.pop(STREAMS))
    arrays = {
        name.removesuffix(SUFFIX): parse_tensors(folder / name, data)[0]
        for name, data in contents.items()
    }
    history = arrays.pop("history")
    return Snapshot(**arrays, facts=about), history, about


def last_good(folder: Path) -> tuple[Path, Snapshot, dict[str, Any], dict[str, Any]] | None:
    """
    Return path, snapshot, history and facts of the last checkpoint that is not damaged.

    Raises
    ------
    DamagedError
        If all are.
    ValueError
        If one is of a newer format.
    """
    error = None
    for number in files.numbers(folder):
        try:
            return files.path_of(folder, number), *read_checkpoint(folder, number)
        except files.DamagedError as damage:
            error = error or damage
            warnings.warn(f"skipping a checkpoint: {damage}", stacklevel=5)
    if error is not None:
        raise error
    return None


def restore(
    backend: Backend,
    path: Path,
    taken: Snapshot,
    model: Any,
    optimizer: Any,
    owners: Mapping[str, Any],
) -> None:
    """
    Set model, optimizer and random streams to those of a checkpoint.

    Raises
    ------
    ValueError
        If they do not fit it.
    """
    written_by = taken.facts["backend"]
    is_own = written_by == backend.name
    lost = [] if is_own else list(taken.facts["lost"])
    try:
        if lost and not taken.weights:
            raise ValueError(f"{written_by} alone can read its weights: {lost[0]}")
        missing = backend.restore(model, optimizer, owners, taken, is_own)
    except ValueError as error:
        raise ValueError(f"{str(path)!r} does not fit the model: {error}") from error
    set_stream_states({**owners, **backend.modules(model)}, taken.facts["streams"])
    what = "does not hold"
    if not is_own:
        what = f"was written with {written_by}, so {backend.name} goes on without"
        streams = f"the random streams of {written_by}"
        missing = [streams, *(lost if optimizer is not None else ()), *missing]
    if missing:
        warnings.warn(f"{str(path)!r} {what} {' and '.join(missing)}", stacklevel=5)


def save(
    backend: Backend, path: Any, model: Any, optimizer: Any, step: int, cfg: Any = None
) -> None:
    """Write a checkpoint to the folder `path`, in place of an earlier one."""
    files.as_path(path)
    backend.check(model, optimizer)
    check_count("step", step, minimum=0)
    if dataclasses.is_dataclass(cfg) and not isinstance(cfg, type):
        cfg = dataclasses.asdict(cfg)
    try:
        json.dumps(cfg)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"cfg must be a dataclass or a dict of what JSON can hold, got {describe(cfg)}: {error}"
        ) from error
    owners = {"d2l": backend.streams}
    taken = backend.take(model, optimizer, owners)
    streams = stream_states({**owners, **backend.modules(model)})
    folder = files.check_folder(path)
    number = max(files.numbers(folder), default=0) + 1
    write_checkpoint(backend, folder, number, taken, streams, keep=1, step=step, cfg=cfg)


def load(backend: Backend, path: Any, model: Any, optimizer: Any) -> dict[str, Any]:
    """Set model, optimizer and random streams to those of the last good checkpoint in `path`."""
    folder = files.as_path(path)
    backend.check(model, optimizer)
    found = last_good(folder) if folder.is_dir() else None
    if found is None:
        raise FileNotFoundError(
            f"there is no checkpoint in {str(path)!r}; write it with save_checkpoint, or with "
            "Trainer(checkpoint=...)"
        )
    place, taken, _, about = found
    restore(backend, place, taken, model, optimizer, {"d2l": backend.streams})
    return {
        "model": taken.weights,
        "optimizer": taken.optimizer,
        "step": about["step"],
        "cfg": about.get("cfg"),
    }


def is_plain(value: Any) -> bool:
    """Return whether JSON holds a value and gives it back equal, lists for tuples aside."""
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return isinstance(value, bool | int | float | str)
