"""Several devices give the numbers of one (sections 13.5 and 13.6)."""

import functools
import json
import os
import signal
from contextlib import nullcontext

import numpy as np
import pytest
import torch

from d2l_torch.training import whole_minibatch
from parity_tests.support import parallel
from parity_tests.support.backends import BACKENDS, precision
from parity_tests.support.parallel import NUM_DEVICES, processes, run_fits

# Sums over examples in another order: some roundings of float64 over 20 steps.
BOUND = 1e-12
# A fault of a single step moves the loss by far more.
VISIBLE = 1e-6


def of(results, num_devices, name):
    """Return the arrays of a fit by name."""
    prefix = f"{num_devices}/{name}/"
    return {k.removeprefix(prefix): x for k, x in results.items() if k.startswith(prefix)}


def gap(results, reference):
    """Return the largest difference between two fits."""
    assert results.keys() == reference.keys() and len(results) > 2
    return max(np.abs(results[name] - reference[name]).max() for name in reference)


def names(results, num_devices):
    return sorted({k.split("/")[1] for k in results if k.startswith(f"{num_devices}/")})


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Return a function: the results of all fits on so many devices, and on one. JAX runs once."""
    folder = tmp_path_factory.mktemp("parallel")

    @functools.cache
    def run(backend, num_processes):
        num_devices = max(NUM_DEVICES["jax"]) if backend == "jax" else num_processes
        return run_fits(backend, num_devices, folder / f"{backend}_{num_processes}.npz")

    def of_both(backend, num_devices):
        return run(backend, 1 if backend == "jax" else num_devices), run(backend, 1)

    return of_both


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "num_devices"), [(b, k) for b, ks in NUM_DEVICES.items() for k in ks[1:]]
)
def test_a_fit_has_the_numbers_of_one_device(results, backend, num_devices):
    """Losses of 20 steps, of validation, and weights; sizes do not divide by the devices."""
    several, one = results(backend, num_devices)
    assert len(names(several, num_devices)) >= 5
    for name in set(names(several, num_devices)) - set(parallel.faults()):
        assert len(of(one, 1, name)["train_loss"]) == 20
        assert gap(of(several, num_devices, name), of(one, 1, name)) <= BOUND, name


@pytest.mark.parametrize(("dtype", "bound"), [("float64", 1e-12), ("bfloat16", 0.02)])
def test_batch_normalization_over_processes_is_pytorchs_own(dtype, bound, monkeypatch):
    """In one part; also of bfloat16, whose spacing is 0.008, with weights in float32."""
    monkeypatch.setattr(whole_minibatch.distributed, "all_reduce", lambda _: None)
    rng = np.random.default_rng(0)
    draws = [rng.normal(2, 3, size) for size in ((6, 3, 4, 4), 3, 3)]
    found = {}
    for name in ("own", "whole"):
        layer = torch.nn.BatchNorm2d(3).to(torch.float64 if dtype == "float64" else torch.float32)
        with torch.no_grad():
            for parameter, draw in zip(layer.parameters(), draws[1:], strict=True):
                parameter.copy_(torch.tensor(draw))
        X = torch.tensor(draws[0]).to(getattr(torch, dtype)).requires_grad_()
        part = whole_minibatch.Part(6, rank=0, size=1)
        with whole_minibatch.WholeMinibatch(part) if name == "whole" else nullcontext():
            Y = layer(X)
        assert Y.dtype == X.dtype
        (Y.double() ** 3).mean().backward()
        results = [Y, X.grad, layer.weight.grad, layer.bias.grad, *layer.buffers()]
        found[name] = [x.detach().double().numpy() for x in results]
    for own, whole in zip(*found.values(), strict=True):
        assert np.abs(own - whole).max() <= bound * np.abs(own).max()


@pytest.mark.slow
@pytest.mark.parametrize("num_devices", NUM_DEVICES["torch"][1:])
def test_faults_of_parallel_training_are_seen(results, num_devices):
    several, one = results("torch", num_devices)
    for fault, (name, _) in parallel.faults().items():
        reference = of(one, 1, name)
        assert gap(of(several, num_devices, fault), reference) > VISIBLE, fault


SEEDS = {
    "jax": "from d2l_jax import random; random.set_num_keys(0)",
    "torch": "import torch; torch.manual_seed(0)",
}
# Process 1 is killed at the beginning of its last epoch.
KILLED = """
import os, signal

