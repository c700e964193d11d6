"""
Peers that train the same models, as their users write them: Keras 3 and PyTorch Lightning.

Both take the arrays in memory, the same initial weights and minibatch size, plain SGD, and shuffle
by themselves. Their first loss is a mean over the examples, as the library's is.
"""

import logging
import time
import warnings
from typing import Any

import numpy as np

from benchmarks.tasks import Task


class Keras:
    """
    `keras.Model.fit` of one task, on the backend that `KERAS_BACKEND` names.

    Images stay uint8 and a layer converts them. As float32 they took Keras longer on JAX (softmax
    regression: 0.19 s an epoch against 0.15 s) and as long on PyTorch.

    Parameters
    ----------
    task : Task
    """

    def __init__(self, task: Task):
        import keras

        self.task = task
        self.train, self.val = [(X.reshape(len(X), -1), y) for X, y in task.data()]
        layers = [keras.Input(task.widths[:1], dtype=self.train[0].dtype)]
        if self.train[0].dtype == np.uint8:
            layers.append(keras.layers.Rescaling(1 / 255))
        for width in task.widths[1:-1]:
            layers.append(keras.layers.Dense(width, activation="relu"))
            if task.dropout:
                layers.append(keras.layers.Dropout(task.dropout))
        self.model = keras.Sequential([*layers, keras.layers.Dense(task.widths[-1])])
        cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile(
            optimizer=keras.optimizers.SGD(task.lr),
            loss="mse" if task.is_regression else cross_entropy,
            metrics=[] if task.is_regression else ["accuracy"],
        )

    def epochs(self, counted: int, uncounted: int = 1) -> dict[str, Any]:
        """Train from the initial weights; return first loss and counted seconds."""
        import keras

        self.model.set_weights([array for layer in self.task.weights() for array in layer])
        seconds: list[float] = []
        losses: list[float] = []

        class Clock(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
                self.start = time.perf_counter()

            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                losses.append(float(logs["loss"]))
                seconds.append(time.perf_counter() - self.start)

        self.model.fit(
            *self.train,
            batch_size=self.task.batch_size,
            epochs=uncounted + counted,
            validation_data=self.val,
            shuffle=True,
            verbose=0,
            callbacks=[Clock()],
        )
        return {"seconds": seconds[uncounted:], "loss": losses[0]}


class Lightning:
    """
    PyTorch Lightning's `Trainer.fit` of one task, over the usual shuffling `DataLoader`.

    Images stay uint8 until a step converts them.

    Parameters
    ----------
    task : Task
    """

    def __init__(self, task: Task):
        import lightning  # noqa: F401 - raises here if it is absent
        import torch
        from torch.utils.data import DataLoader, TensorDataset

        from benchmarks.hand_torch import to_tensors

        # It recommends loader processes, tips and products.
        warnings.filterwarnings("ignore", module="lightning")
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        torch.manual_seed(0)
        self.task = task
        self.train, self.val = [
            DataLoader(
                TensorDataset(*to_tensors(X.reshape(len(X), -1), y)), task.batch_size, shuffle
            )
            for (X, y), shuffle in zip(task.data(), (True, False), strict=True)
        ]

    def epochs(self, counted: int, uncounted: int = 1) -> dict[str, Any]:
        """Train from the initial weights; return first loss and counted seconds."""
        import lightning

        clock = lightning_clock()
        trainer = lightning.Trainer(
            max_epochs=uncounted + counted,
            callbacks=[clock],
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(lightning_module(self.task), self.train, self.val)
        return {"seconds": clock.seconds[uncounted:], "loss": clock.losses[0]}


def lightning_module(task: Task) -> Any:
    """Return the model as a LightningModule that logs loss and accuracy."""
    import lightning
    import torch

    from benchmarks import hand_torch

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = hand_torch.network(task)

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            loss = hand_torch.loss(task, hand_torch.forward(self.net, batch[0]), batch[1])
            self.log("train_loss", loss, on_step=True, on_epoch=True)
            return loss

        def validation_step(self, batch: Any, batch_idx: int) -> None:
            y_hat = hand_torch.forward(self.net, batch[0])
            self.log("val_loss", hand_torch.loss(task, y_hat, batch[1]))
            if not task.is_regression:
                self.log("val_acc", (y_hat.argmax(dim=1) == batch[1]).float().mean())

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), task.lr)

    return Module()


def lightning_clock() -> Any:
    """Return a callback that records the seconds and the training loss of each epoch."""
    import lightning

    class Clock(lightning.Callback):
        def __init__(self) -> None:
            self.seconds: list[float] = []
            self.losses: list[float] = []

        def on_train_epoch_start(self, *_: Any) -> None:
            self.start = time.perf_counter()

        def on_train_epoch_end(self, trainer: Any, *_: Any) -> None:
            # Validation is over. The loss is a mean over the minibatches' examples.
            self.losses.append(float(trainer.callback_metrics["train_loss_epoch"]))
            self.seconds.append(time.perf_counter() - self.start)

    return Clock()
