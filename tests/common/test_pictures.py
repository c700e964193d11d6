import numpy as np
import pytest
from matplotlib import pyplot as plt

from d2l_common.plotting import pictures


@pytest.fixture(autouse=True)
def close_figures():
    with plt.rc_context():
        yield
        plt.close("all")


IMAGE = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    "image, pixels",
    [
        (IMAGE, IMAGE),
        (IMAGE.tolist(), IMAGE),
        (IMAGE[..., None], IMAGE),
        (IMAGE[None], IMAGE),
        (np.zeros((2, 3, 3)), np.zeros((2, 3, 3))),
        (np.zeros((3, 5, 7)), np.zeros((5, 7, 3))),
        (np.zeros((5, 7, 4), np.uint8), np.zeros((5, 7, 4))),
    ],
)
def test_show_images_takes_every_layout(image, pixels):
    axes = pictures.show_images([image], 1, 1)
    assert axes.shape == (1,)
    shown = axes[0].images[0]
    np.testing.assert_array_equal(shown.get_array(), pixels)
    assert shown.get_cmap().name == "gray"


def test_show_images_fills_the_grid():
    axes = pictures.show_images(np.stack([IMAGE] * 5), 2, 4, titles=list("abcde"), scale=2)
    assert axes.shape == (8,) and len(plt.gcf().axes) == 8
    assert [ax.get_visible() for ax in axes] == [True] * 5 + [False] * 3
    assert [ax.get_title() for ax in axes[:5]] == list("abcde")
    assert not any(ax.xaxis.get_visible() or ax.yaxis.get_visible() for ax in axes[:5])
    assert plt.gcf().get_size_inches().tolist() == [8, 4]


def test_show_images_leaves_out_what_has_no_room():
    titles = [str(i) for i in range(256)]
    axes = pictures.show_images(np.zeros((256, 1, 4, 4)), 1, 8, titles=titles)
    assert [ax.get_title() for ax in axes] == titles[:8]
    assert [ax.get_title() for ax in pictures.show_images([IMAGE], 1, 1, titles=[])] == [""]
    assert len(pictures.show_images((IMAGE for _ in range(9)), 1, 2)) == 2


def test_show_images_takes_tensors():
    torch = pytest.importorskip("torch")
    images = torch.tensor(IMAGE).reshape(1, 1, 2, 3).requires_grad_()
    for imgs in (images, list(images), images.squeeze(1)):
        shown = pictures.show_images(imgs, 1, 1)[0].images[0].get_array()
        np.testing.assert_array_equal(shown, IMAGE)


def test_show_images_says_what_does_not_fit():
    with pytest.raises(ValueError, match=r"image 1 must have shape .*, got \(2, 3, 5\)"):
        pictures.show_images([IMAGE, np.zeros((2, 3, 5))], 1, 2)
    with pytest.raises(ValueError, match="titles must name each of the 2 images, got 1"):
        pictures.show_images([IMAGE, IMAGE], 1, 2, titles=["a"])
    assert not plt.get_fignums()


def test_show_heatmaps():
    matrices = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    pictures.show_heatmaps(matrices, "Keys", "Queries", titles=list("abc"), figsize=(7, 3))
    *grid, bar = plt.gcf().axes
    assert len(grid) == 6
    for i, ax in enumerate(grid):
        np.testing.assert_array_equal(ax.images[0].get_array(), matrices[divmod(i, 3)])
        # One range for all: the bar would be wrong for all but the last otherwise.
        assert ax.images[0].get_clim() == (0, 119)
        assert ax.images[0].get_cmap().name == "Reds"
        assert ax.get_title() == "abc"[i % 3]
        assert ax.get_xlabel() == ("Keys" if i >= 3 else "")
        assert ax.get_ylabel() == ("Queries" if i % 3 == 0 else "")
    plt.gcf().canvas.draw()
    assert bar.get_ylim() == (0, 119)


def test_show_heatmaps_with_nan_and_lists():
    pictures.show_heatmaps([[[[1, np.nan], [np.inf, 3]]]], "x", "y", cmap="Blues")
    assert plt.gcf().axes[0].images[0].get_clim() == (1, 3)
    pictures.show_heatmaps(np.full((1, 1, 2, 2), np.nan), "x", "y")
    plt.gcf().canvas.draw()


def test_show_heatmaps_says_what_does_not_fit():
    with pytest.raises(ValueError, match=r"must have shape .* got \(2, 2\)"):
        pictures.show_heatmaps(np.eye(2), "x", "y")
    with pytest.raises(ValueError, match="titles must name each of the 2 columns, got 1"):
        pictures.show_heatmaps(np.zeros((1, 2, 3, 3)), "x", "y", titles=["a"])
