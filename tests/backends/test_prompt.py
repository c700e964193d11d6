"""The prompt: the reprs of objects, and the names that Tab completes."""

import numpy as np
import pytest

import d2l_jax
import d2l_torch
from tests.support.fits import model_of, regression

BACKENDS = pytest.mark.parametrize("d2l", [d2l_jax, d2l_torch])


def public(x):
    return {name for name in dir(x) if not name.startswith("_")}


@BACKENDS
def test_a_package_shows_only_names_of_the_library(d2l):
    assert public(d2l) == {*d2l.__all__, "plt"}
    assert "__version__" in dir(d2l)


# Those of a Trainer that has not run.
TRAINER = {
    "checkpoint", "clip_gradients", "compile", "ema", "ema_decay", "epoch", "every", "fit",
    "fit_epoch", "gpus", "gradient_clip_val", "history", "hparams", "keep", "max_epochs", "model",
    "num_devices", "num_gpus", "num_train_batches", "num_val_batches", "on_nonfinite", "optim",
    "prepare_batch", "prepare_data", "prepare_model", "progress", "rank", "room_for_data",
    "save_hyperparameters", "schedule", "should_stop", "to_device", "train_batch_idx", "train_step",
    "val_batch_idx", "validation_step",
}  # fmt: skip
HISTORY = {
    "batch_sizes", "epoch_train_loss", "labels", "latest", "plot", "seconds", "to_csv", "to_frame",
    "train_loss", "val_acc", "val_loss",
}  # fmt: skip


@BACKENDS
def test_tab_shows_what_a_user_needs(d2l):
    class Mine(d2l.Trainer):
        def my_method(self):
            pass

    trainer = Mine(max_epochs=1)
    trainer.my_attribute = 1
    assert public(trainer) - {"model", "optim"} == {
        *TRAINER - {"model", "optim"},
        "my_method",
        "my_attribute",
    }
    assert public(trainer.history) == HISTORY
    assert not {"loader_class", "as_tensor"} & public(regression(d2l))
    assert {"draw", "save", "data"} < public(d2l.ProgressBoard())
    assert not {"animate", "raw_points"} & public(d2l.ProgressBoard())


@BACKENDS
def test_the_names_of_a_class_are_all_there(d2l):
    assert {"receive", "run_epochs"} < set(dir(d2l.Trainer))


@BACKENDS
def test_a_trainer_shows_what_was_trained(d2l):
    trainer = d2l.Trainer(2, gradient_clip_val=0.5)
    start = "Trainer(max_epochs=2, gradient_clip_val=0.5): "
    assert "schedule=step_decay" in repr(d2l.Trainer(2, schedule=d2l.step_decay))
    assert repr(trainer) == start + "nothing trained yet"
    trainer.fit(model_of(d2l), regression(d2l, num_train=6, num_val=4, batch_size=2))
    assert repr(trainer).startswith(start + "Reader, 2 epochs, 6 steps, train_loss ")


@BACKENDS
def test_data_and_boards_show_what_is_in_them(d2l):
    assert repr(d2l.Digits(batch_size=32, resize=(28, 28))) == (
        "Digits(batch_size=32, resize=(28, 28)): "
        "1,437 training and 360 validation images, 10 classes"
    )
    data = regression(d2l, noise=0.5)
    assert repr(data) == "SyntheticRegressionData(w=float32 of shape (2,), b=4.2, noise=0.5)"
    board = d2l.ProgressBoard("x")
    assert repr(board) == "ProgressBoard(xlabel='x')"
    board.draw(0, 1, "sin")
    assert repr(board) == "ProgressBoard(xlabel='x'): points sin 1"


@BACKENDS
def test_an_object_that_lost_a_hyperparameter_still_has_a_text(d2l):
    trainer = d2l.Trainer(3)
    del trainer.gradient_clip_val
    assert repr(trainer).startswith("Trainer(max_epochs=3, gradient_clip_val=None")


def test_a_model_is_a_table_of_its_layers():
    for d2l, weights, relu, flatten in (
        (d2l_jax, "kernel (4, 3)", "relu", "flatten"),
        (d2l_torch, "weight (3, 4)", "ReLU", "Flatten"),
    ):
        model = d2l.MLP(num_outputs=2, num_hiddens=3, lr=0.1, num_inputs=4)
        title, head, *rows, total = repr(model).splitlines()
        assert title == "MLP(num_outputs=2, num_hiddens=3, lr=0.1, num_inputs=4)"
        assert head.split() == ["name", "layer", "parameters", "number"]
        assert [row.split()[:2] for row in rows] == [
            ["net.0", flatten], ["net.1", "Linear"], ["net.2", relu], ["net.3", "Linear"],
        ]  # fmt: skip
        assert f"{weights}, bias (3,)" in rows[1] and rows[1].endswith(" 15")
        assert total.split() == ["total", "23"]
        assert str(model) == repr(model)


def test_the_tables_of_both_backends_count_the_same():
    for make in (
        lambda d2l: d2l.SoftmaxRegressionScratch(4, 3, 0.1),
        lambda d2l: d2l.DropoutMLP(3, 4, 5, 0.5, 0.5, 0.1, num_inputs=6),
        lambda d2l: d2l.ResNet(((1, 8),), 0.1, 10, 3),
    ):
        numbers = [
            [line.split()[-1] for line in repr(make(d2l)).splitlines()[1:]]
            for d2l in (d2l_jax, d2l_torch)
        ]
        assert numbers[0] == numbers[1]


@BACKENDS
def test_a_layer_without_a_shape_says_so(d2l):
    model = d2l.LeNet()
    text = repr(model)
    assert text.count("unknown before the first minibatch") == 2
    assert text.splitlines()[-1].split() == ["total", "unknown"]
    model.apply_init([d2l.zeros(1, 28, 28, 1) if d2l is d2l_jax else d2l.zeros(1, 1, 28, 28)])
    assert "unknown" not in repr(model) and repr(model).endswith(" 61,706")


@BACKENDS
def test_a_parameter_of_two_layers_counts_once(d2l, capsys):
    model = d2l.DropoutMLP(3, 4, 4, 0.5, 0.5, 0.1, num_inputs=4)
    layers = model.net.layers if d2l is d2l_jax else model.net
    layers[4] = layers[1]  # linear layers of 20 parameters, before one of 15
    model.layer_summary((1, 2, 2, 1) if d2l is d2l_jax else (1, 1, 2, 2))
    for text in (repr(model), capsys.readouterr().out.strip()):
        numbers = [line.split()[-1] for line in text.splitlines()]
        assert numbers.count("20") == 2 and numbers[-1] == "35"


@BACKENDS
def test_a_repr_reads_no_values(d2l):
    """A debugger shows objects in the middle of a fit."""
    texts = []

    class Showing(d2l.Trainer):
        def fit_epoch(self):
            super().fit_epoch()
            texts.extend([repr(self), repr(self.model), repr(self.model.board)])
            assert self.recorder._parts["val_loss"]

    history = Showing(1).fit(model_of(d2l), regression(d2l, num_train=6, num_val=4, batch_size=2))
    assert texts[0].startswith("Showing(max_epochs=1): Reader, 0 epochs")
    assert np.isfinite(history.val_loss).all()
