"""Checkpoints of a fit: the same bits after a stop or a kill, and errors that lose nothing."""

import errno
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
import safetensors.numpy

from d2l_common.training import checkpoint_files as files
from tests.support.paths import ROOT
from tests.support.runs import data_of, ending, fit, network, stopped_after


def numbers(folder):
    return files.numbers(folder)[::-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("optimizer", "loader"),
    [("adam", "tensors"), ("adamw", "a reader's"), ("rmsprop", "tensors")],
)
def test_a_resumed_run_ends_with_the_same_bits(d2l, tmp_path, optimizer, loader):
    options = {"optimizer": optimizer, "loader": loader}
    alone = fit(d2l, tmp_path / "alone", **options)
    fit(d2l, tmp_path / "run", fit_epoch=stopped_after(d2l, 2), **options)
    assert numbers(tmp_path / "run") == [1, 2]
    resumed = fit(d2l, tmp_path / "run", resume=True, **options)
    assert ending(d2l, resumed) == ending(d2l, alone)
    assert len(resumed.history.seconds) == 4
    again = fit(d2l, tmp_path / "run", resume=True, **options)  # there is nothing left to do
    assert ending(d2l, again) == ending(d2l, alone)


@pytest.mark.slow
def test_generators_of_the_models_layers_go_on(d2l, tmp_path):
    """Those of NumPy and Python, in the model and in its layers."""

    def training_step(self, batch):
        self.drawn.append((self.rng.random(), self.net.source.random()))
        return super(type(self), self).training_step(batch)

    def run(folder, epochs, seed, resume=False):
        kind = type("Reader", (d2l.LinearRegressionScratch,), {"training_step": training_step})
        model = kind(2, lr=0.03)
        drawn = kind.drawn = []
        model.rng, model.net = np.random.default_rng(seed), d2l.LinearRegressionScratch(2, 0.1)
        model.net.source = random.Random(seed)
        data = d2l.SyntheticRegressionData(d2l.tensor([2, -3.4]), b=4.2, num_train=64, num_val=0)
        trainer = d2l.Trainer(epochs, checkpoint=folder, compile=False)
        trainer.fit(model, data, resume=resume)
        return drawn

    alone = run(tmp_path / "alone", 2, seed=0)
    run(tmp_path / "run", 1, seed=0)
    assert run(tmp_path / "run", 2, seed=1, resume=True)[-2:] == alone[-2:]


def averages(d2l, trainer):
    trainer.ema.copy_to(trainer.model)
    return {name: x.tobytes() for name, x in d2l.export_weights(trainer.model).items()}


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["momentum", "rmsprop"])
def test_a_resumed_run_has_the_same_average(d2l, tmp_path, optimizer):
    options = {"optimizer": optimizer, "epochs": 3, "ema_decay": 0.75}
    alone = fit(d2l, tmp_path / "alone", **options)
    fit(d2l, tmp_path / "run", fit_epoch=stopped_after(d2l, 2), **options)
    resumed = fit(d2l, tmp_path / "run", resume=True, **options)
    assert ending(d2l, resumed) == ending(d2l, alone)
    assert averages(d2l, resumed) == averages(d2l, alone)


def test_a_checkpoint_without_an_average(d2l, tmp_path):
    """The average starts from the weights of the checkpoint, not from those of the new model."""
    trainer = fit(d2l, tmp_path, epochs=1)
    weights = d2l.export_weights(trainer.model)
    rewrite(tmp_path, 1, lambda about: about["fit"]["hyperparameters"].pop("ema_decay"))
    with pytest.warns(UserWarning, match="does not hold the average of the weights, which starts"):
        resumed = fit(d2l, tmp_path, epochs=1, resume=True, ema_decay=0.9)
    resumed.ema.copy_to(resumed.model)
    for name, array in d2l.export_weights(resumed.model).items():
        np.testing.assert_array_equal(array, weights[name])


