"""Every example runs on both backends, draws its figure, and prints the same numbers on both."""

import importlib
import re
import runpy
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot as plt

from d2l_common.command_line.main import main
from d2l_common.command_line.scripts import CELLS
from tests.support.paths import ROOT

EXAMPLES = ROOT / "examples"
SCRIPTS = sorted(
    path.stem
    for path in EXAMPLES.glob("*.py")
    if path.read_text().startswith(CELLS) and not path.stem.startswith(("compare", "port_"))
)
NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:e[-+]?\d+)?")
NEVER = r"(?!)"


@dataclass
class Case:
    """
    Options of a script, and the output that it must print.

    `prints` are parts of what both backends print; `varies` matches the lines that hold times,
    or what the frameworks do differently. One that runs `alone` has a process of its own, since the
    number of JAX's devices is fixed when it starts.
    """

    options: str = ""
    prints: tuple[str, ...] = ()
    varies: str = NEVER
    draws: bool = True
    alone: bool = False


TABLE = r"^\d+( +\d\S*\.\S*){3,4}$"  # a row of the table of epochs; it ends in the seconds
IMAGES = "--data digits --epochs 2"
NETWORK = "--data digits --num-train 64 --epochs 1"
LAYERS = r"^\w+ +\(1, "  # rows of the table of layers: their names differ
# With dropout, each framework draws its own masks.
NETWORK_VARIES = f"{LAYERS}|{TABLE}|^validation accuracy"
DROPOUT = IMAGES + " --num-hiddens 16"

