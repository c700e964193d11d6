"""Records of one framework each, and verdicts for machines: JUnit, exit code, an exception."""

from xml.etree import ElementTree

import numpy as np
import optax
import pytest
import safetensors.numpy
import torch
from flax import nnx
from torch import nn

import d2l_jax
import d2l_torch
from d2l_parity import Verdict, assert_same, compare_records, record
from parity_tests.support.ports import (
    CROSS_ENTROPY,
    batches,
    linear,
    original,
    port,
    short,
    torch_linear,
)

ROWS = batches(8, 6)
BRIEF = {"loss": CROSS_ENTROPY, "epochs": 1, "nudges": 0, "dtypes": ["float64"]}


def call(relu):
    return lambda self, X: self.out(relu(self.fc(X)))


def jax_model(relu=nnx.relu):
    return port(call(relu), fc=linear(6, 8), out=linear(8, 4))


def torch_model():
    return original(call(torch.relu), fc=torch_linear(6, 8), out=torch_linear(8, 4))


def equal_models(relu=nnx.relu):
    """Return both models with equal weights."""
    models = jax_model(relu), torch_model()
    d2l_jax.import_weights(models[0], d2l_torch.export_weights(models[1]))
    return models


def records(folder, models=None, data=ROWS, **options):
    """Record models to two files in a folder, and return the paths."""
    paths = [folder / f"{backend}.safetensors" for backend in ("jax", "torch")]
    for model, path in zip(models or equal_models(), paths, strict=True):
        record(model, data, path, **{"loss": CROSS_ENTROPY} | options)
    return paths


# -- records ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_records_of_equal_models_agree_in_any_order(tmp_path):
    ours, theirs = records(tmp_path, epochs=2)
    found = compare_records(ours, theirs)
    assert found.verdict is Verdict.SAME, found.failures
    assert found.name == "Original"
    assert found.setting == "Two records of 2 epochs in float64; dropout dropped nothing."
    assert len(found.comparisons["float64"].loss_gap) == 2 * len(ROWS)
    assert [layer.name for layer in found.first.layers if layer.output < 1e-12] == ["fc", "out"]
    assert all(len(layer.gradients) == 2 for layer in found.first.layers)
    assert compare_records(theirs, ours).failures == []
    assert "The same" in str(found) and len(found.steps()) == 4 and len(found.epochs()) == 2
    assert all(path.stat().st_size for path in found.save(tmp_path / "report").values())
    assert compare_records(ours, theirs, mapping={"fc": "fc"}).agree


@pytest.mark.slow
def test_a_mistake_is_found_in_records_as_in_models(tmp_path):
    models = equal_models(nnx.tanh)
    found = compare_records(*records(tmp_path, models))
    assert found.verdict is Verdict.DIFFERENT
    direct = short(*models, ROWS)
    assert found.failures[0].startswith("The input of `out` differs: look between `fc` and it.")
    assert found.failures[0] == direct.failures[0]


@pytest.mark.slow
def test_other_steps_are_found_in_records(tmp_path):
    models = equal_models()
    paths = records(tmp_path, models)
    record(models[0], ROWS, paths[0], CROSS_ENTROPY, optimizer=optax.sgd(0.2))
    assert compare_records(*paths).verdict is Verdict.DIFFERENT
    make = lambda params: torch.optim.SGD(params, 0.2)  # noqa: E731
    record(models[1], ROWS, paths[1], CROSS_ENTROPY, optimizer=make)
    assert compare_records(*paths).agree


@pytest.mark.slow
def test_records_of_dropout_and_of_randomness(tmp_path):
    """Dropout drops nothing in a record; other randomness has no verdict."""
    forward = lambda self, X: self.out(self.drop(self.fc(X)))  # noqa: E731
    ours = port(
        forward, fc=linear(6, 8), out=linear(8, 4), drop=lambda rngs: nnx.Dropout(0.5, rngs=rngs)
    )

    def with_drop(drop):
        return original(forward, fc=torch_linear(6, 8), out=torch_linear(8, 4), drop=drop)

    theirs = with_drop(lambda: nn.Dropout(0.5))
    d2l_jax.import_weights(ours, d2l_torch.export_weights(theirs))
    assert compare_records(*records(tmp_path, (ours, theirs))).agree
    found = compare_records(*records(tmp_path, (ours, with_drop(lambda: nn.Dropout(0.1)))))
    assert "Dropout has the rate 0.5 in JAX (test_comparison_records.py:" in found.failures[0]
    noise = with_drop(lambda: nn.RReLU(0.5, 1.5))
    found = compare_records(*records(tmp_path, (ours, noise)))
    assert found.failures[0].startswith(("PyTorch draws random numbers", "The input of `out`"))


@pytest.mark.slow
def test_records_start_from_equal_weights(tmp_path):
    paths = records(tmp_path, (jax_model(), torch_model()))
    with pytest.raises(ValueError, match="must start from equal weights: save PyTorch's by d2l_to"):
        compare_records(*paths)


@pytest.mark.slow
def test_two_records_of_one_framework_are_refused(tmp_path):
    ours, _ = records(tmp_path)
    with pytest.raises(ValueError, match="must be of a JAX and of a PyTorch model, got two of one"):
        compare_records(ours, ours)