def test_an_average_that_is_switched_on_or_off(d2l, tmp_path):
    fit(d2l, tmp_path, epochs=1, ema_decay=0.5)
    assert_refused(d2l, tmp_path, "ema_decay must be 0.5, as in the checkpoint, got None; restore")
    message = "ema_decay must be 0.5, as in the checkpoint, got 0.75; restore"
    assert_refused(d2l, tmp_path, message, ema_decay=0.75)


@pytest.mark.slow
def test_more_epochs_than_before(d2l, tmp_path):
    fit(d2l, tmp_path / "run", epochs=2)
    more = fit(d2l, tmp_path / "run", epochs=3, resume=True)
    alone = fit(d2l, tmp_path / "alone", epochs=3)
    ours, theirs = ending(d2l, more), ending(d2l, alone)
    assert ours == theirs


@pytest.mark.slow
def test_every_and_keep(d2l, tmp_path):
    fit(d2l, tmp_path / "run", epochs=5, every=2, keep=2)
    assert numbers(tmp_path / "run") == [4, 5]  # the last one is always written
    fit(d2l, tmp_path / "all", epochs=5, keep=10)
    assert numbers(tmp_path / "all") == [1, 2, 3, 4, 5]


def test_early_stopping_is_resumed_as_it_was(d2l, tmp_path):
    class Trainer(d2l.Trainer):
        def should_stop(self, history):
            return len(history.seconds) == 3

    for resume in (False, True):
        trainer = Trainer(9, checkpoint=tmp_path, every=2)
        trainer.fit(network(d2l), data_of(d2l), resume=resume)
        assert len(trainer.history.seconds) == 3
        assert numbers(tmp_path) == [2, 3]


def test_resume_without_a_checkpoint_begins(d2l, tmp_path):
    resumed = fit(d2l, tmp_path / "new" / "folder", resume=True)
    assert ending(d2l, resumed) == ending(d2l, fit(d2l, tmp_path / "alone"))


def test_what_is_in_a_checkpoint(d2l, tmp_path):
    trainer = fit(d2l, tmp_path, epochs=1, optimizer="adamw")
    folder = files.path_of(tmp_path, 1)
    assert {path.name for path in folder.iterdir()} == {
        *("weights.safetensors", "optimizer.safetensors", "own.safetensors"),
        *("history.safetensors", "streams.json", "checkpoint.json", "SHA256SUMS"),
    }
    weights = safetensors.numpy.load_file(folder / "weights.safetensors")
    expected = d2l.export_weights(trainer.model)
    assert weights.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(weights[name], array)
    moments = safetensors.numpy.load_file(folder / "optimizer.safetensors")
    params = d2l.export_weights(trainer.model, state=False)
    assert moments.keys() == {f"{p}.{k}" for p in params for k in ("step", "exp_avg", "exp_avg_sq")}
    for name, array in params.items():
        assert moments[f"{name}.exp_avg"].shape == array.shape
        assert moments[f"{name}.step"] == 4
    about = json.loads((folder / "checkpoint.json").read_text())
    assert about["backend"] == trainer.checkpoint_backend.name
    assert about["step"] == 4
    assert about["fit"]["epochs"] == 1


# -- what cannot be resumed ------------------------------------------------------------------------


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES = {
    "a flipped bit": lambda path: flip(path / "optimizer.safetensors"),
    "a flipped bit of the text": lambda path: flip(path / "checkpoint.json"),
    "a truncated file": lambda path: os.truncate(path / "weights.safetensors", 100),
    "a missing file": lambda path: (path / "history.safetensors").unlink(),
    "missing sums": lambda path: (path / "SHA256SUMS").unlink(),
    "an empty folder": lambda path: [file.unlink() for file in path.iterdir()],
}


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_skipped(d2l, tmp_path, damage):
    alone = fit(d2l, tmp_path / "run", epochs=3)
    DAMAGES[damage](files.path_of(tmp_path / "run", 3))
    with pytest.warns(UserWarning, match=r"skipping a checkpoint: .*000003' must be a whole"):
        resumed = fit(d2l, tmp_path / "run", epochs=3, resume=True, keep=1)
    assert ending(d2l, resumed) == ending(d2l, alone)
    assert numbers(tmp_path / "run") == [3]
    files.read(tmp_path / "run", 3)


