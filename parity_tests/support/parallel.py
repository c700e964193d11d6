"""
Fits on several devices, in processes of their own, since a process has one number of devices.

    python -m parity_tests.support.parallel FILE jax              # on 1, 2, 4 and 8 devices
    torchrun ... -m parity_tests.support.parallel FILE torch      # on as many as processes

What each fit recorded and its final weights are written to FILE, in NumPy's format.
"""

import importlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
NUM_DEVICES = {"jax": (1, 2, 4, 8), "torch": (1, 2, 4)}
# 45 examples in minibatches of 14: the last one has 3, fewer than some numbers of devices.
NUM_TRAIN, NUM_VAL, BATCH_SIZE, EPOCHS = 45, 11, 14, 5
SECONDS = 400  # until a run counts as hanging


def models(d2l):
    """Return by name how each model is made, and the shape of an example."""
    is_jax = d2l.__name__ == "d2l_jax"
    image, vector = (16, 16, 1) if is_jax else (1, 16, 16), (6,)
    found = {
        "linear": (lambda: d2l.LinearRegression(num_inputs=6, lr=0.1), vector),
        "softmax": (lambda: d2l.SoftmaxRegression(3, lr=0.1, num_inputs=6), vector),
        "dropout": (lambda: d2l.DropoutMLP(3, 8, 8, 0.5, 0.5, 0.1, num_inputs=6), vector),
        "lenet": (lambda: d2l.LeNet(0.1, num_classes=3), image),
        "batch norm": (lambda: small_net(d2l, d2l.Residual(4, True, in_channels=1)), image),
    }
    if is_jax:  # XLA does not know from which layers a program comes
        return found
    return found | {
        "dropout scratch": (
            lambda: d2l.DropoutMLPScratch(3, 8, 8, 0.5, 0.5, 0.1, num_inputs=6),
            vector,
        ),
        "batch norm scratch": (lambda: small_net(d2l, d2l.BatchNorm(1, num_dims=4)), image),
        "dropout of layers": (lambda: sequence_net(d2l), vector),
    }


def small_net(d2l, layer):
    """Return a classifier of small images with one layer before its linear one."""
    model = d2l.Classifier()
    num = 256 * len(layer.gamma) if hasattr(layer, "gamma") else 1024
    if d2l.__name__ == "d2l_jax":
        from flax import nnx

        linear = nnx.Linear(num, 3, rngs=nnx.Rngs(0))
        model.net = nnx.Sequential(layer, lambda X: X.reshape(len(X), -1), linear)
    else:
        from torch import nn

        model.net = nn.Sequential(layer, nn.Flatten(), nn.Linear(num, 3))
    model.lr = 0.1
    return model


def sequence_net(d2l):
    """Return a classifier by recurrent layers and attention, whose operations use dropout."""
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(2, 4, num_layers=3, dropout=0.3, bidirectional=True)
            self.gru = nn.GRU(8, 4, num_layers=2, dropout=0.3, batch_first=True)
            self.attention = nn.MultiheadAttention(4, 2, dropout=0.3, batch_first=True)
            self.linear = nn.Linear(12, 3)

        def forward(self, X):
            H = self.lstm(X.reshape(-1, 3, 2).transpose(0, 1))[0].transpose(0, 1)
            H = self.gru(H)[0]
            H = H + self.attention(H, H, H)[0]
            H = nn.functional.scaled_dot_product_attention(H, H, H, dropout_p=0.3)
            return self.linear(H.flatten(1))

    model = d2l.Classifier()
    model.net, model.lr = Net(), 0.1
    return model


