"""Mistakes of a tired student: the same clear error on both backends, and nothing is lost."""

import numpy as np
import pytest

from parity_tests.support.backends import BACKENDS


def scores(d2l):
    return d2l.tensor([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]])


def fit(d2l, model, data, **trainer):
    return d2l.Trainer(**{"max_epochs": 1} | trainer).fit(model, data)


def module(d2l, **attributes):
    """Return an instance of a new subclass of Module with these attributes."""
    return type("Reader", (d2l.Module,), attributes)()


def reader(d2l, **attributes):
    """Return a linear regression of a reader's, with these methods."""
    return type("Reader", (d2l.LinearRegressionScratch,), attributes)(2, 0.1)


def classifier(d2l, forward):
    """Return a classifier of a reader's, with this method."""
    return type("Reader", (d2l.Classifier,), {"forward": forward})()


def changed(model, **attributes):
    """Return `model` with these attributes."""
    for name, value in attributes.items():
        setattr(model, name, value)
    return model


def regression(d2l, **keywords):
    return d2l.SyntheticRegressionData(w=d2l.tensor([2, -3.4]), b=4.2, **keywords)


def arrays(d2l, X, y, batch_size=2):
    """Return a data module of a reader with these arrays for training and validation."""

    class Data(d2l.DataModule):
        def __init__(self):
            super().__init__()
            self.batch_size = batch_size

        def get_dataloader(self, train):
            return self.get_tensorloader((d2l.tensor(X), d2l.tensor(y)), train)

    return Data()


def other_than(d2l):
    """Return the other package."""
    return next(package for package in BACKENDS.values() if package is not d2l)


def batches(d2l, minibatches):
    """Return a data module of a reader with these minibatches."""
    return type("Data", (d2l.DataModule,), {"get_dataloader": lambda self, train: minibatches})()


def softmax_regression(d2l, num_inputs=64):
    return d2l.SoftmaxRegressionScratch(num_inputs, 3, lr=0.1)


IMAGES = np.zeros((4, 8, 8), np.float32)

