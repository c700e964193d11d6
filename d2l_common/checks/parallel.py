"""Parts of a minibatch, one for each device, and checks of them."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

from d2l_common.arrays import describe
from d2l_common.checks.architectures import is_sequence
from d2l_common.checks.arguments import check_count


def part_of(num_examples: int, index: int, num_parts: int) -> slice:
    """Return the examples of part `index`; the sizes of the parts differ by at most one."""
    start, stop = (i * num_examples // num_parts for i in (index, index + 1))
    return slice(start, stop)


def check_parts(num_inputs: int, num_targets: int, devices: Any) -> int:
    """
    Return the number of parts of a minibatch.

    Raises
    ------
    TypeError, ValueError
        If the lengths differ, `devices` is neither a positive integer that divides them nor a
        sequence of devices, or there are more devices than examples.
    """
    if num_inputs != num_targets:
        raise ValueError(
            f"X and y must have the same number of examples, got {num_inputs} and {num_targets}"
        )
    if not (is_sequence(devices) or isinstance(devices, Integral)):
        raise TypeError(f"devices must be a number or a list of devices, got {devices!r}")
    if is_sequence(devices):
        if not 0 < len(devices) <= num_inputs:
            raise ValueError(
                f"devices must be 1 to {num_inputs}, one example each at least, got {len(devices)}"
            )
        return len(devices)
    check_count("devices", devices)
    if num_inputs % devices:
        raise ValueError(
            f"devices must divide the {num_inputs} examples, got {devices}; pass a list of devices "
            "for parts of different sizes"
        )
    return int(devices)


def check_same_start(start: int, start_of_first: int) -> None:
    """Raise a ValueError unless a process resumes after the same epoch as the first process."""
    if start != start_of_first:
        raise ValueError(
            f"all processes must find the same checkpoints, got {start} and {start_of_first} "
            "epochs; use a folder that all hosts see"
        )


def check_one_a_device(data: Any) -> None:
    """Raise a TypeError unless `data` is a sequence, of one tensor on each device."""
    if not is_sequence(data):
        raise TypeError(f"data must be a list of tensors, one a device, got {describe(data)}")


def check_all_alike(shapes: Sequence[Any]) -> None:
    """Raise a ValueError unless there is a tensor, and all have the shape of the first."""
    if not shapes:
        raise ValueError("data must hold a tensor for each device, got none")
    for shape in shapes:
        if tuple(shape) != tuple(shapes[0]):
            raise ValueError(
                f"data must hold tensors of one shape, got {tuple(shapes[0])} and {tuple(shape)}"
            )


def check_one_each(device_params: Sequence[Any], devices: Sequence[Any]) -> None:
    """Raise a ValueError unless there is a copy of the parameters for each device."""
    if len(device_params) != len(devices):
        raise ValueError(
            f"device_params must be one copy for each of the {len(devices)} devices, got "
            f"{len(device_params)}"
        )
