"""The command `d2l`: lists, runs, compares, and ends in one line on a mistake."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from d2l_common.command_line import data_sets, installation, main, scripts
from tests.support.idx import write_idx
from tests.support.paths import ROOT


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Run in an empty folder; forget the examples' modules afterwards."""
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "").parent == ROOT / "examples":
            del sys.modules[name]


@pytest.fixture
def d2l(capsys):
    """Return a function that runs a command: `(status, output, errors)`."""

    def run(command):
        try:
            status = main.main(command.split())
        except SystemExit as error:  # argparse, and scripts
            status = error.code
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def test_the_list_has_a_line_for_each_section_in_their_order(d2l):
    status, out, _ = d2l("list")
    assert status == 0
    lines = out.splitlines()
    names = [line.split()[1] for line in lines if " of 2026 " not in line]
    assert names[:3] == ["data_manipulation", "data_preprocessing", "linear_algebra"]
    assert names.index("lenet") > names.index("mlp") > names.index("softmax")
    section = (ROOT / "README.md").read_text().partition("## The examples")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)\.py`", section, flags=re.MULTILINE)
    assert set(listed) == {x.name for x in scripts.scripts() if x.section}
    assert {x.name for x in scripts.scripts() if not x.section} == {
        "compare_own_model", "port_gpt", "port_resnet",
    }  # fmt: skip
    assert all(x.title and "section" not in x.title for x in scripts.scripts())


def test_an_example_runs_and_draws_its_figure(d2l):
    status, out, _ = d2l("run calculus --backend torch")
    assert status == 0 and "figure: out/calculus_torch.png" in out
    assert Path("out/calculus_torch.png").exists()


@pytest.mark.slow
def test_help_names_the_command_and_every_default(d2l):
    for name, section in [(x.name, x.section) for x in scripts.scripts()]:
        status, out, _ = d2l(f"run {name} --help")
        assert status == 0 and out.startswith(f"usage: d2l run {name} [-h]")
        out = out.partition("options:")[2]
        options = re.split(r"\n  (?=--)", out)[1:]
        assert len(options) >= 3  # a tool has --epochs and no --backend
        for option in options:
            assert option.startswith("--backend") or "default: " in " ".join(option.split()), option
        for flag in ("--backend", "--seed", "--device")[not section :]:
            assert f"\n  {flag} " in out


def test_compare_passes_its_options_on(d2l):
    status, out, _ = d2l("compare --help")
    assert status == 0 and out.startswith("usage: d2l compare [-h] (NAME | --all)")
    assert d2l("compare mlp --help")[1].startswith("usage: d2l compare mlp [-h]")
    status, _, errors = d2l("compare nothing")
    assert status == 2 and "the name of an example comes first" in errors


def write_fashion_mnist(folder):
    """Write the data set's files, with ten images of each kind."""
    Path(folder).mkdir()
    for part in ("train", "t10k"):
        write_idx(f"{folder}/{part}-images-idx3-ubyte", np.zeros((10, 28, 28), np.uint8))
        write_idx(f"{folder}/{part}-labels-idx1-ubyte", np.arange(10, dtype=np.uint8))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("run lent --backend jax", "the name of an example, got 'lent'; did you mean lenet?"),
        ("run mlp", "the following arguments are required: --backend"),
        ("run mlp --backend numpy", "argument --backend: invalid choice: 'numpy'"),
        ("run mlp --backend jax --epochs -1", "argument --epochs: must be at least 1, got -1"),
        ("run mlp --backend jax --epochs two", "argument --epochs: must be an integer, got 'two'"),
        ("run mlp --backend jax --batch-size 0", "--batch-size: must be at least 1, got 0"),
        ("run mlp --backend jax --lr nan", "--lr: must be a number of at least 0, got 'nan'"),
        ("run mlp --backend jax --num-hiddens -3", "argument --num-hiddens: must be at least 0"),
        ("run mlp --backend jax --seed -1", "argument --seed: must be at least 0, got -1"),
        ("run mlp --backend jax --plot a.txt", "error: --plot must end in .png, .svg or .pdf"),
        ("run softmax --backend jax --nothing 1", "unrecognized arguments: --nothing 1"),
        ("data fetch everything", "one of fashion_mnist, house_prices, got 'everything'"),
        ("nothing", "invalid choice: 'nothing'"),
        ("", "the following arguments are required: COMMAND"),
    ],
)  # fmt: skip
def test_a_mistake_ends_in_one_line(d2l, command, message):
    status, out, errors = d2l(command)
    assert status == 2 and out == ""
    assert message in errors.splitlines()[-1] and "Traceback" not in errors


def test_options_are_checked_before_anything_heavy_is_imported():
    script = """
import sys
for name in ("jax", "torch", "flax", "optax", "matplotlib", "pandas", "requests", "sklearn"):
    sys.modules[name] = None  # importing it raises
from d2l_common.command_line.main import main
for command in ("list", "data status", "run mlp --help", "run mlp --backend jax --epochs -1",
                "run lenet --backend torch --plot f.txt", "compare mlp --epochs -1",
                "run port_gpt --help", "run compare_own_model --epochs none"):
    try:
        main(command.split())
    except SystemExit:
        pass
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert done.stderr.count("--epochs: must be") == 3 and "--plot must end" in done.stderr
    assert "None in sys.modules" not in done.stderr + done.stdout


def test_ctrl_c_ends_in_one_line(d2l, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(runpy, "run_path", interrupt)
    assert d2l("run mlp --backend jax") == (130, "", "\ninterrupted\n")


def test_ctrl_c_in_a_script_ends_in_one_line(monkeypatch, capsys):
    monkeypatch.syspath_prepend(ROOT / "examples")
    monkeypatch.setattr(sys, "argv", ["softmax.py", "--backend", "jax"])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # which a script sets
    common = __import__("common")
    for module in (common, __import__("options")):  # a worker of the tests has no script
        monkeypatch.setattr(module, "in_notebook", lambda: False)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(common, "load_backend", interrupt)
    with pytest.raises(SystemExit) as ended:
        common.start("A title.", backend="jax")
    assert ended.value.code == 130 and capsys.readouterr().err == "\ninterrupted\n"


def test_a_gpu_that_is_missing_is_named(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    import d2l_torch

    monkeypatch.setattr(d2l_torch, "num_gpus", lambda: 0)
    with pytest.raises(ValueError, match="--device gpu needs a GPU that d2l_torch finds"):
        __import__("common").choose_device(d2l_torch, "gpu")


def test_data_status_finds_what_is_there(d2l, tmp_path):
    _, out, _ = d2l("data status")
    assert "fashion_mnist  missing in data: d2l data fetch fashion_mnist" in out
    write_fashion_mnist("data")
    for name in ("train", "test"):
        (tmp_path / f"data/kaggle_house_pred_{name}.csv").touch()
    status = data_sets.status("data")
    assert status["fashion_mnist"] == status["house_prices"] == "data"
    assert status["digits"] == "comes with the package sklearn"


def test_data_fetch_says_what_it_found(d2l):
    write_fashion_mnist("data")
    status, out, _ = d2l("data fetch fashion_mnist")
    assert status == 0
    assert re.fullmatch(r"fashion_mnist +\d+ training and \d+ validation images\n", out)


def test_info_names_versions_devices_precision_and_caches(d2l):
    status, out, _ = d2l("info")
    assert status == 0
    for title in ("d2l-twins ", "d2l_jax", "d2l_torch"):
        assert f"\n{title}" in "\n" + out
    for name in ("versions", "devices", "precision", "cache"):
        assert out.count(f"\n  {name} ") >= 2


def test_info_goes_on_without_a_framework(monkeypatch):
    monkeypatch.setitem(sys.modules, "d2l_jax.installation", None)
    rows = installation.backend_rows("jax")
    assert "cannot be imported" in rows["error"] and "d2l-twins[jax]" in rows["error"]


def test_examples_are_found_where_a_wheel_puts_them(monkeypatch, tmp_path):
    folder = tmp_path / "env" / scripts.INSTALLED
    folder.mkdir(parents=True)
    (folder / "common.py").touch()
    monkeypatch.setattr(scripts, "__file__", str(tmp_path / "env/lib/d2l_common/command_line/x.py"))

    class File(type(Path())):
        def locate(self):
            return folder / "common.py"

    monkeypatch.setattr(
        scripts.importlib.metadata, "files", lambda name: [File(f"../{scripts.INSTALLED}common.py")]
    )
    assert scripts.examples_folder() == folder.resolve()
    monkeypatch.setattr(scripts.importlib.metadata, "files", lambda name: None)
    with pytest.raises(FileNotFoundError, match="the examples are not installed"):
        scripts.examples_folder()


def test_the_wheel_holds_the_examples_where_they_are_looked_for():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["data-files"] == {
        scripts.INSTALLED.rstrip("/"): ["examples/*.py"]
    }
    assert project["project"]["scripts"] == {"d2l": "d2l_common.command_line.main:main"}
