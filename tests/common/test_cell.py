"""The board in a notebook: a figure a cell, frames at a bounded rate."""

import copy
import pickle
import sys
import types

import numpy as np
import pytest

from d2l_common.plotting import cell as board_cell
from d2l_common.plotting.board import ProgressBoard


class Notebook:
    """The parts of IPython and of a clock that a board meets in a notebook."""

    def __init__(self, monkeypatch):
        self.kernel = object()
        self.events = self
        self.hooks = []
        self.now = 100.0
        # For each slot of the notebook's output the images shown in it, one after the other.
        self.slots = []
        # What a frame costs, in seconds.
        self.cost = 0.02
        ipython, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
        ipython.get_ipython, ipython.version_info = lambda: self, (9, 0)  # matplotlib reads it
        ipython.display = display
        display.SVG = lambda data: ("svg", data)
        display.Image = lambda data, format, retina: (format, data)
        display.display = self.display
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        monkeypatch.setitem(sys.modules, "IPython.display", display)
        monkeypatch.setattr(board_cell, "perf_counter", lambda: self.now)

    def register(self, event, hook):
        assert event == "post_run_cell"
        self.hooks.append(hook)

    def unregister(self, event, hook):
        self.hooks.remove(hook)

    def display(self, image, display_id):
        assert display_id is True
        self.slots.append([])
        slot = types.SimpleNamespace(update=lambda image: self.update(len(self.slots) - 1, image))
        slot.update(image)
        return slot

    def update(self, i, image):
        self.now += self.cost
        self.slots[i].append(image)

    def end_cell(self):
        for hook in self.hooks[:]:
            hook(types.SimpleNamespace(success=True))


@pytest.fixture
def notebook(monkeypatch):
    return Notebook(monkeypatch)


def test_notebook_shows_the_final_figure_once(notebook):
    board = ProgressBoard("x")
    for x in range(10):
        board.draw(x, x, "a")
    assert notebook.slots == []
    board.flush()
    board.flush()
    notebook.end_cell()
    assert [len(slot) for slot in notebook.slots] == [2]  # both in the same place
    assert notebook.slots[0][-1][0] == "svg" and "<svg" in notebook.slots[0][-1][1]
    assert notebook.hooks == []


def test_notebook_shows_at_the_end_of_a_cell_without_flush(notebook):
    board = ProgressBoard("x")
    for _ in range(3):
        board.draw(0, 0, "a")
        notebook.end_cell()
    notebook.end_cell()
    assert [len(slot) for slot in notebook.slots] == [1, 1, 1]  # a figure for each cell
    board.yscale = "log"
    board.flush()
    assert len(notebook.slots) == 4


def test_notebook_shows_nothing_where_there_is_nothing(notebook):
    board = ProgressBoard()
    board.flush()
    board.draw(0, 0, "a", every_n=2)
    board.flush()
    notebook.end_cell()
    hidden = ProgressBoard(display=False)
    hidden.draw(0, 0, "a")
    hidden.flush()
    notebook.end_cell()
    # Switched off in the middle, as where only the first fold of a cross-validation is shown.
    board = ProgressBoard()
    board.draw(0, 0, "a")
    board.display = False
    notebook.end_cell()
    assert notebook.slots == [] and notebook.hooks == []


@pytest.mark.parametrize("cost", [0.02, 0.5])
def test_notebook_frames_come_at_a_bounded_rate(notebook, cost, monkeypatch):
    notebook.cost = cost
    blank = types.SimpleNamespace(savefig=lambda file, format: None)
    monkeypatch.setattr(ProgressBoard, "figure", lambda self: blank)
    board, start, shown_at = ProgressBoard(), notebook.now, []
    while notebook.now < start + 20:
        before = len(notebook.slots and notebook.slots[0])
        board.draw(notebook.now, 1.0, "a")
        if len(notebook.slots and notebook.slots[0]) > before:
            shown_at.append(notebook.now)
        notebook.now += 0.01
    assert len(notebook.slots) == 1
    assert len(shown_at) == len(notebook.slots[0]) >= 5
    assert np.diff(shown_at).min() >= 0.2
    # The first frame comes before it is known what one costs.
    assert len(shown_at[1:]) * cost <= 0.2 * 20
    board.flush()
    assert len(notebook.slots) == 1


def test_notebook_gets_a_png_of_many_points(notebook):
    board = ProgressBoard()
    board.draw_many(np.arange(20_000), np.zeros(20_000), "a")
    board.flush()
    image = notebook.slots[0][0]
    assert image[0] == "png" and image[1].startswith(b"\x89PNG")


def test_a_fault_in_drawing_does_not_stick(notebook):
    board = ProgressBoard(yscale="no such scale")
    board.draw(0, 0, "a")
    with pytest.raises(ValueError, match="no such scale"):
        notebook.end_cell()
    board.yscale = "linear"
    board.draw(0, 0, "a")
    notebook.end_cell()
    assert len(notebook.slots) == 1


def test_copies_leave_the_cell(notebook):
    board = ProgressBoard()
    board.draw(0, 0, "a")
    board.flush()
    board._slot = types.SimpleNamespace()
    for copied in (copy.deepcopy(board), pickle.loads(pickle.dumps(board))):
        assert copied.data == board.data
        copied.draw(1, 1, "a")
        copied.flush()
    assert len(board.data["a"]) == 1
    assert len(notebook.slots) == 3 and len(notebook.hooks) == 3


def test_terminal_of_ipython_is_no_notebook(notebook):
    notebook.kernel = None
    board = ProgressBoard()
    board.draw(0, 0, "a")
    board.flush()
    assert notebook.slots == [] and notebook.hooks == []


def test_a_cell_that_ends_with_the_board_shows_it_once(notebook, capsys):
    board = ProgressBoard("x")
    board._ipython_display_()
    assert capsys.readouterr().out == "ProgressBoard(xlabel='x')\n" and notebook.slots == []
    board.draw(0, 0, "a")
    board.flush()
    board._ipython_display_()  # `fit` has shown it in this cell
    assert [len(slot) for slot in notebook.slots] == [1]
    board.draw(1, 1, "a")
    board._ipython_display_()  # in the same place
    notebook.end_cell()
    assert [len(slot) for slot in notebook.slots] == [2]
    board._ipython_display_()
    notebook.end_cell()
    assert [len(slot) for slot in notebook.slots] == [2, 1]


def test_a_board_is_a_text_outside_a_notebook(capsys):
    board = ProgressBoard("x")
    board.draw(0, 0, "a")
    board._ipython_display_()
    assert capsys.readouterr().out == "ProgressBoard(xlabel='x'): points a 1\n"
