"""The library of the book Dive into Deep Learning; see the README and `docs/index.md`."""

import types as _types
import typing as _typing

from d2l_common import __version__ as __version__
from d2l_common.data.archives import extract as extract
from d2l_common.data.house_prices import k_fold as k_fold
from d2l_common.data.hub import DATA_HUB as DATA_HUB
from d2l_common.data.hub import DATA_URL as DATA_URL
from d2l_common.data.hub import download as download
from d2l_common.data.loader import TensorFlowDataLoader as TensorFlowDataLoader
from d2l_common.data.mixup import mixup_loss as mixup_loss
from d2l_common.hyperparameters import HyperParameters as HyperParameters
from d2l_common.hyperparameters import add_to_class as add_to_class
from d2l_common.plotting.board import ProgressBoard as ProgressBoard
from d2l_common.plotting.curves import plot as plot
from d2l_common.plotting.curves import set_axes as set_axes
from d2l_common.plotting.curves import set_figsize as set_figsize
from d2l_common.plotting.curves import use_svg_display as use_svg_display
from d2l_common.plotting.pictures import show_heatmaps as show_heatmaps
from d2l_common.plotting.pictures import show_images as show_images
from d2l_common.timer import Timer as Timer
from d2l_common.training.early_stopping import out_of_patience as out_of_patience
from d2l_common.training.history import History as History
from d2l_common.training.schedules import cosine_warmup as cosine_warmup
from d2l_common.training.schedules import step_decay as step_decay
from d2l_common.weights import initial_weights as initial_weights
from .benchmark import Benchmark as Benchmark
from .data.house_prices import KaggleHouse as KaggleHouse
from .data.images import Digits as Digits
from .data.images import FashionMNIST as FashionMNIST
from .data.images import MNISTSample as MNISTSample
from .data.mixup import mixup as mixup
from .data.module import DataModule as DataModule
from .data.synthetic import HighDimensionalData as HighDimensionalData
from .data.synthetic import PolynomialData as PolynomialData
from .data.synthetic import SyntheticRegressionData as SyntheticRegressionData
from .devices import cpu as cpu
from .devices import gpu as gpu
from .devices import num_gpus as num_gpus
from .devices import try_all_gpus as try_all_gpus
from .devices import try_gpu as try_gpu
from .devices import use_device as use_device
from .functional import accuracy as accuracy
from .functional import cross_entropy as cross_entropy
from .functional import grad as grad
from .functional import linreg as linreg
from .functional import prelu as prelu
from .functional import relu as relu
from .functional import sgd as sgd
from .functional import softmax as softmax
from .functional import softmax_cross_entropy as softmax_cross_entropy
from .functional import squared_loss as squared_loss
from .functional import value_and_grad as value_and_grad
from .math.backprop import backpropagation as backpropagation
from .math.backprop import forward_propagation as forward_propagation
from .math.probability import confusion_matrix as confusion_matrix
from .math.probability import entropy as entropy
from .math.probability import kl_divergence as kl_divergence
from .math.probability import label_shift_weights as label_shift_weights
from .math.probability import normal_density as normal_density
from .memory import memory_of_training as memory_of_training
from .models.alexnet import AlexNet as AlexNet
from .models.batch_norm_lenet import BNLeNet as BNLeNet
from .models.batch_norm_lenet import BNLeNetScratch as BNLeNetScratch
from .models.convnext import ConvNeXt as ConvNeXt
from .models.densenet import DenseNet as DenseNet
from .models.dropout_mlp import DropoutMLP as DropoutMLP
from .models.dropout_mlp import DropoutMLPScratch as DropoutMLPScratch
from .models.googlenet import GoogleNet as GoogleNet
from .models.lenet import LeNet as LeNet
from .models.linear_regression import LinearRegression as LinearRegression
from .models.linear_regression import LinearRegressionScratch as LinearRegressionScratch
from .models.mlp import MLP as MLP
from .models.mlp import MLPScratch as MLPScratch
from .models.mobilenet import MiniMobileNet as MiniMobileNet
from .models.nin import NiN as NiN
from .models.nin import nin_block as nin_block
from .models.regnet import AnyNet as AnyNet
from .models.regnet import RegNetX32 as RegNetX32
from .models.resnet import ResNet as ResNet
from .models.resnet import ResNet18 as ResNet18
from .models.resnet import resnet18 as resnet18
from .models.softmax_regression import SoftmaxRegression as SoftmaxRegression
from .models.softmax_regression import SoftmaxRegressionScratch as SoftmaxRegressionScratch
from .models.vgg import VGG as VGG
from .models.vgg import vgg_block as vgg_block
from .models.weight_decay import WeightDecay as WeightDecay
from .models.weight_decay import WeightDecayScratch as WeightDecayScratch
from .models.weight_decay import l2_penalty as l2_penalty
from .nn.batch_norm import BatchNorm as BatchNorm
from .nn.batch_norm import batch_norm as batch_norm
from .nn.convnext_block import ConvNeXtBlock as ConvNeXtBlock
from .nn.cross_correlation import corr2d as corr2d
from .nn.cross_correlation import corr2d_multi_in as corr2d_multi_in
from .nn.cross_correlation import corr2d_multi_in_out as corr2d_multi_in_out
from .nn.cross_correlation import corr2d_multi_in_out_1x1 as corr2d_multi_in_out_1x1
from .nn.cross_correlation import pool2d as pool2d
from .nn.dense_block import DenseBlock as DenseBlock
from .nn.dense_block import transition_block as transition_block
from .nn.depthwise import DepthwiseSeparable as DepthwiseSeparable
from .nn.dropout import drop_path as drop_path
from .nn.dropout import dropout_layer as dropout_layer
from .nn.inception import Inception as Inception
from .nn.initialization import init_cnn as init_cnn
from .nn.repvgg import RepVGGBlock as RepVGGBlock
from .nn.residual import Residual as Residual
from .nn.residual import ResNeXtBlock as ResNeXtBlock
from .nn.squeeze_excitation import SE as SE
from .random import get_key as get_key
from .random import get_seed as get_seed
from .tensors import abs as abs
from .tensors import arange as arange
from .tensors import argmax as argmax
from .tensors import astype as astype
from .tensors import batch_matmul as batch_matmul
from .tensors import concat as concat
from .tensors import cos as cos
from .tensors import cosh as cosh
from .tensors import exp as exp
from .tensors import expand_dims as expand_dims
from .tensors import eye as eye
from .tensors import float32 as float32
from .tensors import float64 as float64
from .tensors import index_update as index_update
from .tensors import int32 as int32
from .tensors import int64 as int64
from .tensors import linspace as linspace
from .tensors import log as log
from .tensors import matmul as matmul
from .tensors import meshgrid as meshgrid
from .tensors import nn_Module as nn_Module
from .tensors import normal as normal
from .tensors import numpy as numpy
from .tensors import ones as ones
from .tensors import ones_like as ones_like
from .tensors import rand as rand
from .tensors import randn as randn
from .tensors import reduce_mean as reduce_mean
from .tensors import reduce_sum as reduce_sum
from .tensors import repeat as repeat
from .tensors import reshape as reshape
from .tensors import sigmoid as sigmoid
from .tensors import sin as sin
from .tensors import sinh as sinh
from .tensors import size as size
from .tensors import stack as stack
from .tensors import swapaxes as swapaxes
from .tensors import tanh as tanh
from .tensors import tensor as tensor
from .tensors import to as to
from .tensors import transpose as transpose
from .tensors import zeros as zeros
from .tensors import zeros_like as zeros_like
from .training.checkpoints import load_checkpoint as load_checkpoint
from .training.checkpoints import save_checkpoint as save_checkpoint
from .training.classifier import Classifier as Classifier
from .training.ema import EMA as EMA
from .training.module import Module as Module
from .training.multi_gpu import allreduce as allreduce
from .training.multi_gpu import split_batch as split_batch
from .training.multi_gpu import train_batch as train_batch
from .training.optimizers import SGD as SGD
from .training.trainer import Trainer as Trainer
from .weights import export_weights as export_weights
from .weights import import_weights as import_weights
from .weights import load_weights as load_weights
from .weights import save_weights as save_weights

if not _typing.TYPE_CHECKING:  # type checkers read the imports above
    __all__ = sorted(
        name
        for name, value in globals().items()
        if not (name.startswith("_") or isinstance(value, _types.ModuleType))
    )


def __getattr__(name: str) -> _typing.Any:
    """Import what the book's names `d2l.plt` and `d2l.tf` are, when they are first used."""
    if name == "plt":
        import matplotlib.pyplot

        return matplotlib.pyplot
    if name == "tf":
        from d2l_common.data.tensorflow import tf

        return tf
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the names of the library."""
    return [*globals()["__all__"], "__doc__", "__version__", "plt"]
