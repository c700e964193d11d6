"""The parts of examples that differ by framework: layers, optimizers, random numbers."""

import importlib
import os
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType
from typing import Any


def library(d2l: ModuleType, of_jax: str, of_torch: str) -> Any:
    """Return the module named `of_jax` or `of_torch`, whichever is of the backend."""
    return importlib.import_module(of_jax if d2l.__name__ == "d2l_jax" else of_torch)


def set_seed(d2l: ModuleType, seed: int) -> None:
    """Let random numbers without a source of their own, such as dropout's masks, follow a seed."""
    if d2l.__name__ == "d2l_torch":
        library(d2l, "jax", "torch").manual_seed(seed)
    else:  # one stream of keys, in which each seed has a place
        library(d2l, "d2l_jax.random", "torch").set_num_keys(seed << 16)


def scratch_sgd(d2l: ModuleType, params: Any, lr: float) -> Any:
    """Return the library's minibatch SGD; in JAX it takes the parameters at each step."""
    return d2l.SGD(params, lr) if d2l.__name__ == "d2l_torch" else d2l.SGD(lr)


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


def linear(d2l: ModuleType, num_inputs: int, num_outputs: int, bias: bool = True) -> Any:
    """Return a fully connected layer of the framework."""
    nn = library(d2l, "flax.nnx", "torch.nn")
    if d2l.__name__ == "d2l_torch":
        return nn.Linear(num_inputs, num_outputs, bias=bias)
    return nn.Linear(num_inputs, num_outputs, use_bias=bias, rngs=nn.Rngs(0))


def relu(d2l: ModuleType) -> Any:
    """Return the activation as a layer: NNX takes functions for layers."""
    nn = library(d2l, "flax.nnx", "torch.nn")
    return nn.ReLU() if d2l.__name__ == "d2l_torch" else nn.relu


def flatten(d2l: ModuleType) -> Any:
    """Return the layer that turns each image into a vector."""
    if d2l.__name__ == "d2l_torch":
        return library(d2l, "flax.nnx", "torch.nn").Flatten()
    return lambda X: d2l.reshape(X, (len(X), -1))


def dropout(d2l: ModuleType, rate: float, seed: int) -> Any:
    """Return a dropout layer; in JAX its masks depend on `seed`."""
    nn = library(d2l, "flax.nnx", "torch.nn")
    if d2l.__name__ == "d2l_torch":
        return nn.Dropout(rate)
    return nn.Dropout(rate, rngs=nn.Rngs(seed))


def sequential(d2l: ModuleType, *layers: Any) -> Any:
    """Return layers in a row."""
    return library(d2l, "flax.nnx", "torch.nn").Sequential(*layers)


def parameter(d2l: ModuleType, array: Any) -> Any:
    """Return an array as an attribute that a model trains."""
    nn = library(d2l, "flax.nnx", "torch.nn")
    return (nn.Parameter if d2l.__name__ == "d2l_torch" else nn.Param)(array)


def set_buffer(d2l: ModuleType, model: Any, name: str, array: Any) -> None:
    """Set an attribute that a model keeps and does not train."""
    if d2l.__name__ == "d2l_torch":
        model.register_buffer(name, array)
    else:
        setattr(model, name, library(d2l, "flax.nnx", "torch.nn").Variable(array))


def gradients(d2l: ModuleType, model: Any, loss: Any) -> dict[str, Any]:
    """Return the gradient of `loss(model)` by each parameter, as `export_weights` names them."""
    if d2l.__name__ == "d2l_torch":
        model.zero_grad()
        loss(model).backward()
        return {name: param.grad.numpy() for name, param in model.named_parameters()}
    nnx = library(d2l, "flax.nnx", "torch.nn")
    copy = nnx.clone(model)
    nnx.update(copy, nnx.grad(loss)(model))
    return d2l.export_weights(copy, state=False)


