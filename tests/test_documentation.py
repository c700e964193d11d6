"""What the documents say is there: the tests that they name, the files, the names, the snippets."""

import re
from pathlib import Path

import pytest

import d2l_torch

ROOT = Path(__file__).resolve().parents[1]
GUIDE = (ROOT / "docs/differences.md").read_text()
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+\.py(?:::\w+)?)`", GUIDE))))
def test_the_guide_names_tests_that_exist(name):
    file, _, function = name.partition("::")
    paths = [folder / file for folder in (ROOT / "tests", ROOT / "parity_tests")]
    [path] = [path for path in paths if path.exists()]
    if function:
        assert f"def {function}(" in path.read_text()


def test_every_row_of_the_guide_names_a_test():
    rows = [line for line in GUIDE.splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert len(rows) > 20
    assert all("`test_" in row.rsplit("|", 2)[1] for row in rows)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`d2l\.(\w+)", GUIDE + README))))
def test_names_of_the_library_exist(name):
    assert hasattr(d2l_torch, name)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\((docs/[\w.]+)\)", README))))
def test_pictures_exist(path):
    assert (ROOT / path).stat().st_size > 10_000


def test_files_of_the_table_exist():
    table = README.split("## Porting")[1].split("## Layout")[0]
    for name in re.findall(r"`(\w+\.py)`", table):
        assert (ROOT / "d2l_jax" / name).exists(), name


def test_snippets_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    reading, porting = re.findall(r"```python\n(.*?)```", README, re.S)
    # Without a network, as the snippet's own comment has it.
    digits = "data = d2l.Digits(batch_size=256, resize=28)"
    reading, replaced = re.subn(r"data = d2l\.FashionMNIST.*", digits, reading)
    assert replaced == 1
    exec(reading.replace("max_epochs=10", "max_epochs=1"), {})
    assert (tmp_path / "loss.png").exists()
    space = {}
    exec("import d2l_jax, d2l_torch\n" + porting, space)
    assert space["weights"]["net.1.weight"].shape == (10, 784)