def test_all_checkpoints_are_damaged(d2l, tmp_path):
    fit(d2l, tmp_path, epochs=2)
    for number in numbers(tmp_path):
        flip(files.path_of(tmp_path, number) / "own.safetensors")
    with pytest.raises(ValueError, match=r"000002' must be a whole checkpoint"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit(d2l, tmp_path, epochs=3, resume=True)
    assert numbers(tmp_path) == [1, 2]


def rewrite(folder, number, change):
    """Change what the JSON of a checkpoint holds, with a valid sum."""
    contents, about = files.read(folder, number)
    files.remove(folder, number)
    change(about)
    files.write(folder, number, contents, about, keep=9)


def assert_refused(d2l, folder, message, error=ValueError, resume=True, **options):
    """Raise unless a fit raises `message` and leaves the last checkpoint as it was."""
    last = numbers(folder)[-1]
    before = files.read(folder, last)
    with pytest.raises(error, match=message):
        fit(d2l, folder, epochs=4, resume=resume, **options)
    assert files.read(folder, last) == before


def test_a_folder_that_holds_another_run(d2l, tmp_path):
    fit(d2l, tmp_path, epochs=2)
    message = (
        "checkpoint must be a folder without checkpoints, got .* with those up to epoch 2; fit"
    )
    assert_refused(d2l, tmp_path, message, FileExistsError, resume=False)


def test_a_newer_checkpoint(d2l, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "FORMAT", 2)
    fit(d2l, tmp_path, epochs=1)
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"must have format 1 or earlier, got 2; update d2l-twins"):
        fit(d2l, tmp_path, epochs=2, resume=True)
    assert numbers(tmp_path) == [1]


def test_a_model_of_other_shapes(d2l, tmp_path):
    fit(d2l, tmp_path, epochs=1)
    before = files.read(tmp_path, 1)
    wider = d2l.SoftmaxRegression(4, lr=0.05, num_inputs=6)
    del wider.num_outputs
    wider._hparam_names = ("lr",)
    with pytest.raises(ValueError, match=r"does not fit the model: .* must have shape \(4"):
        d2l.Trainer(2, checkpoint=tmp_path).fit(wider, data_of(d2l), resume=True)
    assert files.read(tmp_path, 1) == before


def test_another_optimizer(d2l, tmp_path):
    fit(d2l, tmp_path, epochs=1, optimizer="adamw")
    message = r"does not fit the model: the optimizer must .*; (choose the same|change it back)"
    assert_refused(d2l, tmp_path, message, optimizer="momentum")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("model.lr", 0.5, "model.lr must be 0.5, as in the checkpoint, got 0.05; restore it"),
        ("data.seed", 3, "data.seed must be 3, as in the checkpoint, got 0"),
        ("num_train_batches", 7, "num_train_batches must be 7, as in the checkpoint, got 4"),
        ("gradient_clip_val", 1, "gradient_clip_val must be 1, as in the checkpoint, got 0"),
    ],
)
def test_another_hyperparameter(d2l, tmp_path, name, value, message):
    fit(d2l, tmp_path, epochs=1)
    rewrite(tmp_path, 1, lambda about: about["fit"]["hyperparameters"].update({name: value}))
    assert_refused(d2l, tmp_path, message)


def test_a_folder_that_cannot_be_written_to(d2l, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="checkpoint must be a folder, got the file"):
        fit(d2l, tmp_path / "file")
    with pytest.raises(OSError, match=r"must be in a folder that can be written to, got .*; free"):
        fit(d2l, tmp_path / "file" / "folder")