rank = int(os.environ["RANK"])
if "{backend}" == "jax":
    import jax

    address = "127.0.0.1:" + os.environ["MASTER_PORT"]
    jax.distributed.initialize(address, 2, rank, heartbeat_timeout_seconds=10)

import d2l_{backend} as d2l

class Trainer(d2l.Trainer):
    def fit_epoch(self):
        if rank == 1 and self.epoch == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        super().fit_epoch()

{seed}
model = d2l.SoftmaxRegression(10, lr=0.1, num_inputs=64)
Trainer(3, checkpoint=os.environ["FOLDER"]).fit(model, d2l.Digits(batch_size=256))
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_killed_process_ends_the_others_in_a_sentence_and_the_run_resumes(backend, tmp_path):
    d2l = BACKENDS[backend]

    def resumed(folder):
        exec(SEEDS[backend])
        model = d2l.SoftmaxRegression(10, lr=0.1, num_inputs=64)
        trainer = d2l.Trainer(3, checkpoint=folder)
        return trainer.fit(model, d2l.Digits(batch_size=256), resume=True)

    code = KILLED.format(backend=backend, seed=SEEDS[backend])
    folder = str(tmp_path / "run")
    with processes(code, 2, FOLDER=folder, JAX_ENABLE_X64="0") as running:
        _, message = running[0].communicate(timeout=120)
        # JAX's runtime aborts a process that cannot meet the others at its end.
        assert running[0].returncode == {"torch": 1, "jax": -signal.SIGABRT}[backend]
        running[1].wait(timeout=60)
    assert "RuntimeError: process 0 of 2 stops because another one has ended" in message
    history, alone = resumed(tmp_path / "run"), resumed(tmp_path / "alone")
    assert len(history.train_loss) == len(alone.train_loss)
    np.testing.assert_allclose(history.train_loss, alone.train_loss, rtol=1e-5)  # in float32


COMPARED = """
import d2l_jax, d2l_torch
from d2l_jax.training import parallel
from d2l_parity import compare

used, in_parts = set(), parallel.in_parts
parallel.in_parts = lambda batch, place: (
    used.add(place.num_devices), in_parts(batch, place)
)[1]

models = [d2l.DropoutMLP(10, 16, 8, 0.5, 0.5, lr=0.1) for d2l in (d2l_jax, d2l_torch)]
brief = {"epochs": 1, "nudges": 0, "dtypes": ["float64"], "num_devices": 2}
report = compare(*models, lambda d2l: d2l.Digits(batch_size=250), **brief)
print(report.verdict.name, *used)
"""


@pytest.mark.slow
def test_a_comparison_trains_on_several_devices():
    with processes(COMPARED, 1, num_devices=2, JAX_ENABLE_X64="0") as [process]:
        verdict, message = process.communicate(timeout=200)
    assert verdict == "SAME 2\n", message


DIVERGED = """
import d2l_jax as d2l

model = d2l.SoftmaxRegression(10, lr=1e308, num_inputs=64)
d2l.Trainer(1, num_devices=2).fit(model, d2l.Digits(batch_size=256))
"""


@pytest.mark.slow
def test_a_divergence_on_several_devices_is_explained():
    with processes(DIVERGED, 1, num_devices=2) as [process]:
        _, message = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "try a lower learning rate" in message


SEVERAL_HOSTS = """
import os
import jax

rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
address = "127.0.0.1:" + os.environ["MASTER_PORT"]
jax.distributed.initialize(address, num_processes=size, process_id=rank)

import d2l_jax as d2l
from d2l_jax import random
from parity_tests.support.parallel import fit

results = fit(d2l, "dropout", None, lambda: random.set_num_keys(0), checkpoint=os.environ["FOLDER"])
print(results["train_loss"].tolist())
"""


@pytest.mark.slow
def test_several_processes_of_jax_train_on_all_of_their_devices(results, tmp_path):
    with processes(SEVERAL_HOSTS, 2, num_devices=2, FOLDER=str(tmp_path)) as running:
        texts = [process.communicate(timeout=200)[0] for process in running]
    one = of(results("jax", 1)[1], 1, "dropout")["train_loss"]
    for text in texts:
        losses = np.array(json.loads(text.splitlines()[-1]))
        assert np.abs(losses - one).max() <= BOUND
    assert len(os.listdir(tmp_path)) == 3  # the checkpoints of process 0


