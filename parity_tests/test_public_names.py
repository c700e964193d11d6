"""The two packages export the same names, with the same keywords, and stay apart."""

import inspect
import subprocess
import sys

import pytest

import d2l_jax
import d2l_torch

# Where randomness comes from, and what only PyTorch can ask of a tensor: that it wants a gradient.
BACKEND_KEYWORDS = {"rngs", "key", "generator", "requires_grad"}

# What each framework's edition of the book forces to differ.
EXCEPTIONS = {
    "SGD": "PyTorch's optimizers hold the parameters, Optax's are given them",
    "SGD.init": "Optax",
    "SGD.update": "Optax",
    "SGD.__call__": "Optax",
    "SGD.step": "PyTorch",
    "SGD.zero_grad": "PyTorch",
    "LinearRegression": "the book calls super().__init__(lr), in JAX (num_inputs, lr)",
    "Trainer.clip_gradients": "gradients are on PyTorch's model, and on their own in JAX",
}
# Methods that one framework's base class needs, or that its edition of the book has.
OWN_METHODS = {
    "Module.__call__",
    "Module.named_parameters",
    "Module.state_dict",
    "DropoutMLPScratch.set_view",  # PyTorch has train() and eval() instead
}


def public_callables(d2l):
    """Return `{qualified name: function}` of what a package exports and defines itself."""
    found = {}
    for name in d2l.__all__:
        value = getattr(d2l, name)
        # int32 and the like are the frameworks' own, as is nn_Module
        if not callable(value) or not getattr(value, "__module__", "").startswith("d2l_"):
            continue
        found[name] = value
        if inspect.isclass(value):
            for owner in value.__mro__:
                if owner.__module__.startswith("d2l_"):
                    for attribute, method in vars(owner).items():
                        is_public = not attribute.startswith("_") or attribute == "__call__"
                        if is_public and inspect.isfunction(method):
                            found.setdefault(f"{name}.{attribute}", method)
    return found


def parameters(function):
    # NNX's metaclass hides the signature of a class, not that of its __init__.
    function = function.__init__ if inspect.isclass(function) else function
    names = [name for name in inspect.signature(function).parameters if name != "self"]
    return [name for name in names if name not in BACKEND_KEYWORDS]


JAX, TORCH = public_callables(d2l_jax), public_callables(d2l_torch)


def inherits(name, names):
    """Return whether `name` is a method that `names` lists, perhaps for a base class."""
    return any(name.split(".")[-1] == other.split(".")[-1] for other in names if "." in name)


def test_same_names():
    assert d2l_jax.__all__ == d2l_torch.__all__
    assert len(set(d2l_jax.__all__)) == len(d2l_jax.__all__)


def test_same_methods():
    differing = set(JAX) ^ set(TORCH)
    unexplained = {n for n in differing if n not in EXCEPTIONS and not inherits(n, OWN_METHODS)}
    assert not unexplained


@pytest.mark.parametrize("name", sorted(set(JAX) & set(TORCH)))
def test_same_keywords(name):
    if name in EXCEPTIONS:
        assert parameters(JAX[name]) != parameters(TORCH[name]), "the exception is out of date"
    else:
        assert parameters(JAX[name]) == parameters(TORCH[name])


@pytest.mark.parametrize("name", sorted(set(JAX) | set(TORCH)))
def test_docstrings(name):
    for functions in (JAX, TORCH):
        if name in functions:
            assert inspect.getdoc(functions[name]), f"{name} says nothing of itself"


HEAVY = ["tensorflow", "tensorflow_datasets", "matplotlib", "pandas", "IPython", "sklearn", "pooch"]


@pytest.mark.parametrize(("package", "other"), [("d2l_jax", "torch"), ("d2l_torch", "jax")])
def test_import_needs_neither_the_other_nor_anything_heavy(package, other):
    script = f"""
import sys
for name in {[other, *HEAVY]!r}:
    sys.modules[name] = None  # importing it raises
import {package}
{package}.Trainer(max_epochs=1)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_common_needs_no_framework():
    script = """
import pkgutil, importlib, sys
sys.modules["jax"] = sys.modules["torch"] = sys.modules["flax"] = None
import d2l_common
for module in pkgutil.iter_modules(d2l_common.__path__):
    importlib.import_module("d2l_common." + module.name)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_files_define_the_same_in_the_same_order():
    """Two windows side by side show the port line by line."""
    from pathlib import Path

    folders = [Path(package.__file__).parent for package in (d2l_jax, d2l_torch)]
    files = [{path.name for path in folder.glob("*.py")} for folder in folders]
    # JAX alone compiles, and so states its steps as functions of their own.
    assert files[0] - files[1] == {"compiled.py", "steps.py"}
    assert files[1] <= files[0]
    for name in sorted(files[1] - {"__init__.py"}):
        module = name.removesuffix(".py")
        orders = []
        for package, names in ((d2l_jax, JAX), (d2l_torch, TORCH)):
            source = f"{package.__name__}.{module}"
            own = [n for n, f in names.items() if "." not in n and f.__module__ == source]
            orders.append(
                sorted(own, key=lambda n, names=names: inspect.getsourcelines(names[n])[1])
            )
        assert orders[0] == orders[1], name