def test_a_full_disk(d2l, tmp_path, monkeypatch):
    fit(d2l, tmp_path, epochs=2)
    before = files.read(tmp_path, 2)

    def no_space(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", no_space)
    with pytest.raises(OSError, match=r"got .*: No space left on device; free space") as raised:
        fit(d2l, tmp_path, epochs=3, resume=True)
    assert raised.value.errno == errno.ENOSPC
    monkeypatch.undo()
    assert files.read(tmp_path, 2) == before
    assert not list(tmp_path.glob(".*"))
    assert len(fit(d2l, tmp_path, epochs=3, resume=True).history.seconds) == 3


def test_resume_needs_a_folder(d2l):
    with pytest.raises(ValueError, match=r"resume=True must have a folder of checkpoints; create"):
        d2l.Trainer(1).fit(network(d2l), data_of(d2l), resume=True)
    with pytest.raises(TypeError, match=r"resume must be True or False, got 'yes'"):
        d2l.Trainer(1).fit(network(d2l), data_of(d2l), resume="yes")
    for arguments, error, message in (
        ({"checkpoint": 3}, TypeError, "checkpoint must be the path of a folder, or None, got 3"),
        ({"every": 0}, ValueError, "every must be at least 1, got 0"),
        ({"keep": 1.5}, TypeError, "keep must be an integer, got 1.5"),
    ):
        with pytest.raises(error, match=message):
            d2l.Trainer(1, **arguments)


# -- killed ----------------------------------------------------------------------------------------

SCRIPT = """
import sys
import d2l_{backend} as d2l
from tests.support.runs import fit
print("ready", flush=True)
fit(d2l, {folder!r}, epochs=200, optimizer="adam", resume=True, keep=2)
"""


@pytest.mark.slow
def test_a_killed_run_ends_with_the_same_bits(d2l, tmp_path):
    """The kills come at any moment, also while a checkpoint is written."""
    backend = d2l.__name__.removeprefix("d2l_")
    script = SCRIPT.format(backend=backend, folder=str(tmp_path / "run"))
    rng = np.random.default_rng(0)
    for _ in range(2):
        before = numbers(tmp_path / "run")[-1:] or [0]
        run = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE)
        run.stdout.readline()
        while numbers(tmp_path / "run")[-1:] in ([], before) and run.poll() is None:
            time.sleep(0.001)
        time.sleep(0.02 * rng.random())
        run.send_signal(signal.SIGKILL)
        run.communicate()
    epochs = numbers(tmp_path / "run")[-1] + 1
    alone = fit(d2l, tmp_path / "alone", epochs=epochs, optimizer="adam", every=epochs)
    resumed = fit(d2l, tmp_path / "run", epochs=epochs, optimizer="adam", resume=True)
    assert ending(d2l, resumed) == ending(d2l, alone)


# -- the book's functions --------------------------------------------------------------------------


def net_and_optimizer(d2l, width=8):
    """Return a network and its optimizer of Adam, after two steps."""
    if d2l.__name__ == "d2l_torch":
        torch = importlib.import_module("torch")
        net = torch.nn.Sequential(torch.nn.Linear(3, width), torch.nn.ReLU())
        optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
        for _ in range(2):
            optimizer.zero_grad()
            net(torch.ones(2, 3)).square().mean().backward()
            optimizer.step()
        return net, optimizer
    jax, nnx, optax = map(importlib.import_module, ("jax", "flax.nnx", "optax"))
    net = nnx.Sequential(nnx.Linear(3, width, rngs=nnx.Rngs(0)), nnx.relu)
    optimizer = nnx.Optimizer(net, optax.adam(0.1), wrt=nnx.Param)
    for _ in range(2):
        grads = nnx.grad(lambda net: (net(jax.numpy.ones((2, 3))) ** 2).mean())(net)
        optimizer.update(net, grads)
    return net, optimizer


