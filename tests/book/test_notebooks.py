"""Every example is a notebook: it converts, explains itself, and runs in a kernel."""

import re

import nbformat
import pytest
from nbclient import NotebookClient

from d2l_common.command_line.scripts import scripts
from tests.support.paths import ROOT

SCRIPTS = {script.name: script for script in scripts()}


@pytest.fixture
def make_notebook(monkeypatch):
    """Return the function that converts a script."""
    monkeypatch.syspath_prepend(ROOT / "examples")
    return __import__("make_notebooks").make_notebook


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_example_is_a_notebook(name, make_notebook):
    notebook = make_notebook(SCRIPTS[name].path)
    nbformat.validate(notebook)
    title, first, *cells = notebook.cells
    assert title.cell_type == "markdown" and title.source.startswith(f"# {SCRIPTS[name].title}")
    assert "%pip install" in first.source and "google.colab" in first.source
    kinds = [cell.cell_type for cell in cells]
    assert kinds.count("markdown") >= 1 and kinds.count("code") >= 2
    for cell in cells:
        if cell.cell_type == "code":
            compile(cell.source, name, "exec")
            assert len(cell.source.splitlines()) <= 70
        else:
            assert not cell.source.endswith(":")


@pytest.mark.parametrize("name", [name for name in SCRIPTS if SCRIPTS[name].section])
def test_the_first_cell_chooses_the_backend(name, make_notebook):
    for backend in ("jax", "torch"):
        notebook = make_notebook(SCRIPTS[name].path, backend)
        code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
        chosen = re.findall(r'\bbackend="(\w+)"', "\n".join(code))
        assert chosen == [backend]
        assert f'backend="{backend}"' in code[1]


@pytest.mark.parametrize(
    "name", [name for name in SCRIPTS if "\n# %% Training\n" in SCRIPTS[name].path.read_text()]
)
def test_the_definition_of_the_model_is_in_view(name, make_notebook):
    code = "\n".join(c.source for c in make_notebook(SCRIPTS[name].path).cells)
    own = re.search(r"^class \w+\(d2l\.(Module|Classifier|\w+Scratch)\):", code, re.M)
    assert own or re.search(r"^show_source\(d2l\.\w+\)", code, re.M)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_notebook_runs(backend, make_notebook, tmp_path):
    notebook = make_notebook(SCRIPTS["weight_decay"].path, backend)
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": tmp_path}})
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    printed = "".join(output.get("text", "") for output in outputs)
    assert "L2 norm of w: 0.03" in printed and "figure:" not in printed
    kinds = {kind for output in outputs for kind in output.get("data", {})}
    assert "text/html" in kinds  # the source of the model, highlighted
    assert kinds & {"image/svg+xml", "image/png"}  # the board
    assert not (tmp_path / "out").exists()
