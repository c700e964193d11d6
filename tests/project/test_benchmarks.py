"""The benchmarks run and compare like with like. No test here looks at a clock's numbers."""

import csv
import importlib
import importlib.util
import math
import re
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import convnets, core, inside, ratios, run, structure
from benchmarks.cells import CELLS
from benchmarks.fit import Fit
from benchmarks.growth import Curve, summary
from benchmarks.plots import draw_growth
from benchmarks.race import Contender, Race, close, fit, paired
from benchmarks.report import Bar, Row, as_csv, markdown, times_as_fast
from benchmarks.tasks import TASKS, quick
from benchmarks.workers import Absent, Worker

LINEAR, SOFTMAX, MLP, DROPOUT, LENET, LIST = map(quick, TASKS)


# The process tree.


@pytest.fixture
def without_peers(tmp_path, monkeypatch):
    """Hide Keras and Lightning from the workers, whether they are installed or not."""
    folder = tmp_path / "hidden"
    folder.mkdir()
    for name in ("keras", "lightning"):
        (folder / f"{name}.py").write_text(f"raise ModuleNotFoundError(name={name!r})")
    monkeypatch.setenv("PYTHONPATH", str(folder))


@pytest.mark.slow
@pytest.mark.parametrize("part", ["core", "ratios"])
def test_a_quick_run_on_both_backends(part, tmp_path, without_peers, capsys):
    out = tmp_path / "bench"
    options = f"--quick --only {part} --output".split()
    run.main([*options, str(out), "--model", "softmax regression"])
    printed = capsys.readouterr().out
    assert printed.strip() == (out / "bench.md").read_text().strip()
    assert (out / "ratios.png").stat().st_size > 5_000
    with (out / "bench.csv").open() as file:
        rows = {(row["backend"], row["what"].split("/ ")[-1]): row for row in csv.DictReader(file)}
    for backend in ("jax", "torch"):
        if part == "core":
            assert float(rows[backend, "hand"]["value"]) > 0
            assert rows[backend, "hand"]["note"] == ""  # a warning if the work differed
        else:
            assert float(rows[backend, "arithmetic"]["seconds"]) > 0
            assert rows[backend, "keras"]["note"] == "skipped: keras is not installed"
    if part == "core":
        assert rows["jax", "hand, a batch at a time"]["note"] == ""
    else:
        assert rows["torch", "lightning"]["note"] == "skipped: lightning is not installed"


@pytest.mark.slow
def test_peers_do_the_same_work():
    contenders = dict(ratios.contenders(SOFTMAX, "torch"))
    installed = [name for name in ("keras", "lightning") if importlib.util.find_spec(name)]
    if not installed:
        pytest.skip("neither Keras nor Lightning is installed")
    ours = hand("torch").Hand(SOFTMAX).epochs(1)["loss"]
    race = Race({name: contenders[name] for name in installed}, rounds=1)
    for name in installed:
        assert len(race.seconds[name]) == 1
        assert close(contenders[name], ours, race.losses[name])


def test_a_worker_says_what_went_wrong():
    with Worker() as worker:
        with pytest.raises(RuntimeError, match="ValueError"):
            worker.run("math:sqrt", -1)
        assert worker.run("math:sqrt", 4) == 2  # and goes on
        with pytest.raises(RuntimeError, match="no_such_module"):
            worker.run("no_such_module:x")
        worker.make("builtins:print")
        with pytest.raises(RuntimeError, match="AttributeError"):
            worker.ask("epochs")
        with pytest.raises(RuntimeError, match="ended unexpectedly"):
            worker.run("os:_exit", 1)


