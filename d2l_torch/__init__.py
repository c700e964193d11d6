"""The library of the book Dive into Deep Learning; see the README and `docs/index.md`."""

from typing import Any

from d2l_common import __version__ as __version__
from d2l_common.data.house_prices import k_fold
from d2l_common.data.hub import DATA_HUB, DATA_URL, download, extract
from d2l_common.data.readers import TensorFlowDataLoader
from d2l_common.hyperparameters import HyperParameters, add_to_class
from d2l_common.plotting.board import ProgressBoard
from d2l_common.plotting.curves import plot, set_axes, set_figsize, use_svg_display
from d2l_common.plotting.pictures import show_heatmaps, show_images
from d2l_common.timer import Timer
from d2l_common.training.early_stopping import out_of_patience
from d2l_common.training.history import History
from d2l_common.weights import initial_weights

from .data.house_prices import KaggleHouse
from .data.images import Digits, FashionMNIST
from .data.module import DataModule
from .data.synthetic import HighDimensionalData, PolynomialData, SyntheticRegressionData
from .devices import cpu, gpu, num_gpus, try_all_gpus, try_gpu, use_device
from .functional import (
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
from .math.backprop import backpropagation, forward_propagation
from .math.probability import (
    confusion_matrix,
    entropy,
    kl_divergence,
    label_shift_weights,
    normal_density,
)
from .memory import memory_of_training
from .models.dropout_mlp import DropoutMLP, DropoutMLPScratch
from .models.linear_regression import LinearRegression, LinearRegressionScratch
from .models.mlp import MLP, MLPScratch
from .models.softmax_regression import SoftmaxRegression, SoftmaxRegressionScratch
from .models.weight_decay import WeightDecay, WeightDecayScratch, l2_penalty
from .nn.dropout import dropout_layer
from .random import get_key, get_seed
from .tensors import (
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
from .training.classifier import Classifier
from .training.module import Module
from .training.optimizers import SGD
from .training.trainer import Trainer
from .weights import export_weights, import_weights

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
