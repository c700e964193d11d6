"""The parts of examples that differ by framework: optimizers, and random numbers for steps."""

import importlib
from types import ModuleType
from typing import Any


def library(d2l: ModuleType, of_jax: str, of_torch: str) -> Any:
    """Return the module named `of_jax` or `of_torch`, whichever is of the backend."""
    return importlib.import_module(of_jax if d2l.__name__ == "d2l_jax" else of_torch)


def momentum(d2l: ModuleType, model: Any, wd: float) -> Any:
    """Return SGD with momentum 0.9 and weight decay at `model.lr`, which a schedule can change."""
    optim = library(d2l, "optax", "torch.optim")
    if d2l.__name__ == "d2l_torch":
        return optim.SGD(model.parameters(), lr=model.lr, momentum=0.9, weight_decay=wd)
    sgd = optim.inject_hyperparams(optim.sgd)(model.lr, momentum=0.9)
    return optim.chain(optim.add_decayed_weights(wd), sgd)


def adamw(d2l: ModuleType, model: Any, wd: float) -> Any:
    """Return AdamW with decoupled weight decay at `model.lr`, which a schedule can change."""
    optim = library(d2l, "optax", "torch.optim")
    if d2l.__name__ == "d2l_torch":
        return optim.AdamW(model.parameters(), lr=model.lr, weight_decay=wd)
    return optim.inject_hyperparams(optim.adamw)(model.lr, weight_decay=wd)


def add_stream(d2l: ModuleType, model: Any, seed: int) -> None:
    """Give `model` a stream of random numbers of its own."""
    random = library(d2l, "flax.nnx", "torch")
    if d2l.__name__ == "d2l_torch":
        model.generator = random.Generator().manual_seed(seed)
    else:  # a step is compiled, so its random state is a part of the model
        model.rngs = random.Rngs(seed)


def next_source(d2l: ModuleType, model: Any) -> dict[str, Any]:
    """Return the keyword argument with the next source of a model's stream."""
    return {"generator": model.generator} if d2l.__name__ == "d2l_torch" else {"key": model.rngs()}
