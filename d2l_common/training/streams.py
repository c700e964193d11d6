"""Streams of random numbers that need neither framework: Python's, NumPy's, and readers' own."""

import random
from collections.abc import Mapping
from typing import Any

import numpy as np


def streams(owners: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return Python's and NumPy's global streams, and those among the attributes of `owners`, by name.

    Parameters
    ----------
    owners : dict
        Objects and modules by name, such as a data module.
    """
    found: dict[str, Any] = {"random": random, "numpy.random": np.random}
    kinds = random.Random, np.random.Generator, np.random.RandomState
    for name, owner in owners.items():
        for attribute, value in getattr(owner, "__dict__", {}).items():
            if isinstance(value, kinds):
                found[f"{name}.{attribute}"] = value
    return found


def stream_states(owners: Mapping[str, Any]) -> dict[str, Any]:
    """Return the states of `streams(owners)` as JSON can hold them."""
    return {name: as_json(state_of(stream)) for name, stream in streams(owners).items()}


def set_stream_states(owners: Mapping[str, Any], states: Mapping[str, Any]) -> None:
    """Set the streams of `owners` to states that `stream_states` returned; skip unknown ones."""
    for name, stream in streams(owners).items():
        if name in states:
            set_state(stream, states[name])


def state_of(stream: Any) -> Any:
    """Return the state of a stream of Python or NumPy."""
    if isinstance(stream, np.random.Generator):
        return stream.bit_generator.state
    return stream.getstate() if hasattr(stream, "getstate") else stream.get_state(legacy=False)


def set_state(stream: Any, state: Any) -> None:
    """Set the state of a stream to that which `state_of` returned, also if it was JSON since."""
    if isinstance(stream, np.random.Generator):
        stream.bit_generator.state = state
    elif hasattr(stream, "setstate"):
        version, numbers, gauss = state
        stream.setstate((version, tuple(numbers), gauss))
    else:
        stream.set_state(state)


def as_json(state: Any) -> Any:
    """Return a state with lists instead of tuples and arrays."""
    if isinstance(state, Mapping):
        return {name: as_json(value) for name, value in state.items()}
    if isinstance(state, tuple | list | np.ndarray):
        return [as_json(value) for value in state]
    return state.item() if isinstance(state, np.generic) else state
