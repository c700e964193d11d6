"""The record of a fit: its table in a file, its figure, and its text."""

import numpy as np
import pandas as pd
import pytest

from d2l_common.training.history import History


@pytest.fixture
def history():
    """Return the record of two epochs of two steps, the second step of half the size."""
    history = History()
    for epoch in range(2):
        history.extend("lr", np.array([0.1]), np.ones(1))
        history.extend("train_loss", np.array([4.0, 1.0]) - epoch, np.array([20.0, 10.0]))
        history.extend("val_loss", np.array([3.0 - epoch]), np.ones(1))
        history.extend("val_acc", np.array([0.5 + 0.25 * epoch]), np.ones(1))
        history.end_epoch(1.5)
    return history


def test_the_latest_values_are_averages_over_examples(history):
    assert history.latest() == {"train_loss": 2.0, "val_loss": 2.0, "val_acc": 0.75}
    assert History().latest() == {}


def test_the_text_is_short_and_telling(history):
    text = "2 epochs, 4 steps, train_loss 2, val_loss 2, val_acc 0.75; 3.0 s"
    assert repr(history) == f"History({text})"
    assert repr(History()) == "History(0 epochs, 0 steps; 0.0 s)"


def test_the_table_comes_back_from_a_file_with_all_digits(history, tmp_path):
    history.extend("val_acc", np.array([1 / 3]), np.ones(1))
    history.end_epoch(0.1)
    path = history.to_csv(tmp_path / "new" / "h.csv")
    assert path == tmp_path / "new" / "h.csv"
    pd.testing.assert_frame_equal(pd.read_csv(path, index_col="epoch"), history.to_frame())
    assert f",{1 / 3}," in path.read_text()


def test_the_figure_has_a_panel_for_each_quantity(history):
    loss, accuracy, rate = history.plot().axes
    assert [x.get_ylabel() for x in (loss, accuracy, rate)] == ["loss", "accuracy", "learning rate"]
    steps, training, validation = loss.lines
    assert steps.get_xydata().tolist() == [[0.5, 4], [1, 1], [1.5, 3], [2, 0]]
    assert training.get_xydata().tolist() == [[0.5, 3], [1.5, 2]]
    assert validation.get_xydata().tolist() == [[1, 3], [2, 2]]
    assert [x.get_text() for x in loss.get_legend().get_texts()] == ["training", "validation"]
    assert accuracy.lines[0].get_xydata().tolist() == [[1, 0.5], [2, 0.75]]
    assert rate.get_legend() is None


def test_the_figure_of_nothing_is_empty():
    assert History().plot().axes == []
