"""The networks of `convnets_jax.py` and `convnets_torch.py` as users of Keras write them."""

import time
from typing import Any

import numpy as np

from benchmarks.tasks import NUM_CLASSES


def normalize(X: Any) -> Any:
    """Return the outputs of a batch normalization with the settings of the others."""
    from keras import layers

    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(X)


def block(X: Any, outputs: int, stride: int) -> Any:
    """Return the outputs of a residual block of two convolutions."""
    from keras import layers

    Y = layers.Conv2D(outputs, 3, stride, padding="same")(X)
    Y = layers.Activation("relu")(normalize(Y))
    Y = normalize(layers.Conv2D(outputs, 3, padding="same")(Y))
    if stride > 1:
        X = layers.Conv2D(outputs, 1, stride)(X)
    return layers.Activation("relu")(layers.Add()([X, Y]))


def make_model(name: str, size: int) -> Any:
    """Return a model for images with one channel."""
    import keras
    from keras import layers

    is_normalized = name != "LeNet"

    def after(X: Any, activation: str) -> Any:
        return layers.Activation(activation)(normalize(X) if is_normalized else X)

    X = images = keras.Input((size, size, 1))
    if name == "ResNet18":
        X = after(layers.Conv2D(64, 7, 2, padding="same")(X), "relu")
        X = layers.MaxPooling2D(3, 2, padding="same")(X)
        for outputs in (64, 128, 256, 512):
            X = block(X, outputs, 1 if outputs == 64 else 2)
            X = block(X, outputs, 1)
        X = layers.GlobalAveragePooling2D()(X)
    else:
        for channels, padding in ((6, "valid" if is_normalized else "same"), (16, "valid")):
            X = after(layers.Conv2D(channels, 5, padding=padding)(X), "sigmoid")
            X = layers.AveragePooling2D(2)(X)
        X = layers.Flatten()(X)
        for width in (120, 84):
            X = after(layers.Dense(width)(X), "sigmoid")
    return keras.Model(images, layers.Dense(NUM_CLASSES)(X))


class Keras:
    """
    `keras.Model.fit` on the backend that `KERAS_BACKEND` names.

    It gets the resized images as arrays in memory, which is less work than the library's.
    """

    def __init__(self, name: str, data: Any):
        import keras

        self.train, self.val = map(arrays, (data.train_dataloader(), data.val_dataloader()))
        self.batch_size = data.batch_size
        self.model = make_model(name, self.train[0].shape[1])
        self.model.compile(
            optimizer=keras.optimizers.SGD(0.01),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )

    def epoch(self) -> float:
        """Train for an epoch and validate; return the seconds."""
        start = time.perf_counter()
        options = {"batch_size": self.batch_size, "validation_data": self.val, "verbose": 0}
        self.model.fit(*self.train, epochs=1, **options)
        return time.perf_counter() - start


def arrays(loader: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the images of a loader, `(n, h, w, 1)`, and their labels."""
    images, labels = zip(*[map(np.asarray, batch) for batch in loader], strict=True)
    X = np.concatenate(images)
    return (X.transpose(0, 2, 3, 1) if X.shape[1] == 1 else X), np.concatenate(labels)
