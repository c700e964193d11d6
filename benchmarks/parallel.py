"""
Epochs on several devices of the host against one: `python -m benchmarks.parallel`.

Each device computes with one thread, so that on a machine with as many cores the time of an epoch
would halve from one to two devices. Prints a table of milliseconds an epoch and of efficiency.
"""

import importlib
import os
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
NUM_EXAMPLES, BATCH_SIZE, EPOCHS = 4096, 256, 5
MODELS = {
    "perceptron, 1024 hidden": lambda d2l: d2l.MLP(10, 1024, lr=0.1),
    "LeNet": lambda d2l: d2l.LeNet(lr=0.1),
}


def epochs(backend, name, num_devices):
    """Return the seconds of each epoch except the first, which compiles."""
    d2l = importlib.import_module(f"d2l_{backend}")
    shape = (28, 28, 1) if backend == "jax" else (1, 28, 28)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(NUM_EXAMPLES, *shape)).astype(np.float32)
    y = rng.integers(0, 10, NUM_EXAMPLES)

    class Data(d2l.DataModule):
        batch_size = BATCH_SIZE

        def get_dataloader(self, train):
            return self.get_tensorloader((d2l.tensor(X), d2l.tensor(y)), train) if train else None

    options = {"num_devices": num_devices if num_devices > 1 else None}
    history = d2l.Trainer(EPOCHS, **options).fit(MODELS[name](d2l), Data())
    return history.seconds[1:]


def measure(backend, name, num_devices):
    """Return the milliseconds of an epoch, in processes of their own."""
    flags = f"--xla_force_host_platform_device_count={num_devices} "
    flags += "--xla_cpu_multi_thread_eigen=false"
    environment = {**os.environ, "XLA_FLAGS": flags, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.parallel", backend, name, str(num_devices)]
    if backend == "torch" and num_devices > 1:
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
        command[1:1] = [*launcher, str(num_devices)]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True
    )
    return 1000 * float(done.stdout.split()[-1])


def main():
    """Print the table."""
    print("| model | devices | JAX, ms | efficiency | PyTorch, ms | efficiency |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in MODELS:
        one = {}
        for k in (1, 2, 4):
            cells = [name, str(k)]
            for backend in ("jax", "torch"):
                time = measure(backend, name, k)
                one.setdefault(backend, time)
                cells += [f"{time:.0f}", f"{100 * one[backend] / (k * time):.0f} %"]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(statistics.median(epochs(sys.argv[1], sys.argv[2], int(sys.argv[3]))), flush=True)
    else:
        main()
