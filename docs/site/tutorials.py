"""The tutorials: a page for each example, and an index for each chapter of the edition 1.0.3."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from make_index import CHAPTERS
from make_notebooks import make_notebook
from nbclient import NotebookClient

from d2l_common.command_line.scripts import Script, numbers, scripts

# Short runs on data that need no network; an example without such an option ignores it.
OPTIONS = ["--data", "digits", "--num-train", "500", "--epochs", "{epochs}", "--n", "1000"]
LONG = {"polynomial_fitting": 400, "early_stopping": 100, "label_shift": 30, "training_recipes": 30}
SHORT = {"numerics": 3, "batch_norm": 2, "nin": 6}
SETUP = """\
import os, sys
sys.path.append({examples!r})
import options
options.command.arguments, options.command.strict = {arguments!r}, False
%config InlineBackend.figure_formats = ["svg"]"""


def chapters() -> dict[str, list[Script]]:
    """Return the examples of each chapter, by its title; the tools are the last."""
    titles = {old[0]: f"{old[0]}. {old[1]}" for old, *_ in CHAPTERS}
    only_new = {}
    for old, _, sections in CHAPTERS:
        for section in sections:
            if section[0].endswith(" of 2026"):
                only_new[section[0]] = titles[old[0]]
    found: dict[str, list[Script]] = {}
    for script in scripts():
        chapter = only_new.get(script.section, titles.get(script.section.partition(".")[0], ""))
        found.setdefault(chapter or "Tools", []).append(script)
    return dict(sorted(found.items(), key=lambda item: (item[0] == "Tools", numbers(item[0]))))


def arguments_of(script: Script) -> list[str]:
    """Return the options with which an example runs here."""
    if not script.section:
        return ["--epochs", "1"]
    epochs = LONG.get(script.name, SHORT.get(script.name, 8))
    arguments = [x.format(epochs=epochs) for x in OPTIONS]
    if script.name == "polynomial_fitting":  # it has an option --num-train of another meaning
        arguments[2:4] = []
    return arguments


def run_chapter(examples: list[Script], folder: Path) -> None:
    """Run all notebooks of a chapter in one kernel, and write each with its outputs."""
    notebooks, cells = [], []
    for script in examples:
        notebook = make_notebook(script.path)
        setup = SETUP.format(examples=str(script.path.parent), arguments=arguments_of(script))
        notebook.cells[1].source = setup
        for number, cell in enumerate(notebook.cells):
            cell.id = f"{script.name}-{number}"
        notebooks.append(notebook)
        cells += notebook.cells
    together = nbformat.v4.new_notebook(cells=cells, metadata=notebooks[0].metadata)
    with TemporaryDirectory() as here:  # the reports that the tools write are not pages
        resources = {"metadata": {"path": here}}
        NotebookClient(together, timeout=1200, resources=resources).execute()
    for script, notebook in zip(examples, notebooks, strict=True):
        write(script, notebook, folder)


def write(script: Script, notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Write a notebook without its first cell, and with the figures as drawings alone."""
    del notebook.cells[1]
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("image/png", None)
            output.get("data", {}).pop("text/latex", None)
    nbformat.write(notebook, folder / f"{script.name}.ipynb")


def output_of(code: str, folder: Path) -> str:
    """Return what code prints, as a block of text, and its figure as a picture."""
    notebook = nbformat.v4.new_notebook()
    first = '%config InlineBackend.figure_formats = ["svg"]'
    notebook.cells = [nbformat.v4.new_code_cell(x) for x in (first, code, "model.board")]
    metadata = {"kernelspec": {"name": "python3", "display_name": "", "language": "python"}}
    notebook.metadata.update(metadata)
    NotebookClient(notebook, timeout=600).execute()
    _, shown, board = (cell.outputs for cell in notebook.cells)
    text = "".join(x.text for x in shown if x.output_type == "stream" and x.name == "stdout")
    pictures = [x.data["image/svg+xml"] for x in board if "image/svg+xml" in x.get("data", {})]
    (folder / "start.svg").write_text(pictures[-1], encoding="utf-8")
    caption = "It prints a table of the epochs, and draws the losses:"
    return f"{caption}\n\n```text\n{text}```\n\n![The losses by epoch](start.svg)"


def write_indexes(folder: Path) -> None:
    """Write the index of the tutorials, and a page for each chapter with its examples."""
    names = []
    for chapter, examples in chapters().items():
        names.append("tools" if chapter == "Tools" else f"chapter_{numbers(chapter)[0]}")
        write_index(folder / f"{names[-1]}.md", chapter, "", [x.name for x in examples], depth=1)
    text = (
        "Each section of the book, chapter by chapter in the edition 1.0.3, as a notebook on JAX. "
        "`d2l run NAME --backend torch` runs the same on PyTorch, and `make notebooks` writes "
        "notebooks to try out. The runs here are short, on scikit-learn's digits.\n\n"
    )
    write_index(folder / "index.md", "Tutorials", text, names, depth=2)


def write_index(path: Path, title: str, text: str, names: list[str], depth: int) -> None:
    """Write a page with a table of contents."""
    toctree = "\n".join(["```{toctree}", f":maxdepth: {depth}", "", *names, "```"])
    path.write_text(f"# {title}\n\n{text}{toctree}\n", encoding="utf-8")


def write_pages(folder: Path, run: bool) -> None:
    """Write the notebooks, with outputs if `run`, and their indexes."""
    folder.mkdir()
    write_indexes(folder)
    if run:
        # A kernel for each of two cores; the tools, which take longest, first.
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda x: run_chapter(x, folder), reversed(chapters().values())))
        return
    for script in scripts():
        write(script, make_notebook(script.path), folder)
