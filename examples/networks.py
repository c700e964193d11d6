"""Shared parts of the examples of networks: few small images, and the table of layers."""

from functools import partial
from itertools import islice

import frameworks
from common import Example, image_data


def few_images(d2l, options, size, full_size):
    """Return the first `options.num_train` images of a data set, or with `--full` all of them."""
    if options.full:
        return image_data(d2l, options, resize=(full_size, full_size))
    data = image_data(d2l, options, resize=(size, size))
    parts = {
        True: first_examples(d2l, data.get_dataloader(True), options.num_train),
        False: first_examples(d2l, data.get_dataloader(False), options.num_train // 4),
    }

    class FewImages(d2l.DataModule):
        classes = data.classes

        def __init__(self):
            super().__init__()
            self.batch_size, self.seed = options.batch_size, options.seed

        def get_dataloader(self, train):
            return self.get_tensorloader(parts[train], train)

    return FewImages()


def first_examples(d2l, loader, number):
    """Return the images and labels of the first minibatches of a loader, `number` at most."""
    batches = list(islice(loader, -(-number // loader.plan.batch_size)))
    return tuple(d2l.concat(parts)[:number] for parts in zip(*batches, strict=True))


def narrow(cls, options, **attributes):
    """Return a network's class, or without `--full` a subclass of fewer channels and units."""
    return cls if options.full else type(cls.__name__, (cls,), attributes)


def adam(d2l):
    """Return a `configure_optimizers` with Adam: SGD needs more than a few images."""
    return lambda model: frameworks.adamw(d2l, model, wd=0)


def show_layers(d2l, run, options):
    """Print the table of layers, and the accuracy at the end."""
    X, _ = run.model.trainer.val_dataloader.first()
    run.model.layer_summary((1, *X.shape[1:]))
    print(f"validation accuracy {run.history.val_acc[-1]:.2f}")


def network_example(title, make_model, size, full_size, report=show_layers, **choices):
    """
    Return the example of a network.

    Parameters
    ----------
    title : str
        The script's docstring.
    make_model : callable
        `make_model(d2l, data, options)`.
    size, full_size : int
        Height and width of the images, and of those of the book, which `--full` takes.
    report : callable
        As in `Example`.
    choices : numbers
        Further fields of `Example`, such as `lr`.
    """
    defaults = {"lr": 0.1, "epochs": 8, "batch_size": 32, "scheme": "he"}
    return Example(
        title,
        partial(few_images, size=size, full_size=full_size),
        make_model,
        images=True,
        extra={"full": False, "num_train": 1000},
        report=report,
        **defaults | choices,
    )
