"""Cells of a reader that patch a Trainer or a model, as the book's own cells do."""

from types import ModuleType
from typing import Any

CELLS = ("prepare_batch", "plot", "training_step")


def run_cell(cell: str, d2l: ModuleType, Trainer: type, Model: type) -> tuple[type, type]:
    """
    Return subclasses of a Trainer and a model that are patched by `d2l.add_to_class`.

    Parameters
    ----------
    cell : str
        One of `CELLS`, or empty for no patch.
    d2l : module
    Trainer, Model : classes
    """

    class PatchedTrainer(Trainer):
        pass

    class PatchedModel(Model):
        pass

    if cell == "prepare_batch":

        @d2l.add_to_class(PatchedTrainer)
        def prepare_batch(self: Any, batch: Any) -> Any:
            if self.gpus:
                batch = [d2l.to(x, self.gpus[0]) for x in batch]
            return batch

    if cell == "plot":

        @d2l.add_to_class(PatchedModel)
        def plot(self: Any, key: str, value: Any, train: bool) -> None:
            super(PatchedModel, self).plot(key, value, train)

    if cell == "training_step":

        @d2l.add_to_class(PatchedModel)
        def training_step(self: Any, batch: Any) -> Any:
            l = self.loss(self(*batch[:-1]), batch[-1])
            self.plot("loss", l, train=True)
            return l

    return PatchedTrainer, PatchedModel
