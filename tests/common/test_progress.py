"""Progress of a fit on standard error: a bar in a terminal, a line an epoch, or nothing."""

import copy
import io
import pickle
import types
import warnings

import numpy as np
import pytest

import d2l_jax
import d2l_torch
from d2l_common.training import progress as progress_module
from d2l_common.training.history import History
from d2l_common.training.progress import Bar, Lines, Progress, make_progress
from tests.support.fits import model_of, regression


class Screen(io.StringIO):
    """A terminal that keeps all states of its lines."""

    def isatty(self):
        return True

    def states(self):
        return [state.strip() for state in self.getvalue().replace("\n", "\r").split("\r")]


def use(stderr, monkeypatch):
    """Set standard error, which pytest sets again between a fixture and its test."""
    monkeypatch.setattr(progress_module, "sys", types.SimpleNamespace(stderr=stderr))


@pytest.fixture
def screen(monkeypatch):
    screen = Screen()
    use(screen, monkeypatch)
    monkeypatch.setattr(progress_module, "DELAY", 0)
    monkeypatch.setattr(progress_module, "INTERVAL", 0)
    return screen


def history_of(losses, epochs_done=0):
    history = History()
    history.extend("train_loss", np.array(losses), np.ones(len(losses)))
    for _ in range(epochs_done):
        history.end_epoch(1.0)
    return history


def test_what_is_shown_where(monkeypatch):
    for stderr, shown in (
        (io.StringIO(), {None: Progress, True: Lines, False: Progress}),
        (Screen(), {None: Bar, True: Bar, False: Progress}),
        (None, {None: Progress, False: Progress}),  # pythonw, a service
    ):
        use(stderr, monkeypatch)
        for choice, kind in shown.items():
            assert type(make_progress(choice, 3)) is kind


def test_a_terminal_without_tqdm_gets_lines(screen, monkeypatch):
    monkeypatch.setattr(progress_module.importlib.util, "find_spec", lambda name: None)
    assert type(make_progress(None, 3)) is Lines


def test_the_bar_shows_epoch_share_time_and_values(screen):
    bar = Bar(4)
    bar.begin_epoch(0)
    bar.update(0.5, history_of([2.0, 4.0]))
    half = screen.states()[-1]
    assert half.startswith("epoch 1/4:  12%|") and half.endswith(", train_loss 3")
    bar.begin_epoch(1)
    bar.update(2, history_of([1.0]), is_end=True)
    bar.close()
    last = screen.states()[-2]
    assert last.startswith("epoch 2/4:  50%|") and last.endswith(", train_loss 1")
    assert screen.getvalue().endswith("\n")


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (100, "train_loss 0.006823, val_loss 2.324, val_acc 0.8431"),
        (80, "val_loss 2.324, val_acc 0.8431"),
        (60, "val_acc 0.8431"),
    ],
)
def test_a_narrow_terminal_shows_whole_numbers(screen, monkeypatch, width, shown):
    monkeypatch.setattr(progress_module, "columns", lambda: width)
    history = history_of([0.006823])
    for label, value in (("val_loss", 2.324), ("val_acc", 0.8431)):
        history.extend(label, np.array([value]), np.ones(1))
    bar = Bar(10)
    bar.begin_epoch(9)
    bar.update(10, history, is_end=True)
    bar.close()
    last = screen.states()[-2]
    assert last.endswith(f"| 00:00<00:00, {shown}") and len(last) <= width


def test_a_stream_of_ones_own_has_no_width(monkeypatch):
    use(types.SimpleNamespace(isatty=lambda: True), monkeypatch)  # it has no descriptor
    assert progress_module.columns() == 10**6


def test_the_bar_is_drawn_at_a_bounded_rate_and_ends_up_to_date(screen, monkeypatch):
    monkeypatch.setattr(progress_module, "INTERVAL", 1e9)
    bar = Bar(100)
    for epoch in range(90):  # stopped early
        bar.begin_epoch(epoch)
        bar.update(epoch + 1, history_of([float(epoch)]), is_end=True)
    assert len(screen.states()) < 5
    bar.close()
    assert "90/100:  90%" in screen.states()[-2] and "train_loss 89" in screen.states()[-2]


def test_the_bar_of_a_resumed_fit_begins_where_the_fit_does(screen):
    bar = Bar(4)
    bar.begin_epoch(3)
    bar.close()
    assert screen.states()[1].startswith("epoch 4/4:  75%")


def test_a_fit_of_a_moment_shows_no_bar(screen, monkeypatch):
    monkeypatch.setattr(progress_module, "DELAY", 1e9)
    bar = Bar(2)
    bar.begin_epoch(0)
    bar.update(1, history_of([1.0]), is_end=True)
    bar.close()
    assert screen.getvalue() == ""


def test_a_copy_of_the_bar_does_not_share_the_terminal(screen):
    bar = Bar(2)
    bar.begin_epoch(0)
    for other in (copy.deepcopy(bar), pickle.loads(pickle.dumps(bar))):
        before = screen.getvalue()
        other.update(1, history_of([1.0]))
        other.close()
        assert screen.getvalue() == before
    bar.close()


@pytest.mark.parametrize("d2l", [d2l_jax, d2l_torch])
def test_a_fit_writes_a_line_an_epoch_only_if_asked_to(d2l, capsys):
    data = regression(d2l, num_train=6, num_val=4, batch_size=2)
    for choice, num_lines in ((None, 0), (False, 0), (True, 2)):
        d2l.Trainer(2, progress=choice).fit(model_of(d2l), data)
        printed = capsys.readouterr()
        lines = printed.err.splitlines()
        assert printed.out == "" and len(lines) == num_lines
    assert lines[1].startswith("epoch 2/2: ") and " s, train_loss " in lines[1]
    assert "val_loss" in lines[1]


@pytest.mark.parametrize("d2l", [d2l_jax, d2l_torch])
def test_a_warning_does_not_stand_on_the_line_of_the_bar(d2l, screen, monkeypatch):
    model = model_of(d2l)
    model.lr = 1e30
    lines = []

    def keep(*_):
        lines.append(screen.states()[-1])

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", keep)
        d2l.Trainer(2).fit(model, regression(d2l, num_train=6, num_val=4, batch_size=2))
    assert lines == [""]  # cleared
    assert "epoch 2/2" in screen.states()[-2]
