"""Rosetta pages: each definition in JAX and in PyTorch, line against line, with its tests."""

import ast
import difflib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from make_index import ROOT, find, public_names
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

FOLDERS = {
    "": "Tensors, functions, weights",
    "nn": "Layers",
    "models": "Models",
    "training": "Training",
    "data": "Data",
    "math": "Mathematics",
}
REACH = 6  # a line is compared with those that are as far from the beginning, and some around


def twins() -> dict[str, dict[str, list[str]]]:
    """Return `{folder: {file: names}}` of the names that both backends define in the same file."""
    found: dict[str, dict[str, list[str]]] = {folder: {} for folder in FOLDERS}
    for name in public_names("d2l_jax"):
        jax, torch = (find(package, name).file for package in ("d2l_jax", "d2l_torch"))
        if jax.parts[0] == "d2l_jax" and torch.parts[0] == "d2l_torch":
            inside = Path(*jax.parts[1:])
            folder = inside.parent.as_posix().replace(".", "")
            if inside == Path(*torch.parts[1:]) and folder in found:
                found[folder].setdefault(inside.as_posix(), []).append(name)
    return {folder: dict(sorted(files.items())) for folder, files in found.items()}


def definition(package: str, file: str, name: str) -> list[str]:
    """Return the lines of a definition, without its docstrings."""
    source = (ROOT / package / file).read_text(encoding="utf-8")
    lines = source.splitlines()
    for node in ast.parse(source).body:
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        names = [getattr(node, "name", ""), *(getattr(target, "id", "") for target in targets)]
        if name in names:
            return without_docstrings(node, lines)
    return []


def without_docstrings(node: ast.stmt, lines: list[str]) -> list[str]:
    """Return the lines of a statement less those of the docstrings in it."""
    first = min([node.lineno, *(x.lineno for x in getattr(node, "decorator_list", []))])
    assert node.end_lineno
    left_out: set[int] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(part):
            docstring = part.body[0]
            assert docstring.end_lineno
            if len(part.body) > 1:
                left_out |= set(range(docstring.lineno, docstring.end_lineno + 1))
    kept = [lines[i - 1] for i in range(first, node.end_lineno + 1) if i not in left_out]
    return [line for i, line in enumerate(kept) if line.strip() or (i and kept[i - 1].strip())]


def aligned(left: list[str], right: list[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs of lines; a line that the other side does not have is beside an empty one."""
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    for _, i, end_i, j, end_j in matcher.get_opcodes():
        yield from pair(left[i:end_i], right[j:end_j])


def pair(left: list[str], right: list[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs of two parts that differ, the most similar lines beside each other."""
    if not left or not right:
        yield from [(line, "") for line in left] + [("", line) for line in right]
        return
    ratio, _, i, j = max(
        (likeness(a.strip(), b.strip()), -abs(i - j), i, j)
        for i, a in enumerate(left)
        for j, b in enumerate(right)
        if abs(i - j) <= REACH or len(left) <= REACH or len(right) <= REACH
    )
    if ratio < 0.4:
        for k in range(max(len(left), len(right))):
            yield (left[k] if k < len(left) else ""), (right[k] if k < len(right) else "")
        return
    yield from pair(left[:i], right[:j])
    yield left[i], right[j]
    yield from pair(left[i + 1 :], right[j + 1 :])


@cache
def likeness(one: str, other: str) -> float:
    """Return how similar two lines are, from 0 to 1."""
    return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()


@cache
def coloured(line: str) -> str:
    """Return a line of Python as HTML."""
    indent = len(line) - len(line.lstrip())
    code = highlight(line.strip(), PythonLexer(), HtmlFormatter(nowrap=True)).rstrip("\n")
    return " " * indent + code


def table(left: list[str], right: list[str]) -> str:
    """Return the table of two definitions."""
    rows = []
    for a, b in aligned(left, right):
        kind = "" if a == b else ' class="differs"'
        cells = "".join(f"<td><pre>{coloured(line) or ' '}</pre></td>" for line in (a, b))
        rows.append(f"<tr{kind}>{cells}</tr>")
    head = "<tr><th>d2l_jax</th><th>d2l_torch</th></tr>"
    lines = "\n".join([head, *rows])
    return f'<div class="rosetta highlight"><table>\n{lines}\n</table></div>'


@cache
def tests_of_parity() -> dict[str, list[tuple[str, str]]]:
    """Return `{name: [(file, test)]}`: the parity tests and tables of cases that mention a name."""
    found: dict[str, list[tuple[str, str]]] = {}
    folder = ROOT / "parity_tests"
    for path in sorted([*folder.glob("test_*.py"), *(folder / "support").glob("*.py")]):
        source = path.read_text(encoding="utf-8")
        lines = source.splitlines()
        for node in ast.parse(source).body:
            text = "\n".join(lines[node.lineno - 1 : node.end_lineno])
            name = getattr(node, "name", "")
            is_test = path.name.startswith("test_") and name.startswith("test_")
            label = name if is_test else ""
            for word in set(re.findall(r"\w+", text)):
                found.setdefault(word, []).append((path.relative_to(ROOT).as_posix(), label))
    return found


def held_by(name: str) -> str:
    """Return the line that names the parity tests of a definition, three at most."""
    mentions = tests_of_parity().get(name, [])
    tests = [f"`{file}::{test}`" for file, test in mentions if test]
    tables = [f"`{file}`" for file, test in mentions if not test]
    shown = list(dict.fromkeys(tests or tables))[:3]
    return "Held by " + ", ".join(shown) + "." if shown else "Held by the tests of what uses it."


def page(title: str, files: dict[str, list[str]]) -> str:
    """Return the page of a folder."""
    note = "Lines that differ are shaded. The docstrings are on the pages of the API."
    # Two columns of code take all the width.
    parts = ["---\nhide-toc: true\n---", f"# {title}", note]
    for file, names in files.items():
        parts.append(f"## `{file}`")
        for name in names:
            sides = [definition(package, file, name) for package in ("d2l_jax", "d2l_torch")]
            if all(sides):
                code = f"```{{raw}} html\n{table(*sides)}\n```"
                parts.append(f"### {name}\n\n{held_by(name)}\n\n{code}")
    return "\n\n".join(parts) + "\n"


def write_pages(folder: Path) -> None:
    """Write a page for each folder of the backends, and their index."""
    folder.mkdir()
    names = []
    for inside, files in twins().items():
        name = inside or "core"
        names.append(name)
        (folder / f"{name}.md").write_text(page(FOLDERS[inside], files), encoding="utf-8")
    index = (
        "# Rosetta\n\nThe two packages hold the same files with the same names. These pages are "
        "drawn from the code itself: each definition in JAX and in PyTorch, line against line, "
        "with the parity tests that hold the pair.\n\n```{toctree}\n:maxdepth: 2\n\n"
        + "\n".join(names)
        + "\n```\n"
    )
    (folder / "index.md").write_text(index, encoding="utf-8")