def data_of(d2l, shape, is_regression, own_loader=False):
    """Return data from fixed draws; as a reader's list of minibatches if `own_loader`."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(NUM_TRAIN + NUM_VAL, *sorted(shape)))
    X = X.reshape(-1, *shape)
    y = rng.normal(size=(len(X), 1)) if is_regression else rng.integers(0, 3, len(X))

    class Data(d2l.DataModule):
        batch_size = BATCH_SIZE

        def get_dataloader(self, train):
            rows = slice(None, NUM_TRAIN) if train else slice(NUM_TRAIN, None)
            arrays = d2l.tensor(X[rows]), d2l.tensor(y[rows])
            if own_loader:
                return [[x[i : i + 14] for x in arrays] for i in range(0, len(arrays[0]), 14)]
            return self.get_tensorloader(arrays, train)

    return Data()


def fit(
    d2l,
    name,
    num_devices,
    seed,
    own_loader=False,
    streamed=False,
    noise=False,
    epochs=EPOCHS,
    resume=False,
    **trainer,
):
    """Return by name the losses and the final weights of a fit in float64."""
    make_model, shape = models(d2l)[name]
    seed()
    model, data = make_model(), data_of(d2l, shape, name == "linear", own_loader)
    model.apply_init([data.get_dataloader(train=True)[0][0] if own_loader else first(data)])
    weights = d2l.initial_weights(d2l.export_weights(model), 0, "xavier")
    d2l.import_weights(model, weights)
    seed()

    class Trainer(d2l.Trainer):
        def room_for_data(self):
            return 0 if streamed else super().room_for_data()

        def prepare_batch(self, batch):
            X, *rest = super().prepare_batch(batch)
            return [X + d2l.normal(0, 1, X.shape), *rest] if noise else [X, *rest]

    history = Trainer(epochs, num_devices=num_devices, **trainer).fit(model, data, resume)
    return {
        "train_loss": history.train_loss,
        "val_loss": history.val_loss,
        **d2l.export_weights(model),
    }


def first(data):
    """Return the inputs of the first example."""
    return data.train_dataloader().first()[0]


def fits(d2l, num_devices, seed):
    """Yield the name and the results of each fit on so many devices."""
    for name in models(d2l):
        yield name, fit(d2l, name, num_devices, seed)
    if num_devices in (None, 2):
        yield "clipped", fit(d2l, "softmax", num_devices, seed, gradient_clip_val=0.1)
        yield "own loader", fit(d2l, "softmax", num_devices, seed, own_loader=True)
        yield "streamed", fit(d2l, "softmax", num_devices, seed, streamed=True)
        if d2l.__name__ == "d2l_torch":  # in JAX, a key is a constant of the compiled step
            yield "noise", fit(d2l, "softmax", num_devices, seed, noise=True)
        yield "resumed", resumed(d2l, num_devices, seed)


def resumed(d2l, num_devices, seed):
    """Return the results of a fit of which JAX runs the last epochs on twice as many devices."""
    # All processes of PyTorch see one folder.
    folder = Path(tempfile.gettempdir()) / f"parallel-{os.environ.get('MASTER_PORT', os.getpid())}"
    try:
        fit(d2l, "dropout", num_devices, seed, epochs=2, checkpoint=folder)
        more = num_devices and 2 * num_devices
        return fit(d2l, "dropout", more, seed, checkpoint=folder, resume=True)
    finally:
        if os.environ.get("RANK", "0") == "0":
            shutil.rmtree(folder)


def main(file, backend):
    """Run all fits, and those of each fault, and write what came of them."""
    d2l = importlib.import_module(f"d2l_{backend}")
    results = {}
    if backend == "jax":
        from d2l_jax import random

        for k in NUM_DEVICES["jax"]:
            for name, arrays in fits(d2l, k if k > 1 else None, lambda: random.set_num_keys(0)):
                results |= {f"{k}/{name}/{key}": x for key, x in arrays.items()}
    else:
        import torch

        torch.set_default_dtype(torch.float64)
        k = int(os.environ.get("WORLD_SIZE", 1))
        for name, arrays in fits(d2l, None, lambda: torch.manual_seed(0)):
            results |= {f"{k}/{name}/{key}": x for key, x in arrays.items()}
        for fault, (name, plant) in faults().items() if k > 1 else ():
            with plant():
                arrays = fit(d2l, name, None, lambda: torch.manual_seed(0))
            results |= {f"{k}/{fault}/{key}": x for key, x in arrays.items()}
    if os.environ.get("RANK", "0") == "0":
        np.savez(file, **results)


def faults():
    """Return by name faults of parallel training in PyTorch: the model to fit, and a context."""
    from unittest import mock

    from d2l_torch.training import parallel, whole_minibatch

    def part_with(**attributes):
        class Part(whole_minibatch.Part):
            def __init__(self, num_examples, rank, size):
                super().__init__(num_examples, attributes.get("rank", rank), size)
                self.weight = attributes.get("weight", lambda: self.weight)()

        return lambda: mock.patch.object(parallel, "Part", Part)

    class NoReduction:
        def __init__(self, module, **_):
            self.module = module

        def __call__(self, *args):
            return self.module(*args)

    size = int(os.environ.get("WORLD_SIZE", 1))
    own = mock.patch.object(
        whole_minibatch.WholeMinibatch, "_moments", lambda _, X: whole_minibatch.moments(X)
    )
    return {
        "a mean of means": ("linear", part_with(weight=lambda: 1 / size)),
        "a forgotten all-reduce": (
            "linear",
            lambda: mock.patch.object(parallel, "DistributedDataParallel", NoReduction),
        ),
        "two processes on the same examples": ("linear", part_with(rank=0)),
        "masks of each process": (
            "dropout",
            lambda: mock.patch.object(whole_minibatch, "DRAWS", ()),
        ),
        "masks of each process inside recurrent layers": (
            "dropout of layers",
            lambda: mock.patch.object(whole_minibatch, "RECURRENT", ()),
        ),
        "masks of each process inside attention": (
            "dropout of layers",
            lambda: mock.patch.object(whole_minibatch, "ATTENTION", ()),
        ),
        "statistics of each process": ("batch norm", lambda: own),
    }


def environment(num_devices=1, **variables):
    """Return the environment of a process with so many devices of JAX."""
    flags = f"--xla_force_host_platform_device_count={num_devices} "
    flags += os.environ.get("XLA_FLAGS", "")  # those of a worker
    own = {"XLA_FLAGS": flags, "OMP_NUM_THREADS": "1", "JAX_ENABLE_X64": "1"}
    return {**os.environ, **own, "PYTHONPATH": str(ROOT), **variables}


def run_fits(backend, num_devices, file):
    """Return the results of all fits of a backend, in processes of their own."""
    command = [sys.executable, "-m", "parity_tests.support.parallel", str(file), backend]
    if backend == "torch" and num_devices > 1:
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
        command[1:1] = [*launcher, str(num_devices)]
    options = {"cwd": ROOT, "timeout": SECONDS, "capture_output": True, "text": True}
    ended = subprocess.run(command, env=environment(num_devices), **options)
    assert ended.returncode == 0, ended.stderr
    with np.load(file) as arrays:
        return dict(arrays)


@contextmanager
def processes(code, size, num_devices=1, **variables):
    """Run a program in processes that train together, without a launcher that would end them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    own = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(size), **variables}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env=environment(num_devices, RANK=str(i), LOCAL_RANK=str(i), **own),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(size)
    ]
    try:
        yield running
    finally:
        for process in running:
            process.kill()
            process.communicate()


if __name__ == "__main__":
    main(*sys.argv[1:])
