"""The API: the public names of each package with their docstrings."""

import ast
from functools import cache
from itertools import pairwise
from pathlib import Path

import make_index
from make_index import ROOT, public_names

FOLDERS = {
    "": "Tensors, functions, weights, devices",
    "nn": "Layers",
    "models": "Models",
    "training": "Training",
    "data": "Data",
    "math": "Mathematics",
    "common": "Shared by both backends",
}

find = cache(make_index.find)


def folder_of(file: Path) -> str:
    """Return the folder of a backend in which a file is, or "common"."""
    if file.parts[0] == "d2l_common":
        return "common"
    return file.parts[1] if len(file.parts) > 2 else ""


def kind_of(package: str, name: str) -> str:
    """Return the directive that documents a name."""
    file = ROOT / find(package, name).file
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if getattr(node, "name", "") == name:
            return "autoclass" if isinstance(node, ast.ClassDef) else "autofunction"
    return "autodata"


def entry(package: str, name: str) -> str:
    """Return the directive of a name; a class with its methods."""
    kind = kind_of(package, name)
    if kind == "autodata":
        return constant(package, name)
    options = "\n   :members:" if kind == "autoclass" else ""
    return f".. {kind}:: {package}.{name}{options}\n"


def constant(package: str, name: str) -> str:
    """Return the entry of a constant, with the string below its definition if there is one."""
    file = find(package, name).file
    body = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    text = f"Defined in `{file.as_posix()}`."
    for statement, below in pairwise(body):
        targets = getattr(statement, "targets", [getattr(statement, "target", None)])
        named = name in [getattr(target, "id", "") for target in targets]
        if named and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            text = " ".join(str(below.value.value).split()) + " " + text
    return f".. py:data:: {package}.{name}\n\n   {text}\n"


def backend_page(package: str, folder: str) -> str:
    """Return the page of the names that a backend defines in a folder."""
    names = [n for n in public_names(package) if folder_of(find(package, n).file) == folder]
    shared = folder == "common"
    title = FOLDERS[folder] if shared else f"{package}: {FOLDERS[folder].lower()}"
    entries = "\n".join(entry(package, name) for name in names)
    return f"{title}\n{'=' * len(title)}\n\n{entries}"


def parity_page() -> str:
    """Return the page of `d2l_parity`."""
    names = public_names("d2l_parity")
    entries = "\n".join(entry("d2l_parity", name) for name in names)
    title = "d2l_parity: is my port right?"
    return f"{title}\n{'=' * len(title)}\n\n{entries}"


def write_pages(folder: Path) -> None:
    """Write the pages of all packages, and their index."""
    folder.mkdir()
    names = []
    for package in ("d2l_jax", "d2l_torch"):
        for inside in FOLDERS:
            if inside == "common" and package == "d2l_torch":
                continue  # the same objects
            name = "d2l_common" if inside == "common" else f"{package}_{inside or 'core'}"
            names.append(name)
            (folder / f"{name}.rst").write_text(backend_page(package, inside), encoding="utf-8")
    names.append("d2l_parity")
    (folder / "d2l_parity.rst").write_text(parity_page(), encoding="utf-8")
    index = (
        "# API\n\nEvery public name with its arguments, shapes and errors. The backends have the "
        "same names; `import d2l_jax as d2l` or `import d2l_torch as d2l`.\n\n"
        "```{toctree}\n:maxdepth: 1\n\n" + "\n".join(names) + "\n```\n"
    )
    (folder / "index.md").write_text(index, encoding="utf-8")
