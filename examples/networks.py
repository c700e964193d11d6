"""Shared parts of the examples of networks: few small images, and the table of layers."""

import argparse
from itertools import islice
from types import ModuleType
from typing import Any

import frameworks
from common import image_data, set_weights


def few_images(d2l: ModuleType, args: argparse.Namespace, size: int, full_size: int) -> Any:
    """
    Return the first `args.num_train` images of a data set, or with `--full` all of them.

    Parameters
    ----------
    d2l : module
    args : argparse.Namespace
    size, full_size : int
        Height and width of the images, and of those of the book, which `--full` takes.
    """
    if args.full:
        return image_data(d2l, args, resize=(full_size, full_size))
    data = image_data(d2l, args, resize=(size, size))
    parts = {
        True: first_examples(d2l, data.get_dataloader(True), args.num_train),
        False: first_examples(d2l, data.get_dataloader(False), args.num_train // 4),
    }

    class FewImages(d2l.DataModule):
        classes = data.classes

        def __init__(self):
            super().__init__()
            self.batch_size, self.seed = args.batch_size, args.seed

        def get_dataloader(self, train):
            return self.get_tensorloader(parts[train], train)

    return FewImages()


def first_examples(d2l: ModuleType, loader: Any, number: int) -> tuple[Any, ...]:
    """Return the images and labels of the first minibatches of a loader, `number` at most."""
    batches = list(islice(loader, -(-number // loader.plan.batch_size)))
    return tuple(d2l.concat(parts)[:number] for parts in zip(*batches, strict=True))


def initialize(d2l: ModuleType, model: Any, data: Any, seed: int, scheme: str = "he") -> None:
    """Let layers learn their shapes from a minibatch; set weights that depend on the seed alone."""
    model.apply_init(data.val_dataloader().first()[:-1])
    set_weights(d2l, model, seed, scheme)


def adam(d2l: ModuleType, model: Any) -> Any:
    """Return Adam at `model.lr`: plain SGD learns little from a few images."""
    return frameworks.adamw(d2l, model, wd=0)


def show_layers(model: Any, history: Any) -> None:
    """Print the table of layers, and the accuracy at the end."""
    X, _ = model.trainer.val_dataloader.first()
    model.layer_summary((1, *X.shape[1:]))
    print(f"validation accuracy {history.val_acc[-1]:.2f}")
