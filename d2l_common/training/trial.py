"""The trial of a model on minibatches, before it is trained on them (section 3.2.4)."""

from typing import Any

from d2l_common.arrays import describe
from d2l_common.checks.fits import check_class_labels, check_images, check_minibatch
from d2l_common.data.loader import TensorLoader


def check_data(trainer: Any) -> None:
    """
    Raise unless the model can be trained on the data in memory.

    The model is tried on one example of each loader, and on one example of each label.

    Raises
    ------
    TypeError, ValueError
        If images hold integers, a label is outside the classes, or a shape does not fit.
    """
    for loader in (trainer.train_dataloader, trainer.val_dataloader):
        trainer.num_classes = None
        if isinstance(loader, TensorLoader):
            trainer.check_batch(loader.first())
            if trainer.num_classes:
                trainer.check_batch(loader.one_of_each_label())


def check_batch(trainer: Any, batch: Any) -> None:
    """Raise unless the model can be trained on a minibatch; count the classes of the first one."""
    with trainer.keep_rng(trainer.gpus[:1]):
        batch = trainer.prepare_batch(batch)
        check_minibatch(batch)
        if trainer.num_classes is None:
            check_images(batch[0])
            trainer.num_classes = count_classes(trainer, batch)
        if trainer.num_classes:
            check_class_labels(batch[-1], trainer.num_classes)


def count_classes(trainer: Any, batch: Any) -> int:
    """Return the number of classes of a classifier's outputs, 0 for any other model or step."""
    model = trainer.model
    if type(model).training_step is not trainer.module_class.training_step:
        return 0  # the reader's step may compute anything
    if len(batch) == 1:
        raise TypeError("a minibatch must hold inputs and targets, got 1 array; add the targets")
    try:
        output = trainer.try_out(batch)
    except Exception as error:
        images = ", images that a linear layer takes as X.reshape(len(X), -1)"
        error.add_note(
            f"{type(model).__name__} was tried on X of shape {tuple(batch[0].shape)}"
            f"{images if len(batch[0].shape) > 2 else ''}."
        )
        raise
    if not isinstance(model, trainer.classifier_class):
        return 0
    check_logits(output, batch[-1], type(model).loss is not trainer.classifier_class.loss)
    return output.shape[-1]


def check_logits(output: Any, labels: Any, loss_is_own: bool) -> None:
    """Raise unless the output of a classifier is logits, and fits the labels of our own loss."""
    if len(getattr(output, "shape", ())) < 2:
        shape = "logits (n, num_classes)"
        raise TypeError(f"forward must return {shape}, got {describe(output)}")
    expected = tuple(labels.shape)
    if not loss_is_own and tuple(output.shape[:-1]) != expected:
        shape = ", ".join([*map(str, expected), "num_classes"])
        raise ValueError(
            f"forward must return logits ({shape}) for labels of shape {expected}, "
            f"got {describe(output)}; change forward, or reshape the labels"
        )