def test_a_missing_backend_is_absent(tmp_path, monkeypatch):
    (tmp_path / "jax.py").write_text("raise ModuleNotFoundError(name='jax')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Worker() as worker, pytest.raises(Absent, match="jax is not installed"):
        worker.run("benchmarks.inside:machine", "jax")


# Contenders do the same work.


def hand(backend):
    return importlib.import_module(f"benchmarks.hand_{backend}")


@pytest.mark.slow
@pytest.mark.parametrize("task", [LINEAR, MLP, LENET, LIST], ids=lambda task: task.name)
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_fit_and_hand_have_equal_losses(backend, task):
    loops = [hand(backend).Hand(task, **c.arguments) for c in hands(task, backend)]
    ours = Fit(task, backend).epochs(1)
    for loop in loops:
        other = loop.epochs(1)
        assert len(other["seconds"]) == len(ours["seconds"]) == 1
        assert other["loss"] == pytest.approx(ours["loss"], rel=1e-5)


def hands(task, backend):
    contenders = core.contenders(task, backend)
    return [contenders[key] for key in (core.BY_HAND, core.BY_BATCH) if key in contenders]


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_cell_changes_no_number(backend, cell):
    plain, patched = Fit(LINEAR, backend), Fit(LINEAR, backend, cell=cell)
    loss = plain.epochs(1)["loss"]
    assert patched.epochs(1)["loss"] == pytest.approx(loss, rel=1e-6)
    assert getattr(patched.Trainer, cell, None) is not getattr(plain.Trainer, cell, None) or (
        getattr(patched.Model, cell) is not getattr(plain.Model, cell)
    )
    assert plain.epochs(1)["loss"] == loss  # the library's own classes are not patched


def test_a_turn_starts_from_the_initial_weights():
    fit = Fit(SOFTMAX, "torch")
    assert fit.epochs(1)["loss"] == fit.epochs(2)["loss"]


def test_different_work_is_reported():
    peer = Contender("", MLP, shuffles=True)
    assert close(fit(MLP, "jax"), 1.0, 1.0001)
    assert not close(fit(MLP, "jax"), 1.0, 1.01)
    assert close(peer, 1.0, 1.01)
    assert close(fit(DROPOUT, "jax"), 1.0, 1.01)  # each framework draws its own masks
    assert not close(peer, 1.0, math.nan)
    race = Race({}, rounds=0)
    race.contenders = {"fit": fit(MLP, "jax"), "hand": fit(MLP, "jax")}
    race.seconds, race.losses = {"fit": [2.0], "hand": [1.0]}, {"fit": 1.0, "hand": 1.01}
    row = race.ratio(Row("Core", "fit / hand", "jax"), "fit", "hand")
    assert row.value == 2 and "NOT THE SAME WORK" in row.note
    race.losses["hand"] = None  # of matrix products alone
    assert race.different_work("fit", "hand") == ""


def test_products_are_counted():
    task = replace(MLP, widths=(2, 3, 1), num_train=10, num_val=5)
    forward = 2 * (2 * 3 + 3 * 1)
    weights, inputs = forward, 2 * 3 * 1
    assert task.products() == 10 * (forward + weights + inputs) + 5 * forward


# Numbers.


def test_ratios_are_paired_by_round():
    # The machine slows down twofold in the second round, for both: the ratio stays.
    assert paired([1, 2, 1], [2, 4, 2]) == (0.5, (0.5, 0.5))
    middle, (low, high) = paired([1, 2, 3, 4, 5], [1, 1, 1, 1, 1])
    assert (low, middle, high) == (2, 3, 4)
    # Not the ratio of the medians, which is 1.
    assert paired([1, 2, 3], [3, 1, 2])[0] == 1.5


def test_bars():
    keeps = Row("Ratios", "fit / hand", "jax", 1.1, bar=Bar(1.1))
    misses = Row("Ratios", "fit / keras", "jax", 0.6, seconds=0.25, bar=times_as_fast(2))
    skipped = Row("Costs", "loading", "torch", bar=Bar(1), note="skipped: torch is not installed")
    assert [row.verdict for row in (keeps, misses, skipped)] == ["ok", "MISSED", ""]
    share = Row("Core", "lines in common", "both", 59.0, bar=Bar(60, at_least=True))
    assert share.verdict == "MISSED" and share.cells()[5] == ">= 60"
    text = markdown([keeps, misses, skipped], "A machine.")
    assert "1 of 2 bars kept." in text
    assert "<= 0.5 (2 x as fast)" in text
    assert "skipped: torch is not installed" in text
    lines = [line for line in text.splitlines() if line.startswith("| fit")]
    assert len({len(line) for line in lines}) == 1  # columns are aligned
    assert as_csv([misses]).splitlines()[1] == "Ratios,fit / keras,jax,0.6,,,,0.25,0.5,MISSED,"


def test_growth(tmp_path):
    sizes = [1_000, 10_000, 100_000]
    flat = Curve("examples", "MLP", "jax", sizes, [9e-6, 5e-6, 5.5e-6])
    slow_rounds = np.array([1.0, 1.5, 1.5])  # of a machine that is shared
    turns = {size: x * slow_rounds for size, x in zip(sizes, flat.seconds, strict=True)}
    assert summary(flat, turns).value == pytest.approx(1.1)  # small data has an epoch's own cost
    assert summary(flat, turns).verdict == "ok"
    turns[100_000] = 2 * turns[10_000]
    assert summary(flat, turns).verdict == "MISSED"
    widths = [Curve("widths", label, "jax", [16, 64], [1, 4]) for label in ("fit", "arithmetic")]
    draw_growth([flat, *widths], tmp_path / "growth.png")
    assert (tmp_path / "growth.png").stat().st_size > 10_000


def test_images_have_valid_labels():
    (X, y), (X_val, _) = SOFTMAX.data()
    assert X.dtype == np.uint8 and X.shape == (SOFTMAX.num_train, 28, 28)
    assert set(np.unique(y)) == set(range(10))
    assert not np.array_equal(X[: len(X_val)], X_val)


# Refits, and the structure of the code.


def test_compiling_is_part_of_a_fit():
    for answer in inside.fits(LINEAR, "jax", times=2):
        assert 0 <= answer["compiling"] < answer["seconds"]
    assert inside.fits(LINEAR, "torch", times=1)[0]["compiling"] == 0


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_functions_of_a_fit_are_counted(backend):
    found = structure.entered(backend)
    assert 10 < found["functions"] < found["calls"]
    assert 5 < found["files"] <= found["functions"]
    assert found["files"] - 1 <= found["jumps"] < found["calls"]


def test_calls_within():
    d2l = importlib.import_module("d2l_common.training.early_stopping")
    calls = structure.calls_within(lambda: [d2l.out_of_patience([2.0, 1.0], 1) for _ in range(2)])
    names = [code.co_name for code in calls]
    assert names.count("out_of_patience") == 2 and "check_count" in names
    assert "<listcomp>" not in names and "<lambda>" not in names  # the lambda here is not ours


def test_the_trainers_read_as_a_port():
    assert structure.shared_lines("training/trainer.py") >= 0.6


def test_shared_lines(tmp_path, monkeypatch):
    for package, text in (("d2l_jax", "a\nb\n\nc\n"), ("d2l_torch", "  a\nx\nc\n")):
        (tmp_path / package).mkdir()
        (tmp_path / package / "file.py").write_text(text)
    monkeypatch.setattr(structure, "ROOT", tmp_path)
    assert structure.shared_lines("file.py") == pytest.approx(2 * 2 / (4 + 3))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_convolutional_networks_take_turns(backend, monkeypatch, capsys):
    monkeypatch.setitem(convnets.MODELS, "BNLeNet", (28, 256, 128))
    monkeypatch.setenv("KERAS_BACKEND", backend)
    convnets.race(backend, "BNLeNet", epochs=1, turns=1)
    printed = capsys.readouterr().out
    names = ["fit", "hand", *(["keras"] if importlib.util.find_spec("keras") else [])]
    for name in names:
        assert re.search(rf"{name} \d+\.\d+ s", printed)
    assert printed.count("ratio") == len(names) - 1
    assert f"(bar {convnets.BARS[backend]['BNLeNet']})" in printed