def test_save_and_load(d2l, tmp_path):
    net, optimizer = net_and_optimizer(d2l)
    path = tmp_path / "run.pt"
    for step in (1, 2):
        d2l.save_checkpoint(path, net, optimizer, step=step, cfg={"width": 8})
    assert numbers(path) == [2]  # the second took the place of the first
    draw = d2l.get_seed()
    state = d2l.load_checkpoint(path, net, optimizer)
    assert d2l.get_seed() == draw  # the random streams go back, too
    assert (state["step"], state["cfg"]) == (2, {"width": 8})
    other, other_optimizer = net_and_optimizer(d2l)
    d2l.load_checkpoint(path, other, other_optimizer)
    weights = d2l.export_weights(net)
    for name, array in d2l.export_weights(other).items():
        np.testing.assert_array_equal(array, weights[name])
        np.testing.assert_array_equal(array, state["model"][name])
    backend = importlib.import_module(f"{d2l.__name__}.training.checkpoints")
    taken = [
        backend.take_optimizer(*pair)[0] for pair in ((net, optimizer), (other, other_optimizer))
    ]
    assert taken[0].keys() == taken[1].keys() == state["optimizer"].keys()
    for name, array in taken[0].items():
        np.testing.assert_array_equal(array, taken[1][name])
    d2l.load_checkpoint(path, other)  # the weights alone


def torch_adam():
    torch = importlib.import_module("torch")
    return torch.optim.Adam([torch.zeros(1)])


def test_load_of_a_fit(d2l, tmp_path):
    trainer = fit(d2l, tmp_path, epochs=2, optimizer="momentum")
    model = network(d2l, "momentum")
    state = d2l.load_checkpoint(tmp_path, model)
    assert (state["step"], state["cfg"]) == (8, None)
    for name, array in d2l.export_weights(trainer.model).items():
        np.testing.assert_array_equal(array, d2l.export_weights(model)[name])


def test_errors_of_save_and_load(d2l, tmp_path):
    net, optimizer = net_and_optimizer(d2l)
    with pytest.raises(
        TypeError, match=r"path must be the path of a folder, got .*; pass it first"
    ):
        d2l.load_checkpoint(net, tmp_path)
    with pytest.raises(
        TypeError, match=r"path must be the path of a folder, got Sequential; pass it first"
    ):
        d2l.save_checkpoint(net, tmp_path, optimizer, 1)
    with pytest.raises(TypeError, match=r"model must be an nnx?.Module, got Adam; pass the mod"):
        d2l.save_checkpoint(tmp_path / "a", torch_adam(), net, 1)
    for call in (
        lambda: d2l.save_checkpoint(tmp_path / "a", net, "adam", 1),
        lambda: d2l.load_checkpoint(tmp_path / "a", net, "adam"),
    ):
        with pytest.raises(TypeError, match=r"optimizer must be an? .*Optimizer or None, got str"):
            call()
    with pytest.raises(FileNotFoundError, match=r"there is no checkpoint in .*; write it with"):
        d2l.load_checkpoint(tmp_path / "none", net)
    with pytest.raises(TypeError, match=r"cfg must be a dataclass or a dict of what JSON can hold"):
        d2l.save_checkpoint(tmp_path / "a", net, optimizer, 1, cfg={"f": print})
    with pytest.raises(ValueError, match="step must be at least 0, got -1"):
        d2l.save_checkpoint(tmp_path / "a", net, optimizer, -1)
    (tmp_path / "file.pt").write_text("")
    with pytest.raises(NotADirectoryError, match=r"got the file .*; choose another path"):
        d2l.save_checkpoint(tmp_path / "file.pt", net, optimizer, 1)
    assert not (tmp_path / "a").exists()
    d2l.save_checkpoint(tmp_path / "a", net, optimizer, 1)
    before = files.read(tmp_path / "a", 1)
    other = net_and_optimizer(d2l, width=9)[0]
    with pytest.raises(
        ValueError, match=r"does not fit the model: weights\['0.(bias|weight)'\] must"
    ):
        d2l.load_checkpoint(tmp_path / "a", other)
    with pytest.raises(
        ValueError, match=r"must be written by a Trainer, got one of save_checkpoint"
    ):
        d2l.Trainer(1, checkpoint=tmp_path / "a").fit(network(d2l), data_of(d2l), resume=True)
    assert files.read(tmp_path / "a", 1) == before