# What is tried, and words of the one sentence that both must say.
CASES = {
    "a range that never ends": (
        lambda d2l: d2l.arange(3, 0),
        "step must lead from start to end, got arange(3, 0, 1)",
    ),
    "a negative deviation": (
        lambda d2l: d2l.normal(0.0, -1.0, (2,)),
        "std must be finite and at least 0, got -1.0",
    ),
    "one matrix is no batch": (
        lambda d2l: d2l.batch_matmul(d2l.ones(2, 3), d2l.ones(3, 4)),
        "a and b must have shapes (batch, n, k) and (batch, k, m), got (2, 3) and (3, 4)",
    ),
    "a sum over no axis": (
        lambda d2l: d2l.reduce_sum(d2l.ones(2, 3), axis=[]),
        "axis must name at least one axis, got []; pass None for all of them",
    ),
    "the largest of none": (
        lambda d2l: d2l.argmax(d2l.zeros(3, 0), axis=1),
        "argmax of an empty tensor",
    ),
    "an update out of range": (
        lambda d2l: d2l.index_update(d2l.zeros(3), 5, 1.0),
        "index 5 is out of bounds for axis 0 with size 3",
    ),
    "updates out of range": (
        lambda d2l: d2l.index_update(d2l.zeros(3, 2), (0, d2l.tensor([1, -3])), 1.0),
        "index -3 is out of bounds for axis 1 with size 2",
    ),
    "a classifier that tells nothing apart": (
        lambda d2l: d2l.label_shift_weights(d2l.ones(2, 2) / 4, d2l.tensor([0, 1])),
        "confusion must be invertible, got a singular matrix",
    ),
    "label too large": (
        lambda d2l: d2l.cross_entropy(scores(d2l), d2l.tensor([0, 3])),
        "labels must be from 0 to 2, got 3",
    ),
    "label -1": (
        lambda d2l: d2l.softmax_cross_entropy(scores(d2l), d2l.tensor([0, -1])),
        "labels must be from 0 to 2, got -1",
    ),
    "label -100": (
        lambda d2l: d2l.accuracy(scores(d2l), d2l.tensor([0, -100])),
        "labels must be from 0 to 2, got -100",
    ),
    "float labels": (
        lambda d2l: d2l.cross_entropy(scores(d2l), d2l.tensor([0.0, 1.0])),
        "y must hold integer class labels, got float32",
    ),
    "labels as a column": (
        lambda d2l: d2l.cross_entropy(scores(d2l), d2l.tensor([[0], [1]])),
        "y must have shape (2,), one label for each row of y_hat, got (2, 1)",
    ),
    "too few labels": (
        lambda d2l: d2l.softmax_cross_entropy(scores(d2l), d2l.tensor([0])),
        "y must have shape (2,), one label for each row of logits, got (1,)",
    ),
    "scores of one example": (
        lambda d2l: d2l.cross_entropy(d2l.tensor([0.5, 0.5]), d2l.tensor([0])),
        "y_hat must have shape (n, num_classes), got (2,)",
    ),
    "integer logits": (
        lambda d2l: d2l.softmax(d2l.tensor([[1, 2]])),
        "X must hold floating-point numbers, got int",
    ),
    "integer inputs": (
        lambda d2l: d2l.linreg(d2l.tensor([[1, 2]]), d2l.ones(2, 1), d2l.zeros(1)),
        "X must hold floating-point numbers, got int",
    ),
    "wrong number of inputs": (
        lambda d2l: d2l.linreg(d2l.ones(5, 3), d2l.ones(2, 1), d2l.zeros(1)),
        "X must have 2 features per example, got 3 (shape (5, 3))",
    ),
    "column against row": (
        lambda d2l: d2l.squared_loss(d2l.ones(4), d2l.ones(4, 1)),
        "y_hat and y must have the same shape, got (4,) and (4, 1); reshape one of them",
    ),
    "column against row in the concise model": (
        lambda d2l: d2l.LinearRegression(num_inputs=2, lr=0.1).loss(d2l.ones(4, 1), d2l.ones(4)),
        "y_hat and y must have the same shape, got (4, 1) and (4,)",
    ),
    "gradient of two numbers": (
        lambda d2l: d2l.grad(lambda x: 2 * x)(d2l.ones(2)),
        "fun must return one number, got shape (2,); sum or average it",
    ),
    "gradient by integers": (
        lambda d2l: d2l.grad(lambda x: d2l.reduce_sum(x))(d2l.tensor([1, 2])),
        "the argument to differentiate by must hold floating-point numbers, got int",
    ),
    "negative learning rate": (
        lambda d2l: d2l.LinearRegressionScratch(2, lr=-0.1),
        "lr must be finite and at least 0, got -0.1",
    ),
    "learning rate NaN": (
        lambda d2l: d2l.SoftmaxRegression(10, lr=float("nan")),
        "lr must be finite and at least 0, got nan",
    ),
    "learning rate as text": (
        lambda d2l: d2l.LinearRegression(num_inputs=2, lr="0.1"),
        "lr must be a number, got '0.1'",
    ),
    "negative learning rate of a reader's model": (
        lambda d2l: module(d2l, lr=-1).configure_optimizers(),
        "lr must be finite and at least 0, got -1",
    ),
    "negative deviation": (
        lambda d2l: d2l.MLPScratch(4, 3, 2, lr=0.1, sigma=-1),
        "sigma must be finite and at least 0, got -1",
    ),
    "negative number of examples": (
        lambda d2l: regression(d2l, num_train=-1),
        "num_train must be at least 0, got -1",
    ),
    "a bias for each example": (
        lambda d2l: d2l.linreg(d2l.ones(5, 2), d2l.ones(2, 1), d2l.ones(5)),
        "b must have shape (1,), one entry for each output, got (5,)",
    ),
    "no outputs": (
        lambda d2l: d2l.SoftmaxRegression(0, lr=0.1, num_inputs=4),
        "num_outputs must be at least 1, got 0",
    ),
    "half an input": (
        lambda d2l: d2l.LinearRegressionScratch(2.5, lr=0.1),
        "num_inputs must be an integer, got 2.5",
    ),
    "negative epochs": (
        lambda d2l: d2l.Trainer(max_epochs=-1),
        "max_epochs must be at least 0, got -1",
    ),
    "epochs as text": (
        lambda d2l: d2l.Trainer("3"),
        "max_epochs must be an integer, got '3'",
    ),
    "negative clipping": (
        lambda d2l: d2l.Trainer(1, gradient_clip_val=-1),
        "gradient_clip_val must be finite and at least 0, got -1",
    ),
    "batch size 0": (
        lambda d2l: d2l.Digits(batch_size=0),
        "batch_size must be at least 1, got 0",
    ),
    "batch size 0 of synthetic data": (
        lambda d2l: regression(d2l, batch_size=0).train_dataloader(),
        "batch_size must be at least 1, got 0",
    ),
    "no examples": (
        lambda d2l: fit(d2l, d2l.LinearRegressionScratch(2, lr=0.1), regression(d2l, num_train=0)),
        "the data set must have at least one example",
    ),
    "tensors of different lengths": (
        lambda d2l: arrays(d2l, np.ones((3, 2), np.float32), [1, 2]).train_dataloader(),
        "tensors must have the same number of examples, got [3, 2]",
    ),
    "image size 0": (
        lambda d2l: d2l.Digits(resize=(0, 8)),
        "resize must be at least 1, got 0",
    ),
    "an image of three axes": (
        lambda d2l: d2l.corr2d(d2l.ones(2, 3, 3), d2l.ones(2, 2)),
        "X must have shape (h, w), got (2, 3, 3)",
    ),
    "a kernel of one axis": (
        lambda d2l: d2l.corr2d(d2l.ones(3, 3), d2l.ones(2)),
        "K must have shape (h, w), got (2,)",
    ),
    "a kernel larger than the image": (
        lambda d2l: d2l.corr2d(d2l.ones(3, 4), d2l.ones(2, 5)),
        "K must have a height and width from (1, 1) to X's (3, 4), got (2, 5); pad X",
    ),
    "a kernel without entries": (
        lambda d2l: d2l.corr2d(d2l.ones(3, 4), d2l.ones(0, 2)),
        "K must have at least one entry, got shape (0, 2)",
    ),
    "an image without channels": (
        lambda d2l: d2l.corr2d_multi_in(d2l.ones(3, 3), d2l.ones(1, 2, 2)),
        "X must have shape (channels, h, w), got (3, 3)",
    ),
    "channels that do not match": (
        lambda d2l: d2l.corr2d_multi_in(d2l.ones(2, 3, 3), d2l.ones(3, 2, 2)),
        "X and K must have the same number of input channels, got 2 and 3",
    ),
    "channels that do not match several kernels": (
        lambda d2l: d2l.corr2d_multi_in_out(d2l.ones(2, 3, 3), d2l.ones(4, 3, 2, 2)),
        "X and K must have the same number of input channels, got 2 and 3",
    ),
    "one kernel for several": (
        lambda d2l: d2l.corr2d_multi_in_out(d2l.ones(2, 3, 3), d2l.ones(2, 2, 2)),
        "K must have shape (channels_out, channels_in, h, w), got (2, 2, 2)",
    ),
    "a kernel larger than 1 x 1": (
        lambda d2l: d2l.corr2d_multi_in_out_1x1(d2l.ones(2, 3, 3), d2l.ones(4, 2, 2, 2)),
        "K must have shape (channels_out, channels_in, 1, 1), got (4, 2, 2, 2)",
    ),
    "a kernel of 1 x 1 without these axes": (
        lambda d2l: d2l.corr2d_multi_in_out_1x1(d2l.ones(2, 3, 3), d2l.ones(4, 2)),
        "K must have shape (channels_out, channels_in, 1, 1), got (4, 2)",
    ),
    "a pool size that is a number": (
        lambda d2l: d2l.pool2d(d2l.ones(3, 3), 2),
        "pool_size must be a pair (height, width), got 2",
    ),
    "half a pool size": (
        lambda d2l: d2l.pool2d(d2l.ones(3, 3), (2, 1.5)),
        "pool_size[1] must be an integer, got 1.5",
    ),
    "a window larger than the image": (
        lambda d2l: d2l.pool2d(d2l.ones(5, 3, 3), (4, 1)),
        "pool_size must have a height and width from (1, 1) to X's (3, 3), got (4, 1); pad X",
    ),
    "a minibatch for an image": (
        lambda d2l: d2l.pool2d(d2l.ones(1, 1, 3, 3), (2, 2)),
        "X must have shape (h, w) or (channels, h, w), got (1, 1, 3, 3)",
    ),
    "an unknown mode": (
        lambda d2l: d2l.pool2d(d2l.ones(3, 3), (2, 2), "min"),
        "mode must be 'max' or 'avg', got 'min'",
    ),
    "a mean of integers": (
        lambda d2l: d2l.pool2d(d2l.tensor([[1, 2], [3, 4]]), (2, 2), "avg"),
        "X must hold floating-point numbers, got int",
    ),
    "no such class": (
        lambda d2l: d2l.Digits().text_labels([1, 10]),
        "labels must be from 0 to 9, got 10",
    ),
    "no network": (
        lambda d2l: module(d2l)(d2l.ones(2, 2)),
        "Reader has no network: assign self.net in __init__ or define forward",
    ),
    "plot without a trainer": (
        lambda d2l: module(d2l).plot("loss", 1.0, train=True),
        "plot() needs a Trainer: it records within Trainer.fit",
    ),
    "integer images in a fit": (
        lambda d2l: fit(
            d2l, softmax_regression(d2l), arrays(d2l, IMAGES.astype(np.uint8), [0] * 4)
        ),
        "X must hold floating-point numbers, got uint8",
    ),
    "images that do not fit the model": (
        lambda d2l: fit(d2l, softmax_regression(d2l, 784), arrays(d2l, IMAGES, [0, 1, 2, 0])),
        "X must have 784 features per example, got 64 (shape (1, 64))",
    ),
    "images that do not fit the concise model": (
        lambda d2l: fit(
            d2l, d2l.SoftmaxRegression(3, 0.1, num_inputs=784), arrays(d2l, IMAGES, [0, 1, 2, 0])
        ),
        "X must have 784 features per example, got 64 (shape (1, 64))",
    ),
    "a label in a fit": (
        lambda d2l: fit(d2l, softmax_regression(d2l), arrays(d2l, IMAGES, [0, 1, 2, 3])),
        "labels must be from 0 to 2, got 3",
    ),
    "float labels in a fit": (
        lambda d2l: fit(d2l, softmax_regression(d2l), arrays(d2l, IMAGES, [0.0, 1.0, 2.0, 0.0])),
        "y must hold integer class labels, got float32",
    ),
    "targets as a row in a fit": (
        lambda d2l: fit(
            d2l,
            d2l.LinearRegressionScratch(2, lr=0.1),
            arrays(d2l, np.ones((4, 2), np.float32), np.ones(4, np.float32)),
        ),
        "y_hat and y must have the same shape, got (1, 1) and (1,)",
    ),
    "a training step without a loss": (
        lambda d2l: fit(
            d2l,
            reader(d2l, training_step=lambda self, batch: None),
            regression(d2l),
        ),
        "training_step must return the loss, got NoneType",
    ),
    "a training step with a tuple": (
        lambda d2l: fit(
            d2l,
            reader(d2l, training_step=lambda self, batch: (self.loss(self(batch[0]), batch[1]), 1)),
            regression(d2l),
        ),
        "training_step must return the loss, got tuple",
    ),
    "a training step with a loss for each example": (
        lambda d2l: fit(
            d2l,
            reader(d2l, loss=lambda self, y_hat, y: (y_hat - y) ** 2),
            regression(d2l),
        ),
        "training_step must return one number, got a loss of shape (32, 1)",
    ),
    "three values of validation": (
        lambda d2l: fit(
            d2l,
            reader(d2l, validation_step=lambda self, batch: (1, 2, 3)),
            regression(d2l),
        ),
        "validation_step must return a loss or (loss, accuracy), got 3 values",
    ),
    "no training data": (
        lambda d2l: fit(
            d2l,
            d2l.LinearRegressionScratch(2, 0.1),
            type("Data", (d2l.DataModule,), {"get_dataloader": lambda s, train: None})(),
        ),
        "train_dataloader() returned None: there is nothing to train on",
    ),
    "model and data swapped": (
        lambda d2l: d2l.Trainer(1).fit(regression(d2l), d2l.LinearRegressionScratch(2, 0.1)),
        "fit takes a model and then a data module; the model must have a training_step, "
        "which SyntheticRegressionData does not have",
    ),
    "a class for a model": (
        lambda d2l: d2l.Trainer(1).fit(d2l.MLP, regression(d2l)),
        "the model must be an object, got the class MLP; call it",
    ),
    "a class for the data": (
        lambda d2l: d2l.Trainer(1).fit(d2l.LinearRegressionScratch(2, 0.1), d2l.Digits),
        "the data module must be an object, got the class Digits; call it",
    ),
    "no data": (
        lambda d2l: d2l.Trainer(1).fit(d2l.LinearRegressionScratch(2, 0.1), None),
        "fit takes a model and then a data module; the data module must have a train_dataloader, "
        "which NoneType does not have",
    ),
    "a size that is no integer": (
        lambda d2l: d2l.zeros(2.0, 3),
        "size must be an integer, got 2.0",
    ),
    "predicted classes that are no integers": (
        lambda d2l: d2l.confusion_matrix(d2l.tensor([0.7]), d2l.tensor([0]), 2),
        "predictions must hold integer class labels, got float32",
    ),
    "predicted classes of test data that are no integers": (
        lambda d2l: d2l.label_shift_weights(d2l.eye(2), d2l.tensor([0.7])),
        "predictions must hold integer class labels, got float32",
    ),
    "a learning rate of NaN, with weight decay": (
        lambda d2l: changed(
            d2l.WeightDecay(wd=1, lr=0.1, num_inputs=2), lr=float("nan")
        ).configure_optimizers(),
        "lr must be finite and at least 0, got nan",
    ),
    "a negative number of examples of a polynomial": (
        lambda d2l: d2l.PolynomialData(num_train=-5, num_val=10),
        "num_train must be at least 0, got -5",
    ),
    "a negative number of examples of many features": (
        lambda d2l: d2l.HighDimensionalData(10, -5, 3, 2),
        "num_val must be at least 0, got -5",
    ),
    "a confusion matrix of equal rows": (
        lambda d2l: d2l.label_shift_weights(
            d2l.tensor([[0.1, 0.2], [0.3, 0.6]]), d2l.tensor([0, 1, 1])
        ),
        "confusion must be invertible, got a singular matrix",
    ),
    "a confusion matrix of counts": (
        lambda d2l: d2l.label_shift_weights(d2l.tensor([[1, 0], [0, 1]]), d2l.tensor([0, 1])),
        "confusion must hold floating-point numbers",
    ),
    "a fit within a fit": (
        lambda d2l: type(
            "T", (d2l.Trainer,), {"fit_epoch": lambda self: self.fit(reader(d2l), regression(d2l))}
        )(1).fit(reader(d2l), regression(d2l)),
        "this Trainer is already running fit(); create a new Trainer",
    ),
    "a model of the other package": (
        lambda d2l: d2l.Trainer(1).fit(reader(other_than(d2l)), regression(d2l)),
        "the model must be from d2l_",
    ),
    "data of the other package": (
        lambda d2l: d2l.Trainer(1).fit(reader(d2l), regression(other_than(d2l))),
        "the data module must be from d2l_",
    ),
    "weights that are no arrays": (
        lambda d2l: d2l.import_weights(reader(d2l), {"w": np.ones((2, 1)), "b": np.array(["a"])}),
        "weights['b'] must hold real numbers, got <U1",
    ),
    "a minibatch that is none": (
        lambda d2l: type("T", (d2l.Trainer,), {"prepare_batch": lambda self, batch: None})(1).fit(
            reader(d2l), regression(d2l)
        ),
        "a minibatch must be a tuple of inputs and targets, each of shape (n, ...), got NoneType",
    ),
    "a minibatch of no examples": (
        lambda d2l: fit(d2l, reader(d2l), batches(d2l, [(d2l.ones(0, 2), d2l.ones(0, 1))])),
        "a minibatch must have at least one example",
    ),
    "one array for a tuple of arrays": (
        lambda d2l: regression(d2l).get_tensorloader(d2l.ones(4, 2), True),
        "tensors must be a tuple of arrays, each of shape (num_examples, ...), "
        "got float32 of shape (4, 2)",
    ),
    "an example that is not there": (
        lambda d2l: regression(d2l).get_tensorloader((d2l.ones(4, 2),), True, [0, 4]),
        "index 4 is out of range for 4 examples",
    ),
    "indices that are none": (
        lambda d2l: regression(d2l).get_tensorloader((d2l.ones(4, 2),), True, [0.5]),
        "indices must be integers, a mask or a slice, got float64 of shape (1,)",
    ),
    "a mask of another length": (
        lambda d2l: regression(d2l).get_tensorloader((d2l.ones(4, 2),), True, [True, False]),
        "indices must have shape (n,), a mask (4,), got (2,)",
    ),
    "room that is no number": (
        lambda d2l: type("T", (d2l.Trainer,), {"room_for_data": lambda self: "1 GB"})(1).fit(
            reader(d2l), regression(d2l)
        ),
        "room_for_data() must be a number, got '1 GB'",
    ),
    "no learning rate": (
        lambda d2l: module(d2l).configure_optimizers(),
        "Reader has no lr: assign self.lr in __init__ (save_hyperparameters does so for an "
        "argument lr) or define configure_optimizers",
    ),
    "an __init__ that does not call its base": (
        lambda d2l: fit(d2l, module(d2l, __init__=lambda self: None), regression(d2l)),
        "Reader has no board: begin its __init__ with super().__init__()",
    ),
    "points that are no number": (
        lambda d2l: fit(d2l, changed(reader(d2l), plot_train_per_epoch="2"), regression(d2l)),
        "plot_train_per_epoch must be a number, got '2'",
    ),
    "a loss without parameters": (
        lambda d2l: fit(d2l, reader(d2l, loss=lambda self, *Y: Y[1].mean()), regression(d2l)),
        "the loss that training_step returned does not depend on the model's parameters",
    ),
    "a loss of NumPy": (
        lambda d2l: fit(d2l, reader(d2l, training_step=lambda *_: np.float64(1)), regression(d2l)),
        "the loss that training_step returned does not depend on the model's parameters",
    ),
    "no optimizer": (
        lambda d2l: fit(
            d2l,
            reader(d2l, configure_optimizers=lambda self: None),
            regression(d2l),
        ),
        "configure_optimizers must return an",
    ),
    "a list of optimizers": (
        lambda d2l: fit(d2l, reader(d2l, configure_optimizers=lambda self: [1]), regression(d2l)),
        ", got list",
    ),
    "a model without a loss": (
        lambda d2l: fit(d2l, module(d2l, forward=lambda self, X: X), regression(d2l)),
        "Reader has no loss: define loss(y_hat, y)",
    ),
    "data without loaders": (
        lambda d2l: fit(d2l, reader(d2l), d2l.DataModule()),
        "DataModule has no loaders: define get_dataloader(train)",
    ),
    "data without a batch size": (
        lambda d2l: d2l.DataModule().get_tensorloader((d2l.ones(4, 2),), True),
        "DataModule has no batch_size: assign self.batch_size in __init__",
    ),
    "a number for a loader": (
        lambda d2l: fit(d2l, reader(d2l), batches(d2l, 5)),
        "get_dataloader must return minibatches or None, got int",
    ),
    "a minibatch with one number for targets": (
        lambda d2l: fit(d2l, reader(d2l), batches(d2l, [(d2l.ones(4, 2), 1.0)])),
        ", each of shape (n, ...), got float32 of shape (4, 2), float",
    ),
    "a minibatch with a tensor of shape () for targets": (
        lambda d2l: fit(d2l, reader(d2l), batches(d2l, [(d2l.ones(4, 2), d2l.tensor(1.0))])),
        ", each of shape (n, ...), got float32 of shape (4, 2), float32 of shape ()",
    ),
    "data without targets": (
        lambda d2l: fit(d2l, reader(d2l), batches(d2l, [(d2l.ones(4, 2),)])),
        "a minibatch must hold inputs and targets, got 1 array; add the targets",
    ),
    "a classifier that returns one number": (
        lambda d2l: fit(
            d2l, classifier(d2l, lambda self, X: X.sum()), arrays(d2l, IMAGES, [0] * 4)
        ),
        "forward must return logits (n, num_classes), got float32 of shape ()",
    ),
    "a classifier that returns a tuple": (
        lambda d2l: fit(d2l, classifier(d2l, lambda self, X: (X, X)), arrays(d2l, IMAGES, [0] * 4)),
        "forward must return logits (n, num_classes), got tuple",
    ),
    "epochs assigned as text": (
        lambda d2l: changed(d2l.Trainer(1), max_epochs="3").fit(reader(d2l), regression(d2l)),
        "max_epochs must be an integer, got '3'",
    ),
    "a limit of the gradient assigned as text": (
        lambda d2l: changed(d2l.Trainer(1), gradient_clip_val="x").fit(
            reader(d2l), regression(d2l)
        ),
        "gradient_clip_val must be a number, got 'x'",
    ),
    "weights of another model": (
        lambda d2l: d2l.import_weights(d2l.LinearRegressionScratch(2, 0.1), {"w": np.ones((2, 1))}),
        "names of the model's parameters, ['b', 'w']: missing ['b'], unknown []",
    ),
    "weights of another shape": (
        lambda d2l: d2l.import_weights(
            d2l.LinearRegressionScratch(2, 0.1), {"w": np.ones((3, 1)), "b": np.ones(1)}
        ),
        "weights['w'] must have shape (2, 1), as in the model, got (3, 1)",
    ),
    "smoothing of more than everything": (
        lambda d2l: d2l.softmax_cross_entropy(scores(d2l), d2l.tensor([0, 1]), label_smoothing=1.5),
        "label_smoothing must be in [0, 1], got 1.5",
    ),
    "smoothing as text": (
        lambda d2l: d2l.softmax_cross_entropy(
            scores(d2l), d2l.tensor([0, 1]), label_smoothing="0.1"
        ),
        "label_smoothing must be a number, got '0.1'",
    ),
    "smoothing for a bad label": (
        lambda d2l: d2l.softmax_cross_entropy(scores(d2l), d2l.tensor([0, 3]), label_smoothing=0.1),
        "labels must be from 0 to 2, got 3",
    ),
    "mixup of alpha 0": (
        lambda d2l: d2l.mixup(d2l.ones(4, 2), d2l.ones(4), alpha=0),
        "alpha must be above 0, got 0",
    ),
    "mixup of integers": (
        lambda d2l: d2l.mixup(d2l.tensor([[1], [2]]), d2l.ones(2), alpha=1),
        "X must hold floating-point numbers, got int",
    ),
    "mixup with too few labels": (
        lambda d2l: d2l.mixup(d2l.ones(4, 2), d2l.ones(3), alpha=1),
        "y must have shape (4,), one entry for each example, got (3,)",
    ),
    "mixup with a weight above 1": (
        lambda d2l: d2l.mixup(d2l.ones(4, 2), d2l.ones(4), alpha=1, lam=1.1),
        "lam must be in [0, 1], got 1.1",
    ),
    "mixup with a tensor above 1 as the weight": (
        lambda d2l: d2l.mixup(d2l.ones(4, 2), d2l.ones(4), alpha=1, lam=d2l.tensor(1.5)),
        "lam must be in [0, 1], got 1.5",
    ),
    "mixup with a weight for each example": (
        lambda d2l: d2l.mixup(d2l.ones(4, 2), d2l.ones(4), alpha=1, lam=d2l.ones(4)),
        "lam must be one number, got shape (4,)",
    ),
    "mixup with a permutation of floats": (
        lambda d2l: d2l.mixup(d2l.ones(2, 2), d2l.ones(2), alpha=1, perm=d2l.tensor([1.0, 0.0])),
        "perm must hold integers, got float32",
    ),
    "mixup with a short permutation": (
        lambda d2l: d2l.mixup(d2l.ones(4, 2), d2l.ones(4), alpha=1, perm=d2l.tensor([0, 1])),
        "perm must have shape (4,), one entry for each example, got (2,)",
    ),
    "mixup with an example that is not there": (
        lambda d2l: d2l.mixup(d2l.ones(3, 2), d2l.ones(3), alpha=1, perm=d2l.tensor([0, 1, 3])),
        "perm must hold each of 0 to 2 once, got other numbers; pass a permutation",
    ),
    "a path of probability -1": (
        lambda d2l: d2l.drop_path(d2l.ones(4, 2), -1),
        "drop_prob must be finite and at least 0, got -1",
    ),
    "a path of probability 1.5": (
        lambda d2l: d2l.drop_path(d2l.ones(4, 2), 1.5),
        "drop_prob must be in [0, 1], got 1.5",
    ),
    "a path with a mask for each entry": (
        lambda d2l: d2l.drop_path(d2l.ones(4, 2), 0.5, mask=d2l.ones(4, 2)),
        "mask must have shape (4,), one entry for each example, got (4, 2)",
    ),
    "a rate after the last epoch": (
        lambda d2l: d2l.cosine_warmup(10, 10, 0.1),
        "epoch must be from 0 to 9, got 10",
    ),
    "a rate in the middle of an epoch": (
        lambda d2l: d2l.step_decay(0.5, 10, 0.1),
        "epoch must be an integer, got 0.5",
    ),
    "a negative warmup": (
        lambda d2l: d2l.cosine_warmup(0, 10, 0.1, warmup=-1),
        "warmup must be at least 0, got -1",
    ),
    "a milestone in epochs": (
        lambda d2l: d2l.step_decay(0, 10, 0.1, milestones=[6]),
        "milestones[0] must be in [0, 1], got 6",
    ),
    "a negative base rate": (
        lambda d2l: d2l.cosine_warmup(0, 10, -0.1),
        "base_lr must be finite and at least 0, got -0.1",
    ),
    "a schedule that is a number": (
        lambda d2l: d2l.Trainer(1, schedule=0.1),
        "schedule must be a function (epoch, max_epochs, base_lr) that returns the learning rate, "
        "got 0.1",
    ),
    "a schedule that returns None": (
        lambda d2l: fit(
            d2l,
            d2l.LinearRegression(num_inputs=2, lr=0.1),
            regression(d2l),
            schedule=lambda *_: None,
        ),
        "the learning rate that schedule returns must be a number, got None",
    ),
    "a schedule that returns a negative rate": (
        lambda d2l: fit(
            d2l, d2l.LinearRegression(num_inputs=2, lr=0.1), regression(d2l), schedule=lambda *_: -1
        ),
        "the learning rate that schedule returns must be finite and at least 0, got -1",
    ),
    "a schedule for SGD from scratch": (
        lambda d2l: fit(d2l, reader(d2l), regression(d2l), schedule=d2l.cosine_warmup),
        "the optimizer must hold a learning rate that a schedule can set, got none; return an "
        "optimizer of torch.optim, or optax.inject_hyperparams(optax.sgd)(lr) with a number lr",
    ),
    "an average of decay 2": (
        lambda d2l: d2l.Trainer(1, ema_decay=2),
        "ema_decay must be in [0, 1], got 2",
    ),
    "an average of decay NaN": (
        lambda d2l: d2l.EMA(reader(d2l), decay=float("nan")),
        "decay must be finite and at least 0, got nan",
    ),
    "an average of another model": (
        lambda d2l: d2l.EMA(reader(d2l)).update(softmax_regression(d2l)),
        "the model must have the weights that are averaged, got other names or shapes of ",
    ),
    "an average for a model of other shapes": (
        lambda d2l: d2l.EMA(softmax_regression(d2l, 8)).copy_to(softmax_regression(d2l, 9)),
        "the model must have the weights that are averaged, got other names or shapes of W",
    ),
    "an average that no fit has kept": (
        lambda d2l: d2l.Trainer(1).ema,
        "the optimizer must keep an average of the weights, got none; "
        "train with Trainer(..., ema_decay=0.99)",
    ),
    "no such GPU": (lambda d2l: d2l.gpu(99), "i must name one of this machine's"),
}


