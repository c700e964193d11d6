"""Checks of the data that a model is trained on."""

from typing import Any

import numpy as np

from d2l_common.arrays import dtype_name
from d2l_common.checks.classification import check_integer, check_label_range
from d2l_common.checks.data import check_images, check_minibatch
from d2l_common.data.loader import TensorLoader
from d2l_common.data.readers import ReaderLoader
from d2l_common.training.own_methods import OwnMethods


class DataChecks:
    """
    The half of a Trainer that looks at data.

    A backend says by `probe` what a model that steps as the library's do returns for a minibatch.
    """

    own: OwnMethods

    model: Any
    train_dataloader: TensorLoader | ReaderLoader
    val_dataloader: TensorLoader | ReaderLoader | None
    labels_were_checked = False
    _num_classes: int | None = None  # of a classifier's outputs; 0 for any other model

    def check_data(self) -> None:
        """
        Look once at the data in memory, whether this model can be trained on it.

        Raises
        ------
        TypeError, ValueError
            If images hold integers, a label is outside the classes, or a shape does not fit.
        """
        self._num_classes = None
        loaders = [x for x in (self.train_dataloader, self.val_dataloader) if x is not None]
        for loader in loaders:
            if isinstance(loader, TensorLoader):
                self._num_classes = None  # look at the shapes of this loader, too
                batch = self.prepare_batch(loader.first())
                self.check_batch(batch)
                if self._num_classes:
                    self._check_labels(self._all_labels(loader))
        in_memory = all(isinstance(loader, TensorLoader) for loader in loaders)
        self.labels_were_checked = bool(
            in_memory
            and self._num_classes
            and self.own.steps(self.model)
            and self.own.losses(self.model)
        )

    def check_batch(self, batch: Any) -> None:
        """Raise unless the model can be trained on a minibatch, as `prepare_batch` made it."""
        check_minibatch(batch)
        if self._num_classes is None:
            check_images(batch[0])
            shape = self._try_out(batch) if self.own.steps(self.model) else None
            self._num_classes = 0 if shape is None else shape[-1]
        if self._num_classes:
            self._check_labels(batch[-1])

    def _try_out(self, batch: Any) -> tuple[int, ...] | None:
        try:
            return self.probe(batch)
        except Exception as error:
            images = ", images that a linear layer gets as X.reshape(len(X), -1)"
            error.add_note(
                f"{type(self.model).__name__} was tried on X of shape {tuple(batch[0].shape)}"
                f"{images if len(batch[0].shape) > 2 else ''}."
            )
            raise

    def _check_labels(self, labels: Any) -> None:
        is_integer = dtype_name(labels.dtype).startswith(("int", "uint"))
        check_integer("y", is_integer, labels.dtype)
        check_label_range(int(labels.min()), int(labels.max()), self._num_classes or 0)

    def _all_labels(self, loader: TensorLoader) -> Any:
        """Return the labels of all examples, as the steps will get them."""
        if self.own.prepares_nothing(self) and loader.keeps_targets:
            return loader.arrays[-1]
        indices = loader.plan.split(np.arange(loader.plan.num_examples, dtype=np.int32))
        batches = (self.prepare_batch(loader.gather(loader.arrays, part)) for part in indices)
        return np.concatenate([np.asarray(batch[-1]).reshape(-1) for batch in batches])

    def prepare_batch(self, batch: Any) -> Any:
        """Return the minibatch as the model gets it."""
        raise NotImplementedError

    def probe(self, batch: Any) -> tuple[int, ...] | None:
        """Compute outputs and loss of a minibatch; return a classifier's output shape, or None."""
        raise NotImplementedError
