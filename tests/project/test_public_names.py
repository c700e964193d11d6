"""The two packages export the same names, with the same keywords, and stay apart."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import d2l_jax
import d2l_torch

# Where randomness comes from, and what only PyTorch can ask of a tensor: that it wants a gradient.
BACKEND_KEYWORDS = {"rngs", "key", "generator", "requires_grad"}

# Where the keywords differ, as each framework's edition of the book has it.
OTHER_KEYWORDS = {
    "SGD": "PyTorch's optimizers hold the parameters, Optax's are given them",
    "LinearRegression": "the book's cells call super().__init__(lr), in JAX (num_inputs, lr)",
    "LeNet": "the book's JAX edition has kernel_init",
    "Trainer.clip_gradients": "gradients are on PyTorch's model, and on their own in JAX",
    "Trainer.train_step": "a step is a function of a state in JAX, and changes PyTorch's model",
    "Trainer.validation_step": "likewise",
}
# Methods that only one of the twins defines: its framework's base class needs it, or its edition
# of the book has it.
ONLY_JAX = {
    "Module.__call__": "PyTorch's Module has it",
    "Layer.__call__": "likewise",
    "BatchNorm.set_view": "PyTorch has train() and eval() instead",
    "DropoutMLPScratch.set_view": "PyTorch has train() and eval() instead",
    "SGD.init": "Optax",
    "SGD.update": "Optax",
    "SGD.__call__": "Optax",
}
ONLY_TORCH = {
    "SGD.step": "PyTorch",
    "SGD.zero_grad": "PyTorch",
}
# JAX alone compiles, takes the arrays of a model out of it, and has its own layouts of weights.
FILES_OF_JAX = {
    "layer_layouts.py", "layouts.py", "nn/cpu_convolution.py", "nn/layer.py", "packed_layouts.py",
    "training/state.py", "training/steps.py", "units.py", "variables.py",
}  # fmt: skip
# PyTorch's processes have parts of a minibatch; XLA computes with the whole.
FILES_OF_TORCH = {"training/whole_minibatch.py"}


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


def defined_only_in(one, other):
    """Return the methods that only the first twin has, by the class that defines them."""
    return {one[name].__qualname__ for name in one.keys() - other.keys()}


def sections(function):
    """Return the sections of the book that a docstring cites; a missing docstring is an error."""
    # Its own: `inspect.getdoc` would take that of a base class, PyTorch's or NNX's.
    assert function.__doc__, f"{function.__qualname__} has no docstring"
    return re.findall(r"sections? ([\d.]+\d)(?: and ([\d.]+\d))?", function.__doc__)


JAX, TORCH = public_callables(d2l_jax), public_callables(d2l_torch)
BOTH = sorted(JAX.keys() & TORCH.keys())


def test_same_names():
    assert d2l_jax.__all__ == d2l_torch.__all__
    assert len(set(d2l_jax.__all__)) == len(d2l_jax.__all__)
    assert len(BOTH) > 150


def test_same_methods():
    assert defined_only_in(JAX, TORCH) == set(ONLY_JAX)
    assert defined_only_in(TORCH, JAX) == set(ONLY_TORCH)


def test_same_keywords():
    differing = {name for name in BOTH if parameters(JAX[name]) != parameters(TORCH[name])}
    assert differing == set(OTHER_KEYWORDS)


def test_docstrings_cite_the_same_sections():
    differing = {name for name in BOTH if sections(JAX[name]) != sections(TORCH[name])}
    assert not differing
    for twin, only in ((JAX, ONLY_JAX), (TORCH, ONLY_TORCH)):
        for function in twin.values():
            if function.__qualname__ in only:
                sections(function)


HEAVY = ["tensorflow", "tensorflow_datasets", "matplotlib", "pandas", "IPython", "sklearn", "pooch"]


@pytest.mark.slow
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
for module in pkgutil.walk_packages(d2l_common.__path__, "d2l_common."):
    importlib.import_module(module.name)
assert "d2l_common.training.recorder" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_files_define_the_same_in_the_same_order():
    """Two windows side by side show the port line by line."""
    orders = []
    for package, names in ((d2l_jax, JAX), (d2l_torch, TORCH)):
        folder = Path(package.__file__).parent
        order = {str(path.relative_to(folder)): [] for path in folder.rglob("*.py")}
        for name, function in names.items():
            if "." not in name and function.__module__.startswith(package.__name__):
                file = "/".join(function.__module__.split(".")[1:]) + ".py"
                order[file].append((inspect.getsourcelines(function)[1], name))
        orders.append({file: [name for _, name in sorted(found)] for file, found in order.items()})
    assert orders[0].keys() - orders[1].keys() == FILES_OF_JAX
    assert orders[1].keys() - orders[0].keys() == FILES_OF_TORCH
    both = orders[0].keys() & orders[1].keys()
    assert [orders[1][file] for file in both] == [orders[0][file] for file in both]
    assert orders[1]["models/mlp.py"] == ["MLPScratch", "MLP"]  # so that it compares something