def sgd_of(d2l: ModuleType, model: Any, names: Any) -> Any:
    """Return SGD at `model.lr` of the attributes in `names`; what is not in them is frozen."""
    optim = library(d2l, "optax", "torch.optim")
    if d2l.__name__ == "d2l_torch":
        params = [p for name in names for p in getattr(model, name).parameters()]
        return optim.SGD(params, lr=model.lr)
    tree = library(d2l, "jax.tree", "torch.nn")

    def labels(params: Any) -> Any:
        return tree.map_with_path(
            lambda path, _: "trained" if path[0].key in names else "frozen", params
        )

    return optim.multi_transform(
        {"trained": optim.sgd(model.lr), "frozen": optim.set_to_zero()}, labels
    )


def held_constant(d2l: ModuleType, x: Any) -> Any:
    """Return `x`, through which no gradient flows."""
    if d2l.__name__ == "d2l_torch":
        return x.detach()
    return library(d2l, "jax.lax", "torch").stop_gradient(x)


def dtype(d2l: ModuleType, name: str) -> Any:
    """Return a type of numbers by its name, such as "bfloat16"."""
    return getattr(library(d2l, "jax.numpy", "torch"), name)


def limits(d2l: ModuleType, name: str) -> tuple[float, float, float]:
    """Return the largest number, the smallest normal one and the spacing above 1 of a type."""
    info = library(d2l, "jax.numpy", "torch").finfo(dtype(d2l, name))
    return float(info.max), float(info.tiny), float(info.eps)


def set_compute_dtype(d2l: ModuleType, model: Any, name: str) -> None:
    """Make linear layers of NNX compute in a type; their weights keep theirs."""
    if d2l.__name__ == "d2l_jax":
        nnx = library(d2l, "flax.nnx", "torch.nn")
        for _, layer in nnx.iter_modules(model):
            if isinstance(layer, nnx.Linear):
                layer.dtype = dtype(d2l, name)


def autocast(d2l: ModuleType, name: str) -> AbstractContextManager[Any]:
    """Return a context in which layers of PyTorch compute in a type."""
    if d2l.__name__ == "d2l_jax" or name == "float32":
        return nullcontext()
    return library(d2l, "jax", "torch").autocast("cpu", dtype(d2l, name))


def outputs_of_layers(d2l: ModuleType, net: Any, X: Any) -> dict[str, Any]:
    """Return the output of each layer with parameters in `net`, a row, by the layer's name."""
    nn = library(d2l, "flax.nnx", "torch.nn")
    if d2l.__name__ == "d2l_jax":
        _, found = nn.capture(net, nn.Intermediate, method_outputs=nn.Intermediate)(X)
        return {str(i): found["layers"][i]["__call__"][0] for i in sorted(found["layers"])}
    outputs = {}
    hooks = [
        layer.register_forward_hook(lambda _, X, Y, name=name: outputs.update({name: Y.detach()}))
        for name, layer in net.named_children()
        if list(layer.parameters())
    ]
    net(X)
    for hook in hooks:
        hook.remove()
    return outputs


def image_shape(d2l: ModuleType, n: int, channels: int, size: int) -> tuple[int, ...]:
    """Return the shape of `n` square images, whose channels are last in JAX."""
    shape = (n, channels, size, size)
    return shape if d2l.__name__ == "d2l_torch" else (n, size, size, channels)


def count_cpu_as(number: int, alone: bool) -> None:
    """Let JAX, before it starts, count the CPU as several devices; `alone`: use no other."""
    flag, flags = "--xla_force_host_platform_device_count", os.environ.get("XLA_FLAGS", "")
    if flag not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {flag}={number}".strip()
    if alone:
        os.environ.setdefault("JAX_PLATFORMS", "cpu")


def several_devices(d2l: ModuleType, number: int, on_gpu: bool) -> list[Any]:
    """Return GPUs, or CPUs: those of JAX, or PyTorch's only one several times."""
    if d2l.__name__ == "d2l_torch" and not on_gpu:
        return [d2l.cpu()] * number
    found = d2l.try_all_gpus() if on_gpu else library(d2l, "jax", "torch").devices("cpu")
    if number > len(found):
        raise ValueError(f"--devices must be at most {len(found)}, the devices here, got {number}")
    return list(found[:number])


def num_training_devices(d2l: ModuleType, number: int) -> int:
    """Return how many devices train: `number` in JAX, and in PyTorch the processes of torchrun."""
    return int(os.environ.get("WORLD_SIZE", 1)) if d2l.__name__ == "d2l_torch" else number
