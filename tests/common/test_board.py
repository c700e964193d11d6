import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt

from d2l_common.plotting.board import Point, ProgressBoard


def lines(board):
    """Return label, x and y of each line that the board draws."""
    (axes,) = board.figure().axes
    return {
        line.get_label(): (line.get_xdata().tolist(), line.get_ydata().tolist())
        for line in axes.lines
    }


def test_cell_of_the_book():
    board = ProgressBoard("x")
    for x in np.arange(0, 10, 0.1):
        board.draw(x, np.sin(x), "sin", every_n=2)
        board.draw(x, np.cos(x), "cos", every_n=10)
    board.flush()
    xs = np.arange(0, 10, 0.1)
    drawn = lines(board)
    assert list(drawn) == ["sin", "cos"]
    for label, values, n in [("sin", np.sin(xs), 2), ("cos", np.cos(xs), 10)]:
        np.testing.assert_allclose(drawn[label][0], xs.reshape(-1, n).mean(axis=1))
        np.testing.assert_allclose(drawn[label][1], values.reshape(-1, n).mean(axis=1), atol=1e-15)
    (axes,) = board.figure().axes
    assert [line.get_linestyle() for line in axes.lines] == ["-", "--"]
    assert [line.get_color() for line in axes.lines] == ["C0", "C1"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["sin", "cos"]
    assert board.figure().get_size_inches().tolist() == [3.5, 2.5]


def test_points():
    board = ProgressBoard()
    assert board.data == {} and board.raw_points == {}
    board.draw(1, 4, "val_loss", every_n=3)
    board.draw(2, 6, "val_loss", every_n=3)
    assert board.raw_points == {"val_loss": [Point(1, 4), Point(2, 6)]}
    assert board.data == {"val_loss": []}
    board.draw(6, 5, "val_loss", every_n=3)
    assert board.raw_points == {"val_loss": []}
    assert board.data["val_loss"][-1] == Point(3.0, 5.0)
    assert type(board.data["val_loss"][-1].y) is float


@pytest.mark.parametrize("every_n", [1, 0, -3, 0.5, 1.9, np.float32(1.5)])
def test_every_n_is_at_least_one(every_n):
    board = ProgressBoard()
    board.draw(0, 1, "a", every_n)
    board.draw_many([1, 2], [1, 1], "a", every_n)
    assert len(board.data["a"]) == 3


def test_every_n_that_shrinks():
    # The book compares with ==, and the line would end here.
    board = ProgressBoard()
    for x in range(5):
        board.draw(x, x, "a", every_n=10)
    board.draw(5, 5, "a", every_n=2)
    assert board.data["a"] == [Point(2.5, 2.5)] and board.raw_points["a"] == []


class Number:
    def __float__(self):
        return 2.5


@pytest.mark.parametrize(
    "y", [2.5, np.float32(2.5), np.array(2.5), Number(), lambda: 2.5, lambda: np.array(2.5)]
)
def test_kinds_of_values(y):
    board = ProgressBoard()
    board.draw(np.float64(1), y, "a")
    assert board.data["a"] == [(1.0, 2.5)]
    assert [type(v) for v in board.data["a"][0]] == [float, float]


def test_values_are_read_at_once():
    board, total = ProgressBoard(), np.zeros(())

    def read():
        return total

    for x in range(2):
        total += 1
        board.draw(x, total, "sum", every_n=2)
        board.draw(x, read, "function", every_n=2)
    assert board.data["sum"] == board.data["function"] == [Point(0.5, 1.5)]


@pytest.mark.parametrize("y", [None, "loss", np.ones(2), [1.0], lambda: None])
def test_not_a_number(y):
    with pytest.raises((TypeError, ValueError)):
        ProgressBoard().draw(0, y, "a")


def test_tensors_of_torch(recwarn):
    torch = pytest.importorskip("torch")
    board = ProgressBoard()
    weight = torch.tensor(2.5, requires_grad=True)
    for y in (weight, weight * 1, torch.tensor(2.5, dtype=torch.bfloat16), lambda: weight):
        board.draw(0, y, "a")
    assert board.data["a"] == [(0.0, 2.5)] * 4 and not recwarn.list


def test_arrays_of_jax():
    jnp = pytest.importorskip("jax.numpy")
    board = ProgressBoard()
    board.draw(0, jnp.array(2.5), "a")
    board.draw_many(jnp.zeros(2), jnp.full(2, 2.5, jnp.bfloat16), "a")
    assert board.data["a"] == [(0.0, 2.5)] * 3


numbers = st.floats(width=64) | st.floats(width=32) | st.integers(-9, 9).map(float)


@settings(deadline=None)
@given(
    chunks=st.lists(
        st.tuples(
            st.lists(st.tuples(numbers, numbers), max_size=12),
            st.sampled_from([1, 2, 3, 5, 2.7, 0, 10**17]),
            st.sampled_from(["a", "b"]),
            st.booleans(),
        ),
        max_size=6,
    )
)
@example(chunks=[([(-0.0, -0.0)] * 5, 2, "a", True), ([(-0.0, 1e308)] * 3, 3, "a", True)])
def test_draw_many_equals_draw(chunks):
    one_by_one, at_once = ProgressBoard(), ProgressBoard()
    for points, every_n, label, many in chunks:
        for x, y in points:
            one_by_one.draw(x, y, label, every_n)
        if many:
            at_once.draw_many([x for x, _ in points], [y for _, y in points], label, every_n)
        else:
            for x, y in points:
                at_once.draw(x, y, label, every_n)
    # repr tells -0.0 from 0.0, takes NaN as equal to NaN, and shows every bit of a float.
    assert repr(one_by_one.data) == repr(at_once.data)
    assert repr(one_by_one.raw_points) == repr(at_once.raw_points)


def test_draw_many_equals_draw_in_long_groups():
    # Long enough for NumPy's own sums to add in pairs, and to round differently.
    xs, ys = np.random.default_rng(0).normal(size=(2, 10_000))
    one_by_one, at_once = ProgressBoard(), ProgressBoard()
    for x, y in zip(xs, ys, strict=True):
        one_by_one.draw(x, y, "a", every_n=700)
    for part in np.array_split(np.arange(10_000), 7):
        at_once.draw_many(xs[part], ys[part].tolist(), "a", every_n=700)
    assert one_by_one.data == at_once.data and len(at_once.data["a"]) == 14
    assert one_by_one.raw_points == at_once.raw_points


@pytest.mark.parametrize("xs, ys", [([1, 2], [1]), ([[1]], [[1]]), (1.0, 2.0)])
def test_draw_many_says_what_does_not_fit(xs, ys):
    with pytest.raises(ValueError, match=r"must have the same shape \(k,\)"):
        ProgressBoard().draw_many(xs, ys, "a")


def test_attributes_count_at_the_next_drawing():
    board = ProgressBoard("epoch", "loss", xlim=[0, 10], figsize=(5, 3))
    board.draw_many(range(1, 5), [1, 10, 100, 1000], "train_loss")
    (axes,) = board.figure().axes
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_xlim()) == ("epoch", "loss", (0, 10))
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "linear")
    board.xlabel, board.yscale, board.ylim, board.xlim = None, "log", (0.1, 1e4), None
    (axes,) = board.figure().axes
    assert (axes.get_xlabel(), axes.get_yscale(), axes.get_ylim()) == ("", "log", (0.1, 1e4))
    assert axes.get_xlim() != (0, 10)
    assert board.figure().get_size_inches().tolist() == [5, 3]
    assert board.hparams["yscale"] == "log"


