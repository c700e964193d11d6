import subprocess
import sys
import types

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex

from d2l_common.plotting import curves as figures


@pytest.fixture(autouse=True)
def close_figures():
    with plt.rc_context():
        yield
        plt.close("all")


def curves(axes=None):
    return [line.get_xydata().T.tolist() for line in (axes or plt.gca()).lines]


def test_plot_draws_what_it_is_given():
    x = np.arange(0, 3, 0.5)
    figures.plot(
        x, [x**2, 2 * x - 3], "x", "f(x)", legend=["f(x)", "tangent"], xlim=[0, 3], ylim=(-3, 9)
    )
    axes = plt.gca()
    assert curves() == [[x.tolist(), (x**2).tolist()], [x.tolist(), (2 * x - 3).tolist()]]
    assert [line.get_linestyle() for line in axes.lines] == ["-", "--"]
    assert to_hex(axes.lines[1].get_color()) == to_hex("m")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x", "f(x)")
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 3), (-3, 9))
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["f(x)", "tangent"]
    assert axes.get_xgridlines()[0].get_visible()
    assert plt.gcf().get_size_inches().tolist() == [3.5, 2.5]


ONE, TWO, INDEX = [1.0, 4.0, 9.0], [2.0, 3.0, 5.0], [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    "X, Y, expected",
    [
        (ONE, None, [(INDEX, ONE)]),
        (np.array(ONE), None, [(INDEX, ONE)]),
        ([ONE, TWO], None, [(INDEX, ONE), (INDEX, TWO)]),
        (np.array([ONE, TWO]), None, [(INDEX, ONE), (INDEX, TWO)]),
        (range(3), ONE, [(INDEX, ONE)]),
        (INDEX, [ONE, TWO], [(INDEX, ONE), (INDEX, TWO)]),
        ([INDEX], [ONE, TWO], [(INDEX, ONE), (INDEX, TWO)]),
        (np.array(INDEX), np.array([ONE, TWO]), [(INDEX, ONE), (INDEX, TWO)]),
        ([INDEX, [5.0]], [ONE, [6.0]], [(INDEX, ONE), ([5.0], [6.0])]),
        (tuple(INDEX), (np.array(ONE),), [(INDEX, ONE)]),
        # A model's outputs have shape (n, 1).
        (INDEX, np.array(ONE)[:, None], [(INDEX, ONE)]),
        ([INDEX, INDEX], [ONE, np.array(TWO)[:, None]], [(INDEX, ONE), (INDEX, TWO)]),
        # Lists of 0-d arrays, as of [f(x) for x in xs].
        ([np.array(v) for v in INDEX], [[np.array(v) for v in ONE]], [(INDEX, ONE)]),
        ([], None, [([], [])]),
    ],
)
def test_plot_takes_the_forms_of_the_book(X, Y, expected):
    figures.plot(X, Y)
    assert curves() == [list(map(list, pair)) for pair in expected]


def test_plot_takes_tensors_of_torch():
    torch = pytest.importorskip("torch")
    x = torch.arange(3.0, requires_grad=True)
    figures.plot(x, [x * 2, [v * 3 for v in x]])
    assert curves() == [[INDEX, [0.0, 2.0, 4.0]], [INDEX, [0.0, 3.0, 6.0]]]


def test_plot_takes_arrays_of_jax():
    jnp = pytest.importorskip("jax.numpy")
    x = jnp.arange(3.0)
    figures.plot(x, jnp.stack([x * 2, x * 3]).astype(jnp.bfloat16))
    assert curves() == [[INDEX, [0.0, 2.0, 4.0]], [INDEX, [0.0, 3.0, 6.0]]]


@pytest.mark.parametrize(
    "X, Y, message",
    [
        ([1, 2, 3], [1, 2], "x and y of curve 0 must have the same length, got 3 and 2"),
        ([1, 2], [[1, 2], [1, 2, 3]], "x and y of curve 1 must have the same length, got 2 and 3"),
        ([[1], [2]], [[1], [2], [3]], "X and Y must hold the same number of curves, got 2 and 3"),
        ([[1, 2], [1, 2]], [1, 2], "X and Y must hold the same number of curves, got 2 and 1"),
        (np.zeros((2, 2, 2)), None, r"a curve in X must have shape \(n,\) or \(n, 1\)"),
        ([1, 2], [np.zeros((2, 2))], r"a curve in Y must have .* got \(2, 2\)"),
        ([1, [2, 3]], None, r"a curve in X must have .* got \(\)"),
    ],
)
def test_plot_says_what_does_not_fit(X, Y, message):
    with pytest.raises(ValueError, match=message):
        figures.plot(X, Y)


def test_plot_repeats_formats():
    figures.plot([ONE] * 6, fmts=("-", "r:"))
    assert [line.get_linestyle() for line in plt.gca().lines] == ["-", ":"] * 3
    figures.plot(ONE, fmts="o")
    assert plt.gca().lines[0].get_marker() == "o"


def test_plot_clears_and_uses_the_axes_given():
    _, (left, right) = plt.subplots(1, 2)
    left.plot([7], [7])
    figures.plot(ONE, axes=left, xscale="log", yscale="log", legend="one")
    figures.plot(ONE, axes=left, yscale="log", legend="one")
    assert curves(left) == [[INDEX, ONE]] and not right.lines
    assert (left.get_xscale(), left.get_yscale()) == ("linear", "log")
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["one"]
    figures.set_axes(left, "x", None, None, None, "linear", "linear", None)
    assert left.get_xgridlines()[0].get_visible() and left.get_xlabel() == "x"


def test_a_reader_goes_on_with_the_current_figure():
    figures.set_figsize((4.5, 3.5))
    plt.plot(ONE, label="one")
    assert plt.gcf().get_size_inches().tolist() == [4.5, 3.5]
    figures.plot(TWO, figsize=(5, 2.5))
    plt.plot(ONE)
    assert curves() == [[INDEX, TWO], [INDEX, ONE]] and len(plt.get_fignums()) == 1


def test_no_label_is_cut_off():
    figures.plot(ONE, TWO, "x", "grad of relu")
    figure, axes = plt.gcf(), plt.gca()
    figure.canvas.draw()
    box = axes.get_tightbbox()
    assert box.x0 >= 0 and box.y0 >= 0
    assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1


@pytest.mark.parametrize("hidden", ["IPython", "matplotlib_inline"])
def test_use_svg_display_without_a_notebook(monkeypatch, hidden):
    monkeypatch.setitem(sys.modules, hidden, None)
    figures.use_svg_display()
    figures.set_figsize((2, 1))
    assert plt.figure().get_size_inches().tolist() == [2, 1]


@pytest.mark.slow
def test_use_svg_display_starts_no_shell():
    pytest.importorskip("IPython")
    code = (
        "import IPython, d2l_common.plotting.curves as f; f.use_svg_display(); f.plot([1, 2]);"
        "print(IPython.get_ipython())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None"


def test_use_svg_display_in_a_notebook(monkeypatch):
    formats = []
    inline = types.ModuleType("matplotlib_inline")
    inline.backend_inline = types.SimpleNamespace(set_matplotlib_formats=formats.append)
    ipython = types.ModuleType("IPython")
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "matplotlib_inline", inline)
    ipython.get_ipython = types.SimpleNamespace  # IPython in a terminal: no kernel
    figures.use_svg_display()
    assert formats == []
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    figures.use_svg_display()
    assert formats == ["svg"]
    # A notebook without matplotlib_inline shows PNGs.
    monkeypatch.setitem(sys.modules, "matplotlib_inline", None)
    figures.use_svg_display()