@pytest.mark.parametrize("case", CASES)
def test_same_error(case):
    attempt, words = CASES[case]
    errors = []
    for d2l in BACKENDS.values():
        with pytest.raises(
            (ValueError, TypeError, AttributeError, IndexError, RuntimeError)
        ) as caught:
            attempt(d2l)
        errors.append(caught.value)
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
    kinds = {type(error) for error in errors}
    assert len(kinds) == 1, kinds


def test_a_failed_fit_changes_no_weight(d2l):
    model = softmax_regression(d2l)
    before = d2l.export_weights(model)
    with pytest.raises(ValueError, match="labels must be from 0 to 2, got 3"):
        fit(d2l, model, arrays(d2l, IMAGES, [0, 1, 2, 3]))
    for name, array in d2l.export_weights(model).items():
        np.testing.assert_array_equal(array, before[name])


def test_a_failed_import_changes_no_weight(d2l):
    model = d2l.LinearRegressionScratch(2, 0.1)
    before = d2l.export_weights(model)
    with pytest.raises(ValueError, match=r"weights\['b'\] must have shape"):
        d2l.import_weights(model, {"w": np.ones((2, 1)), "b": np.ones(2)})
    np.testing.assert_array_equal(d2l.export_weights(model)["w"], before["w"])


def test_damaged_files(d2l, tmp_path):
    from tests.support.idx import write_idx

    for part, n in (("train", 4), ("t10k", 2)):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", np.zeros((n, 28, 28), np.uint8))
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", np.zeros(n, np.uint8))
    assert len(d2l.FashionMNIST(root=str(tmp_path)).val_dataloader()) == 1
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte"):
        d2l.FashionMNIST(root=str(tmp_path))
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"train-images-idx3-ubyte"):
        d2l.FashionMNIST(root=str(tmp_path))


def test_labels_from_outside_a_compiled_function_are_looked_at():
    import jax

    d2l = BACKENDS["jax"]
    for compiled in (jax.jit, lambda f: jax.jit(jax.grad(f)), jax.vmap):
        y, bad_y = d2l.tensor([0, 2]), d2l.tensor([0, 3])
        function = compiled(lambda X, y=y: d2l.softmax_cross_entropy(X, y))
        X = scores(d2l) if compiled is not jax.vmap else scores(d2l)[None]
        assert np.isfinite(d2l.numpy(function(X))).all()
        bad = compiled(lambda X, y=bad_y: d2l.softmax_cross_entropy(X, y))
        with pytest.raises(ValueError, match="labels must be from 0 to 2, got 3"):
            bad(X)
