"""The benchmarks run and compare like with like. No test here looks at a clock's numbers."""

import contextlib
import csv
import importlib
import importlib.util
import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import ratios, run
from benchmarks.fit import Fit
from benchmarks.growth import Curve, summary
from benchmarks.plots import draw_growth
from benchmarks.report import Bar, Row, as_csv, markdown, times_as_fast
from benchmarks.tasks import TASKS, quick
from benchmarks.workers import Absent, Worker

LINEAR, SOFTMAX, MLP, DROPOUT = map(quick, TASKS)


# The process tree.


@pytest.fixture
def without_peers(tmp_path, monkeypatch):
    """Hide Keras and Lightning from the workers, whether they are installed or not."""
    folder = tmp_path / "hidden"
    folder.mkdir()
    for name in ("keras", "lightning"):
        (folder / f"{name}.py").write_text(f"raise ModuleNotFoundError(name={name!r})")
    monkeypatch.setenv("PYTHONPATH", str(folder))


def test_a_quick_run_on_both_backends(tmp_path, without_peers, capsys):
    out = tmp_path / "bench"
    options = "--quick --only ratios --output".split()
    run.main([*options, str(out), "--model", "softmax regression"])
    printed = capsys.readouterr().out
    assert printed.strip() == (out / "bench.md").read_text().strip()
    assert (out / "ratios.png").stat().st_size > 10_000
    with (out / "bench.csv").open() as file:
        rows = {(row["backend"], row["what"].split("/ ")[-1]): row for row in csv.DictReader(file)}
    for backend in ("jax", "torch"):
        assert float(rows[backend, "hand"]["value"]) > 0
        assert float(rows[backend, "arithmetic"]["seconds"]) > 0
        assert rows[backend, "hand"]["note"] == ""  # which would say that the work differed
        assert rows[backend, "keras"]["note"] == "skipped: keras is not installed"
    assert rows["jax", "hand, a batch at a time"]["note"] == ""
    assert rows["torch", "lightning"]["note"] == "skipped: lightning is not installed"


def test_peers_do_the_same_work():
    targets = {"keras": "benchmarks.peers:Keras", "lightning": "benchmarks.peers:Lightning"}
    installed = [name for name in targets if importlib.util.find_spec(name)]
    if not installed:
        pytest.skip("neither Keras nor Lightning is installed")
    ours = hand("torch").Hand(SOFTMAX).epochs(1)["loss"]
    with contextlib.ExitStack() as stack:
        env = {"KERAS_BACKEND": "torch"}
        workers = {name: stack.enter_context(Worker(env)) for name in installed}
        for name, worker in workers.items():
            worker.make(targets[name], SOFTMAX)
        for name, worker in workers.items():
            answer = worker.ask("epochs", 1)
            assert len(answer["seconds"]) == 1
            assert ratios.different_work(SOFTMAX, name, ours, answer["loss"]) == ""


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


@pytest.mark.parametrize("task", [LINEAR, MLP], ids=lambda task: task.name)
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_fit_and_hand_have_equal_losses(backend, task):
    loops = [hand(backend).Hand(task)]
    if backend == "jax":
        loops.append(hand(backend).Hand(task, at_once=False))
    ours = Fit(task, backend).epochs(1)
    for loop in loops:
        other = loop.epochs(1)
        assert len(other["seconds"]) == len(ours["seconds"]) == 1
        assert other["loss"] == pytest.approx(ours["loss"], rel=1e-5)


def test_a_turn_begins_anew():
    fit = Fit(SOFTMAX, "torch")
    assert fit.epochs(1)["loss"] == fit.epochs(2)["loss"]


def test_other_work_is_reported():
    assert ratios.different_work(MLP, "hand", 1.0, 1.0001) == ""
    assert "NOT THE SAME WORK" in ratios.different_work(MLP, "hand", 1.0, 1.01)
    assert ratios.different_work(MLP, "keras", 1.0, 1.01) == ""
    assert ratios.different_work(DROPOUT, "hand", 1.0, 1.01) == ""  # masks are each one's own
    assert "NOT THE SAME WORK" in ratios.different_work(MLP, "keras", 1.0, math.nan)


def test_products_are_counted():
    task = replace(MLP, widths=(2, 3, 1), num_train=10, num_val=5)
    forward = 2 * (2 * 3 + 3 * 1)
    weights, inputs = forward, 2 * 3 * 1
    assert task.products() == 10 * (forward + weights + inputs) + 5 * forward


# Numbers.


def test_ratios_are_paired_by_round():
    # The machine slows down twofold in the second round, for both: the ratio stays.
    assert ratios.paired([1, 2, 1], [2, 4, 2]) == (0.5, (0.5, 0.5))
    middle, (low, high) = ratios.paired([1, 2, 3, 4, 5], [1, 1, 1, 1, 1])
    assert (low, middle, high) == (2, 3, 4)
    # Not the ratio of the medians, which is 1.
    assert ratios.paired([1, 2, 3], [3, 1, 2])[0] == 1.5


def test_bars():
    keeps = Row("Ratios", "fit / hand", "jax", 1.1, bar=Bar(1.1))
    misses = Row("Ratios", "fit / keras", "jax", 0.6, seconds=0.25, bar=times_as_fast(2))
    skipped = Row("Costs", "loading", "torch", bar=Bar(1), note="skipped: torch is not installed")
    assert [row.verdict for row in (keeps, misses, skipped)] == ["ok", "MISSED", ""]
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