def test_more_lines_than_styles():
    board = ProgressBoard()
    for i in range(16):
        board.draw_many([0, 1], [i, i], f"line {i}")
    (axes,) = board.figure().axes
    styles = [(line.get_linestyle(), line.get_color()) for line in axes.lines]
    assert styles[:5] == [("-", "C0"), ("--", "C1"), ("-.", "C2"), (":", "C3"), ("-", "C1")]
    assert len(set(styles)) == 16 and len(axes.get_legend().get_texts()) == 16


def test_a_line_keeps_its_style_while_others_have_no_point():
    board = ProgressBoard(ls=["-", "--"], colors=["r", "g", "b"])
    board.draw(0, 1, "val_loss", every_n=2)
    board.draw(0, 1, "train_loss")
    (axes,) = board.figure().axes
    (line,) = axes.lines
    assert (line.get_label(), line.get_linestyle(), line.get_color()) == ("train_loss", "--", "g")
    # A line of one point is invisible without a marker.
    assert line.get_marker() == "o"
    board.draw(1, 1, "train_loss")
    assert board.figure().axes[0].lines[0].get_marker() == "None"


HARD = [np.nan, np.inf, -np.inf, 0.0, -1.0, 5e-324, 1.7e308, -1.7e308, 1e10, 1.0]


