"""The examples, one script a section: found, listed and run."""

import ast
import difflib
import importlib
import importlib.metadata
import re
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

# Where a wheel puts them, below the environment's folder; `pyproject.toml` names it, too.
INSTALLED = "share/d2l-twins/examples/"
CELLS = "# %% [markdown]"  # the first line of an example; the other files are helpers
TITLE = re.compile(
    r"(?P<title>.*?)(?: \((?:sections? (?P<section>[^)]*)|a tool, not a section)\))?(?:\..*)?$"
)


class Script(NamedTuple):
    """An example: its name, section ("" for a tool), title and file."""

    name: str
    section: str
    title: str
    path: Path


def examples_folder() -> Path:
    """
    Return the folder of the examples: the checkout's, or where pip has installed them.

    Raises
    ------
    FileNotFoundError
        If there is neither.
    """
    checkout = Path(__file__).parents[2] / "examples"
    if (checkout / "frameworks.py").is_file():
        return checkout
    try:
        files = importlib.metadata.files("d2l-twins") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.as_posix().endswith(f"{INSTALLED}common.py"):
            return Path(str(file.locate())).resolve().parent
    raise FileNotFoundError("the examples are not installed; run d2l in a checkout of the project")


def scripts() -> list[Script]:
    """Return the examples in the order of their sections, the tools last."""
    found = []
    for path in examples_folder().glob("*.py"):
        code = path.read_text(encoding="utf-8")
        if code.startswith(CELLS):
            text = (ast.get_docstring(ast.parse(code)) or "").removeprefix("# ")
            match = TITLE.match(text.partition("\n")[0])
            title, section = (match["title"], match["section"]) if match else (text, None)
            section = (section or "").replace("the 2026 edition", "2026")
            found.append(Script(path.stem, section, title, path))
    return sorted(found, key=lambda x: (not x.section, numbers(x.section), x.name))


def numbers(section: str) -> list[int]:
    """Return the numbers of a section, to sort by."""
    return [int(n) for n in re.findall(r"\d+", section)]


def print_list() -> None:
    """Print a line for each example."""
    rows = [(x.section or "tool", x.name, x.title) for x in scripts()]
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    for section, name, title in rows:
        print(f"{section:<{widths[0]}}  {name:<{widths[1]}}  {title}")


def find(name: str) -> Script:
    """Return the example of a name; a ValueError suggests another one."""
    found = {x.name: x for x in scripts()}
    name = name.removesuffix(".py")
    if name in found:
        return found[name]
    close = difflib.get_close_matches(name, found, n=1)
    hint = f"did you mean {close[0]}?" if close else "d2l list shows them"
    raise ValueError(f"NAME must be the name of an example, got {name!r}; {hint}")


def run(name: str, options: Sequence[str]) -> None:
    """Run an example with its options."""
    script = find(name)
    run_file(script.path, f"d2l run {script.name}", options)


def compare(options: Sequence[str]) -> None:
    """Run the comparison of an example's models, with the example's options."""
    run_file(examples_folder() / "compare.py", "d2l compare", options)


def run_file(path: Path, program: str, options: Sequence[str]) -> None:
    """Run a script as Python does; `program` is its name in messages."""
    before = sys.argv, sys.path[:]
    sys.argv, sys.path[:] = [str(path), *options], [str(path.parent), *sys.path]
    try:
        command_line: Any = importlib.import_module("options")
        with command_line.run_by(program=program):  # --help shows it
            runpy.run_path(str(path), run_name="__main__")
    finally:
        sys.argv, sys.path[:] = before
