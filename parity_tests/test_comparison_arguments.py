"""Arguments of the comparison: those that it takes, and the errors for all others."""

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx
from torch import nn

from parity_tests.support.backends import BACKENDS
from parity_tests.test_comparison import CROSS_ENTROPY, FlaxMLP, TorchMLP, batches, report

X, Y = batches()[0]
WEIGHTS = {name: param.detach().numpy() for name, param in TorchMLP().named_parameters()}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"mapping": {"hiden1": "fc1"}}, "no 'hiden1', only ['hidden1.bias', 'hidden1.kernel', "),
        ({"mapping": {"hidden1": "fc2"}}, "hidden1.kernel in JAX has shape (12, 64) (in PyTorch's"),
        ({"mapping": {"fc1.weight": "hidden1.kernel"}}, "the mapping is the other way round"),
    ],
)
def test_parameters_in_jax_are_named_as_the_model_has_them(arguments, words):
    with pytest.raises(ValueError) as caught:
        report(**arguments)
    assert words in str(caught.value)


@pytest.mark.slow
def test_the_report_says_where_a_layer_is_in_the_jax_model():
    rngs = nnx.Rngs(0)
    layers = nnx.Linear(64, 12, rngs=rngs), nnx.tanh, nnx.Linear(12, 10, rngs=rngs)
    torch_model = nn.Sequential(nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 10))
    found = report(nnx.Sequential(*layers), torch_model, epochs=1)
    words = "`2` (`layers.2` in JAX) differs: look between `0` (`layers.0` in JAX) and it"
    assert words in found.failures[0]
    assert list(found.layers()["JAX"]) == ["layers.0", "layers.2"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        {"data": [(torch.tensor(X, requires_grad=True), torch.tensor(Y))]},
        {"data": [(jnp.asarray(X), jnp.asarray(Y))]},
        {"data": [(X.tolist(), Y.tolist())]},
        {"loss": (CROSS_ENTROPY, BACKENDS["torch"].softmax_cross_entropy)},
        {"mapping": {"hidden1.kernel": "fc1.weight", "hidden2": "fc2"}},
        {"weights": TorchMLP().state_dict()},
        {"weights": dict(TorchMLP().named_parameters())},
    ],
)
def test_what_is_easily_given_is_taken(arguments):
    assert report(**arguments).agree


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"jax_model": 3}, TypeError, "jax_model must be a Flax NNX module, got int"),
        (
            {"jax_model": FlaxMLP},
            TypeError,
            "got the class FlaxMLP; pass an instance, FlaxMLP(",
        ),
        ({"torch_model": TorchMLP}, TypeError, "must be a PyTorch module, got the class TorchMLP"),
        ({"jax_model": TorchMLP(), "torch_model": FlaxMLP()}, TypeError, "JAX's first and then"),
        ({"loss": None}, ValueError, "MLP is not a d2l.Module; pass"),
        ({"loss": "mse"}, ValueError, "loss must be"),
        ({"loss": 3}, TypeError, "loss must be"),
        ({"loss": (CROSS_ENTROPY,) * 3}, TypeError, "or one for each backend, got ('softmax_"),
        ({"loss": nn.CrossEntropyLoss}, TypeError, "got the class CrossEntropyLoss"),
        ({"loss": nn.CrossEntropyLoss()}, TypeError, "of one framework only; pass a pair"),
        ({"loss": lambda y_hat, y: y_hat}, TypeError, "got a tensor of shape (20, 10)"),
        ({"loss": lambda y_hat, y: None}, TypeError, "loss must return one number"),
        ({"mapping": ["hidden1", "fc1"]}, TypeError, "{name in JAX: name in PyTorch}, got list"),
        ({"mapping": {"hidden1": 1}}, TypeError, "of text such as 'hidden1', got int"),
        ({"weights": TorchMLP()}, TypeError, "weights must be a dict of arrays by name"),
        (
            {"weights": WEIGHTS | {"fc1.bias": None}},
            TypeError,
            "['fc1.bias'] must be an array of numb",
        ),
        (
            {"weights": WEIGHTS | {"fc1.bias": "a"}},
            TypeError,
            "weights['fc1.bias'] must hold real numbers",
        ),
        ({"weights": WEIGHTS | {"fc1.bias": np.full(12, np.nan)}}, ValueError, "must be finite"),
        ({"weights": {"fc1.weight": np.ones((12, 64))}}, ValueError, "missing"),
        ({"dtypes": []}, ValueError, "dtypes must be a list of 'float32' and 'float64', got []"),
        ({"dtypes": "float64"}, ValueError, "'float32' and 'float64', got 'float64'"),
        ({"dtypes": ["bfloat16"]}, ValueError, "'float32' and 'float64', got ['bfloat16']"),
        ({"nudges": -1}, ValueError, "nudges must be at least 0"),
        ({"num_devices": 0}, ValueError, "num_devices must be at least 1"),
        ({"num_devices": 99}, ValueError, "num_devices must be at most 1, the devices that JAX"),
        ({"epochs": 0}, ValueError, "epochs must be at least 1"),
        ({"lr": -1}, ValueError, "lr must be"),
    ],
)
def test_wrong_arguments_are_said(arguments, error, words):
    with pytest.raises(error) as caught:
        report(**arguments)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (None, TypeError, "data must be a list of minibatches"),
        ([], ValueError, "data has no minibatches"),
        ("digits", TypeError, "d2l_jax or d2l_torch, got str"),
        (X, TypeError, "got ndarray; if it is X, pass [(X, y)]"),
        (iter(batches()), TypeError, "pass list(data)"),
        ((X, Y), TypeError, "must be (X, y), inputs and then targets, but data[0] is ndarray of"),
        ([(X, Y), (X,)], TypeError, "but data[1] is tuple of length 1"),
        ([(X, None)], TypeError, "data[0] must hold arrays of inputs and of targets"),
        ([({}, Y)], TypeError, "data[0] must hold arrays of inputs and of targets"),
        (
            [(X, Y), ({"X": X}, Y)],
            ValueError,
            "must have the same structure, got (0, 1) in data[0]",
        ),
        ([([[1, 2], [3]], Y[:2])], TypeError, "data[0] must hold arrays of numbers"),
        ([(X, "a")], TypeError, "data[0] must hold arrays of real numbers"),
        ([(X, Y), (X, Y[:5])], ValueError, "equally many, got shapes (20, 64) and (5,)"),
        ([(torch.tensor(X), torch.tensor(Y[:5]))], ValueError, "data[0] must have one row for"),
        ([(jnp.asarray(X), 3)], ValueError, "one row for each example, got shapes (20, 64) and ()"),
        ([(X[:0], Y[:0])], ValueError, "data[0] has no examples"),
        (BACKENDS["jax"].Digits, TypeError, "got the class Digits; pass lambda d2l: d2l.Digits("),
        (BACKENDS["jax"].Digits(), TypeError, "pass one for each backend, lambda d2l: d2l.Digits"),
        (lambda: None, TypeError, "data must be a function of one argument, the package"),
        (lambda d2l: batches(), TypeError, "data must return a data module of the package"),
        (
            lambda d2l: BACKENDS["torch"].Digits(),
            TypeError,
            "was passed d2l_jax, but returned a da",
        ),
    ],
)
def test_wrong_data_is_said(data, error, words):
    with pytest.raises(error) as caught:
        report(data=data)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
