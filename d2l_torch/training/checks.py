"""Before a fit: shapes and a trial of the model."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_map_only

from ..weights import checked_tensors
from .module import trial


def give_shapes(trainer: Any) -> None:
    """Give the layers of the model that have no shape yet that of the first minibatch."""
    model = trainer.model
    tensors = [*model.parameters(), *model.buffers()]
    if any(map(is_lazy, tensors)):
        batch = [trainer.as_tensor(x) for x in trainer.train_dataloader.first()]
        move = lambda x: x.to(tensors[0].device)  # noqa: E731  # where the weights are drawn
        model.apply_init(tree_map_only(Tensor, move, trainer.prepare_batch(batch)[:-1]))
        checked_tensors(model)  # the step may use a layer that forward does not


@torch.no_grad()
def try_out(trainer: Any, batch: Any) -> Any:
    """Return the outputs for a minibatch; leave the model as it is."""
    with trial(trainer.model) as model:
        output = model(*batch[:-1])
        if not isinstance(model, trainer.classifier_class):
            model.loss(output, batch[-1])
    return output