# -- from scratch ----------------------------------------------------------------------------------


def problem(d2l):
    """Return a minibatch of 10, parameters and a loss for each example."""
    rng = np.random.default_rng(0)
    X, y = d2l.tensor(rng.normal(size=(10, 3))), d2l.tensor(rng.integers(0, 4, 10))
    params = [d2l.tensor(rng.normal(size=(3, 4))), d2l.zeros(4)]

    def loss(params, X, y):
        return d2l.softmax_cross_entropy(X @ params[0] + params[1], y, averaged=False)

    return X, y, params, loss


def check_train_batch(backend):
    """Three devices take the step of one: the parts of the minibatch have 3, 3 and 4 examples."""
    d2l = BACKENDS[backend]
    with precision("float64"):
        X, y, params, loss = problem(d2l)
        devices = [d2l.cpu()] * 3
        new = d2l.train_batch(X, y, [params] * 3, devices, 0.5, loss)
        gradient = d2l.grad(lambda params: loss(params, X, y).mean())(params)
        expected = d2l.sgd(params, gradient, 0.5)
        for copy in new:
            for array, reference in zip(copy, expected, strict=True):
                assert np.abs(np.asarray(array) - np.asarray(reference)).max() < BOUND


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_train_batch(backend):
    check_train_batch(backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_split_batch(backend):
    d2l = BACKENDS[backend]
    X, y, _, _ = problem(d2l)
    X_parts, y_parts = d2l.split_batch(X, y, [d2l.cpu()] * 3)
    assert [len(part) for part in X_parts] == [len(part) for part in y_parts] == [3, 3, 4]
    np.testing.assert_array_equal(np.concatenate([np.asarray(x) for x in y_parts]), np.asarray(y))
    X_parts, y_parts = d2l.split_batch(X, y, 5)  # the form of the book's JAX edition
    assert tuple(X_parts.shape) == (5, 2, 3) and tuple(y_parts.shape) == (5, 2)
    np.testing.assert_array_equal(np.asarray(X_parts).reshape(10, 3), np.asarray(X))


def check_allreduce(backend):
    d2l = BACKENDS[backend]
    data = [d2l.ones((1, 2)) * (i + 1) for i in range(3)]
    for total in d2l.allreduce(data):
        np.testing.assert_array_equal(np.asarray(total), [[6, 6]])
    np.testing.assert_array_equal(np.asarray(data[0]), [[1, 1]])  # as it was


@pytest.mark.parametrize("backend", BACKENDS)
def test_allreduce(backend):
    check_allreduce(backend)


@pytest.mark.slow
def test_resnet18_of_both_is_the_same():
    with precision("float64"):
        nets = {name: d2l.resnet18(10, in_channels=3) for name, d2l in BACKENDS.items()}
        weights = BACKENDS["torch"].export_weights(nets["torch"])
        weights = BACKENDS["torch"].initial_weights(weights, 0, "xavier")
        X = np.random.default_rng(0).normal(size=(2, 8, 8, 3))
        outputs = {}
        for name, d2l in BACKENDS.items():
            d2l.import_weights(nets[name], weights)
            nets[name].eval()
            images = X if name == "jax" else X.transpose(0, 3, 1, 2)
            outputs[name] = np.asarray(nets[name](d2l.tensor(images)).tolist())
    scale = np.abs(outputs["torch"]).max()
    assert np.abs(outputs["jax"] - outputs["torch"]).max() < 1e-11 * scale  # 18 layers of roundings


@pytest.mark.parametrize("backend", BACKENDS)
def test_benchmark(backend, capsys):
    d2l, calls = BACKENDS[backend], []

    def f():
        calls.append(1)
        return d2l.ones(3) + 1

    benchmark = d2l.Benchmark(f, warmup=2, repeats=3, desc="sum")
    assert len(calls) == 5
    assert repr(benchmark) == f"sum: {1000 * benchmark.time:.2f} ms/call"
    with d2l.Benchmark("block") as benchmark:
        f()
    assert capsys.readouterr().out == f"block: {benchmark.time:.4f} sec\n"


WRONG = {
    "X and y must have the same number of examples, got 10 and 9": lambda d2l, X, y: (
        d2l.split_batch(X, y[:9], 2)
    ),
    "devices must divide the 10 examples, got 3": lambda d2l, X, y: d2l.split_batch(X, y, 3),
    "devices must be 1 to 10, one example each at least, got 11": lambda d2l, X, y: d2l.split_batch(
        X, y, [d2l.cpu()] * 11
    ),
    "data must hold a tensor for each device, got none": lambda d2l, X, y: d2l.allreduce([]),
    "data must hold tensors of one shape, got (3,) and (2,)": lambda d2l, X, y: d2l.allreduce(
        [d2l.ones(3), d2l.ones(2)]
    ),
    "devices must be a number or a list of devices, got 'cpu'": lambda d2l, X, y: d2l.split_batch(
        X, y, "cpu"
    ),
    "data must be a list of tensors, one a device, got int": lambda d2l, X, y: d2l.allreduce(3),
    "loss must have shape (10,), one entry for each example, got ()": lambda d2l, X, y: (
        d2l.train_batch(X, y, [[X[0]]], [d2l.cpu()], 0.1, lambda params, X, y: 3)
    ),
    "device_params must be one copy for each of the 2 devices, got 1": lambda d2l, X, y: (
        d2l.train_batch(X, y, [[X]], [d2l.cpu()] * 2, 0.1, None)
    ),
    "loss must have shape (5,), one entry for each example, got ()": lambda d2l, X, y: (
        d2l.train_batch(
            X, y, [[X[0]]] * 2, [d2l.cpu()] * 2, 0.1, lambda params, X, y: (params[0] * X).mean()
        )
    ),
    "lr must be finite and at least 0, got -0.1": lambda d2l, X, y: d2l.train_batch(
        X, y, [[X[0]]] * 2, [d2l.cpu()] * 2, -0.1, None
    ),
    "f must be a function without arguments, got int": lambda d2l, X, y: d2l.Benchmark(3),
    "num_devices must be None beside num_gpus, got 2 and 1": lambda d2l, X, y: d2l.Trainer(
        1, num_gpus=1, num_devices=2
    ),
    "num_devices must be at least 1, got 0": lambda d2l, X, y: d2l.Trainer(1, num_devices=0),
}


@pytest.mark.filterwarnings("ignore:num_gpus=1, but 0 found")
@pytest.mark.parametrize("message", WRONG)
@pytest.mark.parametrize("backend", BACKENDS)
def test_wrong_arguments(backend, message):
    d2l = BACKENDS[backend]
    X, y, _, _ = problem(d2l)
    with pytest.raises((TypeError, ValueError)) as error:
        WRONG[message](d2l, X, y)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("backend", BACKENDS)
def test_more_devices_than_there_are(backend):
    d2l = BACKENDS[backend]
    model = d2l.SoftmaxRegression(10, lr=0.1, num_inputs=64)
    with pytest.raises(ValueError) as error:
        d2l.Trainer(1, num_devices=1000).fit(model, d2l.Digits(batch_size=256))
    fix = "xla_force_host_platform_device_count=1000" if backend == "jax" else "nproc-per-node 1000"
    assert "num_devices must be" in str(error.value) and fix in str(error.value)


@pytest.mark.parametrize("options", [{"num_gpus": 1}, {"num_devices": 2}], ids=str)
def test_each_process_of_pytorch_has_a_gpu_of_its_own(monkeypatch, options):
    d2l = BACKENDS["torch"]
    monkeypatch.setattr(d2l.devices, "num_gpus", lambda: 2)
    monkeypatch.setattr(d2l.devices, "gpu", lambda i: f"gpu:{i}")
    monkeypatch.setenv("WORLD_SIZE", "2")
    for i in range(2):
        monkeypatch.setenv("LOCAL_RANK", str(i))
        assert d2l.Trainer(1, **options).place == f"gpu:{i}"
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(ValueError, match="at most that of GPUs, 2, got more"):
        d2l.Trainer(1, **options)
    monkeypatch.setattr(d2l.devices, "num_gpus", lambda: 0)
    assert d2l.Trainer(1, num_devices=2).place is None
