"""
Epochs on several devices of the host against one: `python -m benchmarks.parallel`.

Each fit is kept to as many cores as devices (on Linux). Cores share memory and clock, so that the
most that they can give is measured by simultaneous fits on one device each. Prints a table of
milliseconds an epoch and of efficiencies: `time of one device / devices / measured time`.
"""

import importlib
import os
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
BATCH_SIZE, EPOCHS = 256, 5
RESIDUAL_BLOCKS = ((2, 64), (2, 128))
# Each with its number of examples.
MODELS = {
    "perceptron, 1024 hidden": (4096, lambda d2l: d2l.MLP(10, 1024, lr=0.1)),
    "LeNet": (4096, lambda d2l: d2l.LeNet(lr=0.1)),
    "ResNet, 4 blocks": (1024, lambda d2l: d2l.ResNet(RESIDUAL_BLOCKS, lr=0.01)),
}


def epochs(backend, name, num_devices, cores):
    """Return the seconds of each epoch on some cores except the first, which compiles."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, map(int, cores.split(",")))
    d2l = importlib.import_module(f"d2l_{backend}")
    num_examples, make_model = MODELS[name]
    shape = (28, 28, 1) if backend == "jax" else (1, 28, 28)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(num_examples, *shape)).astype(np.float32)
    y = rng.integers(0, 10, num_examples)

    class Data(d2l.DataModule):
        batch_size = BATCH_SIZE

        def get_dataloader(self, train):
            return self.get_tensorloader((d2l.tensor(X), d2l.tensor(y)), train) if train else None

    options = {"num_devices": num_devices if num_devices > 1 else None}
    history = d2l.Trainer(EPOCHS, **options).fit(make_model(d2l), Data())
    return history.seconds[1:]


def measure(backend, name, num_devices=1, beside=1):
    """Return the milliseconds of an epoch, the average of `beside` simultaneous fits."""
    flags = f"--xla_force_host_platform_device_count={num_devices} "
    flags += "--xla_cpu_multi_thread_eigen=false"
    environment = {**os.environ, "XLA_FLAGS": flags, "OMP_NUM_THREADS": "1"}
    is_linux = hasattr(os, "sched_getaffinity")
    cores = sorted(os.sched_getaffinity(0)) if is_linux else list(range(os.cpu_count() or 1))
    command = [sys.executable, "-m", "benchmarks.parallel", backend, name, str(num_devices)]
    if backend == "torch" and num_devices > 1:
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
        command[1:1] = [*launcher, str(num_devices)]
    options = {"env": environment, "cwd": ROOT, "stdout": subprocess.PIPE, "text": True}
    running = []
    for i in range(beside):
        own = [cores[(i + j) % len(cores)] for j in range(num_devices)]
        running.append(subprocess.Popen([*command, ",".join(map(str, own))], **options))
    texts = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        raise SystemExit(f"a fit of {name} on {num_devices} devices failed")
    return 1000 * statistics.mean(float(text.split()[-1]) for text in texts)


def main():
    """Print the table."""
    print(
        "| model | devices | JAX, ms | efficiency | at most | PyTorch, ms | efficiency | at most |"
    )
    print("| --- " * 8 + "|")
    for name in MODELS:
        one = {backend: measure(backend, name) for backend in ("jax", "torch")}
        for k in (1, 2, 4):
            cells = [name, str(k)]
            for backend, alone in one.items():
                several = measure(backend, name, k) if k > 1 else alone
                beside = measure(backend, name, beside=k) if k > 1 else alone
                cells += [f"{several:.0f}", f"{alone / several / k:.0%}", f"{alone / beside:.0%}"]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        backend, name, num_devices, cores = sys.argv[1:]
        seconds = statistics.median(epochs(backend, name, int(num_devices), cores))
        if os.environ.get("RANK", "0") == "0":
            print(seconds)
    else:
        main()
