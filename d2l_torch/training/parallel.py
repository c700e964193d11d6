"""Data-parallel training by several processes, which torchrun starts (section 13.6)."""

import atexit
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from d2l_common.training.processes import together
from d2l_common.training.tape import StepRecord, record_step
from .. import devices
from .module import as_scalar
from .whole_minibatch import Part, WholeMinibatch


def num_processes() -> int:
    """Return the number of processes that train together; 1 unless torchrun has started them."""
    if distributed.is_initialized():
        return distributed.get_world_size()
    return int(os.environ.get("WORLD_SIZE", 1))


def rank() -> int:
    """Return the number of this process among those that train together."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def check_processes(num_devices: int | None, compile: bool | None) -> None:
    """
    Raise a ValueError unless there is a process for each device that a Trainer asks for.

    Each process trains on one device.
    """
    size = num_processes()
    if num_devices not in (None, size):
        raise ValueError(
            f"num_devices must be the number of processes, {size}, got {num_devices}; "
            f"run torchrun --nproc-per-node {num_devices} SCRIPT"
        )
    if compile and size > 1:
        raise ValueError("compile must be None or False with several processes, got True")


def agreed(value: Any) -> Any:
    """Return the number, or the decision, of the first process."""
    if num_processes() == 1:
        return value
    return type(value)(from_first(torch.tensor(float(value), dtype=torch.float64)).item())


def set_alike(model: nn.Module) -> None:
    """Set the weights and the state of a model to those of the first process."""
    if num_processes() > 1:
        for tensor in (*model.parameters(), *model.buffers()):
            from_first(tensor.data)


def own_gpu() -> list[torch.device]:
    """
    Return the GPU of this process, none if the machine has none.

    Raises
    ------
    ValueError
        If there are more processes than GPUs.
    """
    local_rank, found = int(os.environ.get("LOCAL_RANK", 0)), devices.num_gpus()
    if 0 < found <= local_rank:
        raise ValueError(
            f"the number of processes must be at most that of GPUs, {found}, got more; "
            f"run torchrun --nproc-per-node {found} SCRIPT"
        )
    return [devices.gpu(local_rank)] if found else []


class Replicas:
    """
    The copies of a model that several processes train, this one's among them.

    Gradients are averaged by PyTorch's DistributedDataParallel, while the rest of them is computed.
    The average over examples, of gradients and of what a step records, is that of the whole
    minibatch, if a step returns and plots averages over its examples.

    Parameters
    ----------
    model : Module
        Its weights, and the random streams, are set to those of process 0.
    device : torch.device or None
        The GPU of this process.
    """

    def __init__(self, model: nn.Module, device: Any):
        self._rank, self._size = rank(), num_processes()
        self._part = Part(0, self._rank, self._size)
        self._device = device or torch.device("cpu")
        self._step = DistributedDataParallel(Step(model), find_unused_parameters=True)
        torch.set_rng_state(from_first(torch.get_rng_state().to(self._device)).cpu())
        if self._device.type == "cuda":
            state = from_first(torch.cuda.get_rng_state(self._device).to(self._device))
            torch.cuda.set_rng_state(state.cpu(), self._device)

    def gather(self, loader: Any, arrays: Any, rows: Tensor) -> Any:
        """Return this process's part of the minibatch of the rows `rows` of a loader's arrays."""
        self._part = Part(len(rows), self._rank, self._size)
        with WholeMinibatch(self._part):
            return loader.gather(arrays, rows[self._part.rows])

    def part(self, batch: Any) -> Any:
        """Return this process's part of a minibatch of a reader's loader."""
        self._part = Part(len(batch[-1]), self._rank, self._size)
        return [x[self._part.rows] for x in batch]

    def step(self, prepare: Any, batch: Any, train: bool) -> tuple[Any, StepRecord]:
        """
        Return a loss and the record of the whole minibatch, of which `batch` is a part.

        The average of the losses' gradients over processes is the gradient for the minibatch.
        `prepare` is the Trainer's `prepare_batch`.
        """
        part = self._part
        with WholeMinibatch(part):
            batch = prepare(batch)
            loss, record = (self._step if train else self._step.module)(batch, train)
        if train:
            loss = loss * (self._size * part.weight)
        values = {**record.plotted, **record.returned}
        averages = dict(zip(values, self._average(list(values.values())), strict=True))
        plotted, returned = ({k: averages[k] for k in x} for x in record[:2])
        return loss, StepRecord(plotted, returned, part.num_examples)

    def _average(self, values: list[Any]) -> Any:
        """Return the averages of numbers over all processes, weighted by their examples."""
        if not values:
            return []
        numbers = [torch.as_tensor(x, dtype=torch.float64, device=self._device) for x in values]
        total = torch.stack([x.reshape(()) for x in numbers]) * self._part.weight
        distributed.all_reduce(total)
        return total


def from_first(tensor: Tensor) -> Tensor:
    """Return a tensor of process 0."""
    distributed.broadcast(tensor, src=0)
    return tensor


@contextmanager
def replicas(trainer: Any) -> Iterator[None]:
    """Within this context, an epoch, a Trainer has replicas if several processes train."""
    if num_processes() > 1:
        trainer._replicas = Replicas(trainer.model, trainer.place)
    try:
        yield
    finally:  # later gradients of the model are this process's own
        trainer._replicas = None


class Step(nn.Module):
    """A model's training or validation step, as the layer that PyTorch trains in parallel."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model
        # A step may leave parameters unused. PyTorch warns if it looks for such and finds none.
        self.unused = nn.Parameter(next(model.parameters()).new_zeros(()))

    def forward(self, batch: Any, train: bool) -> tuple[Any, StepRecord]:
        """Return the loss and the record of a step."""
        return record_step(self.model, batch, train, as_scalar)


def leave_process_group() -> None:
    """End the connections of this process."""
    gc.collect()  # what holds the group beyond its end, such as replicas, aborts some processes
    if distributed.is_initialized():  # unless the script has done so
        distributed.destroy_process_group()


@contextmanager
def process_group(device: Any) -> Iterator[None]:
    """Join the processes that torchrun has started, once; raise one sentence if one has ended."""
    if num_processes() == 1:
        yield
        return
    if device is not None:
        torch.cuda.set_device(device)
    if not distributed.is_initialized():
        distributed.init_process_group()  # gloo on the CPU and NCCL on GPUs
        atexit.register(leave_process_group)
    with together(rank(), num_processes()):
        yield