@pytest.mark.parametrize("values", [HARD, [np.nan], [-1.0, 0.0], [1.7e308, 1.0], [3.0, 3.0]])
@pytest.mark.parametrize("yscale", ["linear", "log"])
def test_values_that_no_scale_can_show(values, yscale):
    board = ProgressBoard(yscale=yscale)
    board.draw_many(range(len(values)), values, "loss")
    figure = board.figure()
    figure.draw_without_rendering()  # limits, ticks and layout
    shown = figure.axes[0].lines[0].get_ydata()
    for value, y in zip(values, shown, strict=True):
        drawable = abs(value) < 1e300 and (yscale == "linear" or value > 1e-300)
        assert y == value if drawable else math.isnan(y)
    np.testing.assert_array_equal([point.y for point in board.data["loss"]], values)


def test_fig_and_axes_given():
    fig, (left, right) = plt.subplots(1, 2)
    left.plot([7], [7])
    board = ProgressBoard(fig=fig, axes=left)
    for x in range(3):
        board.draw(x, x, "a")
        board.flush()
    assert len(left.lines) == 1 and not right.lines
    assert left.lines[0].get_ydata().tolist() == [0, 1, 2]
    assert board.figure() is fig
    board.axes = None
    plt.sca(right)
    board.flush()
    assert len(right.lines) == 1
    plt.close(fig)


def test_no_label_is_cut_off():
    board = ProgressBoard("epoch", "loss")
    board.draw_many(range(3), [1e-5, 2e-5, 3e-5], "train_loss")
    figure = board.figure()
    figure.draw_without_rendering()
    box = figure.axes[0].get_tightbbox()
    assert box.x0 >= 0 and box.y0 >= 0
    assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1


@pytest.mark.parametrize("name", ["a.png", "b.SVG", "new/folder/c.pdf"])
def test_save(name, tmp_path):
    board = ProgressBoard()
    board.draw(0, 1, "a")
    starts = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}
    path = board.save(str(tmp_path / name))
    assert path == tmp_path / name
    assert path.read_bytes().startswith(starts[path.suffix.lower()])


@pytest.mark.parametrize("name", ["loss.bmp", "loss", "loss.png.txt"])
def test_save_names_the_formats(name, tmp_path):
    with pytest.raises(ValueError, match=r"path must end in \.png, \.svg or \.pdf, got 'loss"):
        ProgressBoard().save(tmp_path / "folder" / name)
    assert not list(tmp_path.iterdir())


def test_headless_draws_nothing():
    """Neither drawing library is imported, and a figure does not go through pyplot."""
    code = """
import sys
from d2l_common.plotting.board import ProgressBoard
board = ProgressBoard()
board._next_frame = -1.0
for x in range(100):
    board.draw(x, x, "a")
board.flush()
assert "matplotlib" not in sys.modules and "IPython" not in sys.modules
board.figure().canvas.draw()
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("labels", [("train_loss", "val_loss", "val_acc"), "abcdefgh"])
def test_the_legend_is_clear_of_the_curves(labels):
    board = ProgressBoard()
    for label in labels:
        board.draw_many([0, 1], [0, 1], label)
    figure = board.figure()
    figure.draw_without_rendering()
    [axes] = figure.axes
    legend = axes.get_legend().get_window_extent()
    assert legend.y0 >= axes.get_window_extent().y1  # above the axes
    assert legend.x0 >= 0 and legend.x1 <= figure.bbox.x1 and legend.y1 <= figure.bbox.y1
