"""
Write the examples as notebooks: `python examples/make_notebooks.py [FOLDER] [--backend torch]`.

A first cell lets a notebook find this folder's helpers; on Colab it installs the library.
"""

import argparse
import re
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from d2l_common import __version__
from d2l_common.command_line.scripts import scripts

FIRST_CELL = f"""\
# On Colab, upload the library's wheel first: `pip wheel --no-deps .` in the repository writes it.
import sys

if "google.colab" in sys.modules:
    %pip install -q "d2l_twins-{__version__}-py3-none-any.whl[all]"

from d2l_common.command_line.scripts import examples_folder

sys.path.append(str(examples_folder()))  # common.py and the other helpers"""


def make_notebook(path: Path, backend: str = "jax") -> NotebookNode:
    """
    Return the notebook of an example.

    Parameters
    ----------
    path : Path
        Of the script.
    backend : str
        The backend that the notebook's first lines name, "jax" or "torch".
    """
    notebook = jupytext.read(path, fmt="py:percent")
    notebook.cells.insert(1, nbformat.v4.new_code_cell(FIRST_CELL))
    for number, cell in enumerate(notebook.cells):
        cell.id = str(number)  # the default is random
        if cell.cell_type == "code":
            cell.source = re.sub(r'\bbackend="jax"', f'backend="{backend}"', cell.source)
    notebook.metadata.kernelspec = {
        "name": "python3", "display_name": "Python 3", "language": "python",
    }  # fmt: skip
    return notebook


def main() -> None:
    """Write a notebook for each example."""
    parser = argparse.ArgumentParser(description="Write the examples as notebooks.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("out/notebooks"))
    parser.add_argument("--backend", choices=["jax", "torch"], default="jax")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for script in scripts():
        notebook = make_notebook(script.path, options.backend)
        nbformat.write(notebook, options.folder / f"{script.name}.ipynb")
    print(f"{len(scripts())} notebooks in {options.folder}")


if __name__ == "__main__":
    main()
