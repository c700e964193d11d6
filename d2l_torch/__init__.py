"""The library of Dive into Deep Learning, chapters 2 to 5, in PyTorch."""

from typing import Any

from d2l_common.board import ProgressBoard
from d2l_common.early_stopping import out_of_patience
from d2l_common.figures import plot, set_axes, set_figsize, use_svg_display
from d2l_common.history import History
from d2l_common.house_prices import k_fold
from d2l_common.hub import DATA_HUB, DATA_URL, download, extract
from d2l_common.hyperparameters import HyperParameters, add_to_class
from d2l_common.loader import TensorFlowDataLoader
from d2l_common.pictures import show_heatmaps, show_images
from d2l_common.timer import Timer
from d2l_common.weights import initial_weights
from d2l_torch.backprop import backpropagation, forward_propagation
from d2l_torch.classification import Classifier
from d2l_torch.data import DataModule, SyntheticRegressionData
from d2l_torch.devices import cpu, gpu, num_gpus, try_all_gpus, try_gpu, use_device
from d2l_torch.dropout import DropoutMLP, DropoutMLPScratch, dropout_layer
from d2l_torch.functional import (
    accuracy,
    cross_entropy,
    grad,
    linreg,
    prelu,
    relu,
    sgd,
    softmax,
    softmax_cross_entropy,
    squared_loss,
    value_and_grad,
)
from d2l_torch.house_prices import KaggleHouse
from d2l_torch.image_data import Digits, FashionMNIST
from d2l_torch.linear_regression import SGD, LinearRegression, LinearRegressionScratch
from d2l_torch.memory import memory_of_training
from d2l_torch.mlp import MLP, MLPScratch
from d2l_torch.module import Module
from d2l_torch.polynomial import PolynomialData
from d2l_torch.probability import (
    confusion_matrix,
    entropy,
    kl_divergence,
    label_shift_weights,
    normal_density,
)
from d2l_torch.random import get_key, get_seed
from d2l_torch.softmax_regression import SoftmaxRegression, SoftmaxRegressionScratch
from d2l_torch.tensors import (
    abs,
    arange,
    argmax,
    astype,
    batch_matmul,
    concat,
    cos,
    cosh,
    exp,
    expand_dims,
    eye,
    float32,
    float64,
    index_update,
    int32,
    int64,
    linspace,
    log,
    matmul,
    meshgrid,
    nn_Module,
    normal,
    numpy,
    ones,
    ones_like,
    rand,
    randn,
    reduce_mean,
    reduce_sum,
    repeat,
    reshape,
    sigmoid,
    sin,
    sinh,
    size,
    stack,
    swapaxes,
    tanh,
    tensor,
    to,
    transpose,
    zeros,
    zeros_like,
)
from d2l_torch.trainer import Trainer
from d2l_torch.weight_decay import HighDimensionalData, WeightDecay, WeightDecayScratch, l2_penalty
from d2l_torch.weights import export_weights, import_weights

__all__ = [
    "DATA_HUB",
    "DATA_URL",
    "MLP",
    "SGD",
    "Classifier",
    "DataModule",
    "Digits",
    "DropoutMLP",
    "DropoutMLPScratch",
    "FashionMNIST",
    "HighDimensionalData",
    "History",
    "HyperParameters",
    "KaggleHouse",
    "LinearRegression",
    "LinearRegressionScratch",
    "MLPScratch",
    "Module",
    "PolynomialData",
    "ProgressBoard",
    "SoftmaxRegression",
    "SoftmaxRegressionScratch",
    "SyntheticRegressionData",
    "TensorFlowDataLoader",
    "Timer",
    "Trainer",
    "WeightDecay",
    "WeightDecayScratch",
    "abs",
    "accuracy",
    "add_to_class",
    "arange",
    "argmax",
    "astype",
    "backpropagation",
    "batch_matmul",
    "concat",
    "confusion_matrix",
    "cos",
    "cosh",
    "cpu",
    "cross_entropy",
    "download",
    "dropout_layer",
    "entropy",
    "exp",
    "expand_dims",
    "export_weights",
    "extract",
    "eye",
    "float32",
    "float64",
    "forward_propagation",
    "get_key",
    "get_seed",
    "gpu",
    "grad",
    "import_weights",
    "index_update",
    "initial_weights",
    "int32",
    "int64",
    "k_fold",
    "kl_divergence",
    "l2_penalty",
    "label_shift_weights",
    "linreg",
    "linspace",
    "log",
    "matmul",
    "memory_of_training",
    "meshgrid",
    "nn_Module",
    "normal",
    "normal_density",
    "num_gpus",
    "numpy",
    "ones",
    "ones_like",
    "out_of_patience",
    "plot",
    "prelu",
    "rand",
    "randn",
    "reduce_mean",
    "reduce_sum",
    "relu",
    "repeat",
    "reshape",
    "set_axes",
    "set_figsize",
    "sgd",
    "show_heatmaps",
    "show_images",
    "sigmoid",
    "sin",
    "sinh",
    "size",
    "softmax",
    "softmax_cross_entropy",
    "squared_loss",
    "stack",
    "swapaxes",
    "tanh",
    "tensor",
    "to",
    "transpose",
    "try_all_gpus",
    "try_gpu",
    "use_device",
    "use_svg_display",
    "value_and_grad",
    "zeros",
    "zeros_like",
]


def __getattr__(name: str) -> Any:
    """Import what the book reaches as `d2l.plt`, matplotlib's pyplot, when it is first used."""
    if name == "plt":
        import matplotlib.pyplot

        return matplotlib.pyplot
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