@pytest.mark.slow
def test_records_of_other_data_or_epochs_are_refused(tmp_path):
    ours, theirs = records(tmp_path)
    models = equal_models()
    shuffled = [(X[::-1].copy(), y[::-1].copy()) for X, y in ROWS]
    for data in (ROWS[::-1], shuffled, ROWS[:1]):
        record(models[1], data, theirs, CROSS_ENTROPY)
        with pytest.raises(ValueError, match="the records must be of the same minibatches; record"):
            compare_records(ours, theirs)
    rounded = [(X * np.float32(1 + 1e-7), y) for X, y in ROWS]  # as by another framework
    record(models[1], rounded, theirs, CROSS_ENTROPY)
    assert compare_records(ours, theirs).first.layers
    record(models[1], ROWS, theirs, CROSS_ENTROPY, epochs=2)
    with pytest.raises(ValueError, match="the records must be of the same number of epochs"):
        compare_records(ours, theirs)


def damaged(folder, name):
    """Return a file that is not a record, and what is said of it."""
    path = folder / "bad.safetensors"
    if name == "empty":
        path.write_bytes(b"")
    elif name == "text":
        path.write_text("not a safetensors file, but long enough to have a header")
    elif name == "weights":
        safetensors.numpy.save_file({"a": np.ones(2)}, path)
    elif name == "another format":
        safetensors.numpy.save_file({"a": np.ones(2)}, path, {"record": "0", "facts": "{}"})
    return path


@pytest.mark.parametrize("name", ["empty", "text", "weights", "another format"])
def test_a_damaged_record_is_named(tmp_path, name):
    path = damaged(tmp_path, name)
    with pytest.raises(ValueError, match=r"bad\.safetensors") as caught:
        compare_records(path, path)
    assert "\n" not in str(caught.value)


def test_a_missing_record_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.safetensors"):
        compare_records(tmp_path / "none.safetensors", tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"model": 3}, TypeError, "model must be a Flax NNX module or a PyTorch module, got int"),
        ({"path": "a.npz"}, ValueError, "must end in .safetensors"),
        ({"data": []}, ValueError, "data has no minibatches"),
        ({"epochs": 0}, ValueError, "epochs must be at least 1"),
        ({"lr": -1.0}, ValueError, "lr must be"),
        ({"loss": None}, ValueError, "loss must be given"),
    ],
)
def test_wrong_arguments_of_a_record_are_said(tmp_path, arguments, error, words):
    right = {"model": torch_model(), "data": ROWS, "path": tmp_path / "a.safetensors",
             "loss": CROSS_ENTROPY}  # fmt: skip
    with pytest.raises(error) as caught:
        record(**right | arguments)
    assert words in str(caught.value)
    assert not list(tmp_path.iterdir())


# -- verdicts for machines -------------------------------------------------------------------------


def noisy(self, X):
    H = torch.relu(self.fc(X))
    return self.out(H + torch.randn_like(H) if self.training else H)


def noisy_model():
    return original(noisy, fc=torch_linear(6, 8), out=torch_linear(8, 4))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("models", "verdict", "code", "kind"),
    [
        (lambda: (jax_model(), torch_model()), Verdict.SAME, 0, None),
        (lambda: (jax_model(nnx.tanh), torch_model()), Verdict.DIFFERENT, 1, "failure"),
        (lambda: (jax_model(), noisy_model()), Verdict.UNDECIDED, 2, "error"),
    ],
)
def test_a_verdict_for_machines(tmp_path, models, verdict, code, kind):
    found = short(*models(), ROWS, name="A & B")
    assert (found.verdict, found.exit_code, found.agree) == (verdict, code, code == 0)
    path = found.save_junit(tmp_path / "new" / "junit.xml")
    suite = ElementTree.parse(path).getroot()
    [case] = suite
    assert (suite.get("tests"), case.get("name")) == ("1", "A & B")
    assert (suite.get("failures"), suite.get("errors")) == (
        str(int(code == 1)),
        str(int(code == 2)),
    )
    assert [each.tag for each in case] == [*filter(None, [kind]), "system-out"]
    assert case.find("system-out").text == str(found)
    if kind:
        assert case.find(kind).get("message") == found.failures[0]


@pytest.mark.slow
def test_an_exception_unless_models_are_the_same():
    assert assert_same(jax_model(), torch_model(), ROWS, **BRIEF).agree
    with pytest.raises(AssertionError) as caught:
        assert_same(jax_model(nnx.tanh), torch_model(), ROWS, **BRIEF)
    assert str(caught.value).startswith("Original: not the same\nThe input of `out` differs: ")
    with pytest.raises(AssertionError, match="no verdict\nPyTorch draws random numbers"):
        assert_same(jax_model(), noisy_model(), ROWS, **BRIEF)


@pytest.mark.slow
@pytest.mark.parametrize("dtypes", [["float32"], ["float64"], ("float64", "float32")])
def test_the_precisions_that_were_asked_for_are_run(dtypes):
    found = short(jax_model(), torch_model(), ROWS, dtypes=dtypes, nudges=1)
    assert found.verdict is Verdict.SAME, found.failures
    assert list(found.comparisons) == sorted(dtypes)
    assert f"in {' and in '.join(sorted(dtypes))} on the CPU." in str(found)
    for dtype, each in found.comparisons.items():
        assert each.jax.final_weights["fc.weight"].dtype == dtype
        assert each.torch.final_weights["fc.weight"].dtype == dtype
    assert {len(table) for table in (found.steps(), found.epochs())} == {len(ROWS), 1}