CASES = {
    # 2.1 to 2.6
    "data_manipulation": Case(
        prints=("X with 17 at (1, 2)", "[ 4.  5. 17.  7.]", "66.", "keeps the object: False"),
        draws=False,
    ),
    "data_preprocessing": Case(
        prints=("RoofType_Slate", "[4. 1. 0.]", "[127500. 106000. 178100. 140000.]"), draws=False
    ),
    "linear_algebra": Case(prints=("[ 5. 14.]", "[ 3. 12.]", "symmetric: True"), draws=False),
    "calculus": Case(prints=("2.3000", "needs no h: 2.0000")),
    "autograd": Case(
        prints=("[ 0.  4.  8. 12.]", "[0. 1. 4. 9.]", "[ 0.  3. 12. 27.]"), draws=False
    ),
    "probability": Case("--tosses 1000", ("0.1306", "0.8307", "  1000    473")),
    # 3.1 to 3.7
    "vectorization": Case("--n 20", ("0.3989", "[2.9189 1.0439]"), r"sec$|^speedup"),
    "oo_design": Case(prints=("self.a = 1 self.b = 2", "self.c = True", "sin: 50 points")),
    "synthetic_data": Case(prints=("32 minibatches, 1000 examples",), varies="sec$"),
    "linear_regression": Case("--epochs 2", ("val_loss",)),
    "linear_regression_scratch": Case("--epochs 2", ("val_loss",)),
    "polynomial_fitting": Case("--epochs 5", ("underfits", "overfits")),
    "weight_decay": Case("--wd 1", ("L2 norm of w: 0.0",)),
    "weight_decay_scratch": Case("--lambd 1", ("L2 norm of w: 0.0",)),
    # 4.1 to 4.7
    "softmax": Case(prints=("[0.0900 0.2447 0.6652]", "1.3863", "0.4458", "0.4298")),
    "image_dataset": Case(
        "--data digits", ("training: 1437 images, 23 minibatches",), varies=r"sec$|^X:"
    ),
    "classification": Case("--data digits", ("predictions                      [2 2 0 0]",)),
    "softmax_regression": Case(IMAGES, ("val_acc",)),
    "softmax_regression_scratch": Case(IMAGES, ("val_acc",)),
    "predictions": Case(IMAGES, ("are classified wrongly", "taken for")),
    "log_sum_exp": Case(prints=("2000.", "[[ 1.  0. -1.]]", "[inf]", "[nan]"), draws=False),
    "label_shift": Case("--epochs 3", ("estimated without test labels",)),
    # 5.1 to 5.7
    "activations": Case(prints=("[0.0003 0.1050 0.2350 0.2500 0.2350 0.1050 0.0003]",)),
    "mlp": Case(IMAGES + " --num-hiddens 16", ("val_acc",)),
    "mlp_scratch": Case(IMAGES + " --num-hiddens 16", ("val_acc",)),
    # XLA and autograd count other bytes.
    "backprop": Case(prints=("equal to 1e-6: True", "MiB"), varies=r"MiB$"),
    "initialization": Case(
        prints=("100 random 4 x 4 matrices, largest entry of the product 1.176e+25", "he, relu")
    ),
    "early_stopping": Case("--epochs 8 --patience 1", ("early stopping",)),
    # Each framework draws its own masks.
    "dropout": Case(DROPOUT, ("val_acc",), TABLE),
    "dropout_scratch": Case(DROPOUT, ("dropout_layer(X, 0.5)", "[16. 18. 20.  0."), TABLE),
    "house_prices": Case("--epochs 2 --k 3", ("79 columns become", "300 rows")),
    # Of the 2026 edition alone. Each framework draws its own mixup.
    "training_recipes": Case(
        "--data digits --epochs 4 --num-train 100 --num-hiddens 16", ("2015         4",), r"^2022"
    ),
    # 6.1 to 6.7
    "model_construction": Case(
        prints=("net.1.net.0.weight   (3, 3)", "233,866", "(120, 576), 82,826"), draws=False
    ),
    "parameters": Case(
        prints=(
            "their sum: True",
            "body.0.weight    changed: False",
            "head.bias        changed: T",
        ),
        draws=False,
    ),
    "parameter_initialization": Case(prints=("[[42.  2.  3.  4.]", "last weights 0")),
    "custom_layers": Case(
        prints=("trains [], keeps ['later']", "[1. 2. 3.]", "[3, 2, 1]    [3. 2. 1.]"), draws=False
    ),
    "saving_loading": Case(
        prints=("read by d2l_jax, equal to the bit: True", "\nequal to the bit: True"), draws=False
    ),
    # XLA and autograd keep other results.
    "devices": Case(prints=("262,144 parameters",), varies="kept for the gradient", draws=False),
    # Of the 2026 edition alone: 5.5 and 5.8.
    "numerics": Case("--epochs 2", ("within one rounding of bfloat16: True", "inf, stable 12.41")),
    "reproducibility": Case(
        prints=("unrelated draws       equal to the bit: True", "first layer that returns NaN: 6")
    ),
    # 7.2 to 7.5
    "convolutions": Case("--data digits", ("[ 0.  1.  0.  0.  0. -1.  0.]", "[[ 0.9885 -0.9885]]")),
    "padding_strides": Case(
        prints=(
            "(3, 5) (0, 1) (3, 4) (2, 2) (2, 2)",
            "[4. 6. 6. 4.]",
            "stride 2            3   7  15",
        )
    ),
    "channels": Case(prints=("[104. 120.]", "equal to 1e-5: True", "17,956,864")),
    "pooling": Case("--data digits", ("[13. 15.]", "max of 1 x 1: 0.415")),
    "lenet": Case(IMAGES, ("total                           61,706",), varies=r"^\w+ +\(1, "),
    "alexnet": Case(NETWORK, ("validation accuracy",), NETWORK_VARIES),
    "vgg": Case(NETWORK, ("validation accuracy",), NETWORK_VARIES),
    "nin": Case(NETWORK, ("validation accuracy",), NETWORK_VARIES),
    "googlenet": Case(NETWORK, ("validation accuracy",), LAYERS),
    # At the default rate, rounding decides one of the 16 predictions.
    "densenet": Case(NETWORK + " --lr 0.001", ("validation accuracy",), LAYERS),
    "convnext": Case(NETWORK, ("validation accuracy",), NETWORK_VARIES),
    "efficient_convnets": Case(NETWORK, ("fused, equal to 1e-5: True",), LAYERS),
    "batch_norm": Case("--data digits --epochs 1", ("with normalization   loss",)),
    # 13.5 and 13.6. PyTorch's Trainer has a device for each process.
    "multiple_gpus": Case(
        "--devices 3 --epochs 2",
        (
            "inputs (4, 2), labels (4,)",
            "[[6. 6.]]",
            "d2l.train_batch to 1e-6: True",
            "scratch, as on one device to 1e-5: True",
            "concise, as on one device to 1e-5: True",
        ),
        r"largest difference|^the Trainer's devices|torchrun",
        draws=False,
        alone=True,
    ),
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Run in an empty folder, where figures go, and leave no figure behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(EXAMPLES)
    with plt.rc_context():
        plt.close("all")
        yield
        plt.close("all")


@pytest.fixture
def run(monkeypatch, capsys):
    """Return a function that runs a script as a command does, and returns what it printed."""

    def run_script(name, *arguments):
        path = str(EXAMPLES / f"{name}.py")
        monkeypatch.setattr(sys, "argv", [path, *arguments])
        runpy.run_path(path, run_name="__main__")
        return capsys.readouterr().out

    return run_script


def run_alone(name, *arguments, launcher=()):
    """Run a script in a process of its own; return what it printed."""
    command = [sys.executable, *launcher, str(EXAMPLES / f"{name}.py"), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def without_varying(text, backend, varies):
    """Return the text less the lines that vary, the seconds of epochs and the backend's name."""
    lines = [line for line in text.splitlines() if not re.search(varies, line)]
    lines = [line.rpartition(" ")[0] if re.search(TABLE, line) else line for line in lines]
    return "\n".join(lines).replace(f"_{backend}.", "_BACKEND.")


def tolerance(number):
    """Return a unit in the last digit after the point; without such digits, four digits."""
    mantissa, _, exponent = number.partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 1.01 * 10.0 ** (int(exponent or 0) - decimals) if decimals else 1e-4 * abs(float(number))


def assert_same_numbers(jax, torch):
    """Assert that two texts are equal, except units in the last digits of their numbers."""
    assert NUMBER.sub("#", jax).split() == NUMBER.sub("#", torch).split()
    for one, other in zip(NUMBER.findall(jax), NUMBER.findall(torch), strict=True):
        assert abs(float(one) - float(other)) <= tolerance(one), (one, other, jax, torch)


def assert_is_a_figure(path):
    """Assert that a file is a picture with something on it."""
    pixels = plt.imread(path)[..., :3]
    assert min(pixels.shape[:2]) >= 200
    assert 0.02 < pixels.std() < 0.5


def test_every_example_is_tested():
    assert sorted(CASES) == SCRIPTS


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_an_example_prints_the_same_on_both(name, run):
    case = CASES[name]
    texts = {}
    for backend in ("jax", "torch"):
        text = (run_alone if case.alone else run)(name, "--backend", backend, *case.options.split())
        for part in case.prints:
            assert part in text
        figure = f"out/{name}_{backend}.png"
        assert (f"figure: {figure}" in text) == case.draws == Path(figure).exists()
        if case.draws:
            assert_is_a_figure(figure)
        texts[backend] = without_varying(text, backend, case.varies)
    assert_same_numbers(**texts)


@pytest.mark.slow
def test_processes_of_torchrun_train_one_model_and_one_prints():
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    options = ["--backend", "torch", "--epochs", "2"]
    text = run_alone("multiple_gpus", *options, launcher=launcher)
    assert text.count("the Trainer's devices: 2\n") == 1
    assert text.count("concise, as on one device to 1e-5: True\n") == 1
    assert "torchrun" not in text


@pytest.mark.parametrize(
    "one, other",
    [
        ("0.1234", "0.1236"),
        ("1.234e+20", "1.236e+20"),
        ("12 rows", "13 rows"),
        ("nan", "1."),
        ("a", "b"),
    ],
)
def test_the_comparison_fails_on_other_numbers(one, other):
    assert_same_numbers(one, one)
    with pytest.raises(AssertionError):
        assert_same_numbers(one, other)


def test_an_unknown_backend_is_refused(run, capsys):
    for name in SCRIPTS:
        with pytest.raises(SystemExit) as error:
            run(name, "--backend", "numpy")
        assert error.value.code == 2
        assert "invalid choice: 'numpy'" in capsys.readouterr().err


def test_an_error_is_one_line(capsys):
    assert main(["run", "weight_decay", "--backend", "torch", "--wd", "-1"]) == 2
    assert capsys.readouterr().err.startswith("error: wd must ")


@pytest.mark.parametrize(
    "error, status, line",
    [
        (ValueError("wd must be positive"), 2, "error: wd must be positive\n"),
        (KeyboardInterrupt(), 130, "\ninterrupted\n"),
    ],
)
def test_a_script_reports_an_error_in_one_line(error, status, line, capsys):
    options = importlib.import_module("options")
    with pytest.raises(SystemExit) as ended:
        options.report_error(type(error), error, None)
    assert ended.value.code == status
    assert capsys.readouterr().err == line


def test_a_script_reports_a_bug_with_its_traceback(capsys):
    importlib.import_module("options").report_error(TypeError, TypeError("a bug"), None)
    assert "TypeError: a bug" in capsys.readouterr().err


def test_the_figure_goes_where_it_is_asked_to(run):
    text = run("calculus", "--backend", "torch", "--plot", "new/f.png")
    assert "figure: new/f.png" in text
    assert_is_a_figure("new/f.png")
    assert not Path("out").exists()


def test_scripts_are_written_once_for_both_backends():
    for name in SCRIPTS:
        text = (EXAMPLES / f"{name}.py").read_text()
        assert "backend ==" not in text and "d2l.__name__" not in text
        assert not re.search(r"\b(import|from) (jax|torch|flax|optax|d2l_jax|d2l_torch)\b", text)
        assert re.search(r"\((2026 edition, )?sections? \d+\.\d", text), f"{name} names no section"


def test_the_readme_lists_every_example():
    readme = (ROOT / "README.md").read_text()
    section = readme.partition("## The examples")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)\.py`", section, flags=re.MULTILINE)
    assert sorted(listed) == SCRIPTS


def test_compare_knows_the_examples_that_train(run):
    names = importlib.import_module("compare").example_names()
    train = [x for x in SCRIPTS if "trainer.fit(model, data)" in (EXAMPLES / f"{x}.py").read_text()]
    assert names == [x for x in train if x not in ("house_prices", "training_recipes")]
    assert {"mlp", "dropout", "weight_decay_scratch"} < set(names) < set(SCRIPTS)


@pytest.mark.slow
def test_compare_writes_its_report(run, capsys):
    with pytest.raises(SystemExit) as ended:
        run("compare", "weight_decay", "--epochs", "2", "--wd", "3", "--plot", "new/wd.png")
    assert ended.value.code == 0  # they agree
    text = capsys.readouterr().out
    assert "The same: equal weights" in text
    gaps = re.findall(r"^\| (?:training loss|final weights) +\| (\S+)", text, flags=re.MULTILINE)
    assert 0 < max(map(float, gaps)) < 1e-5
    assert "report: new/wd.md, new/wd.csv, new/wd.png" in text
    assert_is_a_figure("new/wd.png")
    steps = Path("new/wd.csv").read_text().splitlines()
    assert steps[0].startswith("step,jax_loss_float32,torch_loss_float32,gap_float32")
    assert len(steps) == 1 + 2 * 4  # 20 examples in minibatches of 5


@pytest.mark.slow
def test_a_port_with_a_mistake_is_pointed_at(run, capsys):
    with pytest.raises(SystemExit) as ended:
        run("compare_own_model", "--epochs", "1")
    assert ended.value.code == 0  # the mistake was found, and nothing else
    mistaken, mended = capsys.readouterr().out.split("# The port, mended")
    assert "- `norm` returns a different output for the same input." in mistaken
    assert "The same: equal weights" in mended
    assert_is_a_figure("out/own_model_mended.png")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["port_resnet", "port_gpt"])
def test_a_port_is_proven(name, run, capsys):
    with pytest.raises(SystemExit) as ended:
        run(name, "--epochs", "1")
    assert ended.value.code == 0  # each mistake was found, and the last port is the same
    text = capsys.readouterr().out
    assert text.count(": not the same\n- ") == 3
    assert "The same: equal weights" in text
    assert Path(f"out/{name.removeprefix('port_')}.safetensors").exists()
    assert_is_a_figure(f"out/{name}.png")
    guide = (ROOT / "docs/porting.md").read_text().partition("## Two real ports")[2]
    walks = guide.partition("## The catalogue")[0].split("**A language model.**")
    quoted = re.findall(r'"([^"]+)"', walks[name == "port_gpt"])
    assert len(quoted) == 3
    for sentence in quoted:
        assert " ".join(sentence.split()).rstrip(".") in text


def test_the_figure_of_wrong_predictions_says_which_name_is_true(run):
    run("predictions", "--backend", "torch", *IMAGES.split())
    titles = [axes.get_title() for axes in plt.gcf().axes]
    assert titles
    assert all(re.fullmatch(r"true: \d\npred: \d", title) for title in titles)


def test_the_invented_houses_have_the_columns_of_the_competition(tmp_path):
    house_table = importlib.import_module("house_table")
    table = house_table.house_table(50, seed=0)
    assert table.shape == (50, 80)
    assert table["SalePrice"].between(1e4, 1e7).all()
    missing = table.isna().mean()
    assert missing["PoolQC"] > 0.9
    assert 0 < missing["LotFrontage"] < 0.5
    assert np.array_equal(table["SalePrice"], house_table.house_table(50, seed=0)["SalePrice"])
    house_table.write_house_tables(tmp_path, num_train=3, num_test=2, seed=0)
    lines = (tmp_path / "kaggle_house_pred_test.csv").read_text().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("Id,") and "SalePrice" not in lines[0]
    assert lines[1].startswith("4,")
