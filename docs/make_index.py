"""
Write `docs/index.md`: section of the book -> names of the library -> their files.

    python docs/make_index.py           # write the page
    python docs/make_index.py --check   # write nothing; exit with an error if the page is outdated

The names and files come from the imports in the `__init__.py` of both backends, and the sections
from the docstrings: "(section 3.4.2)" or "sections 4.2 and 11.1", in the numbering of the edition
1.0.3, or "(section 7.5 of 2026)", in that of the rewrite, where only the rewrite has the section. A
name whose own docstring names no section takes those of a base class or of its module. All of this
is read from the source text, so the page needs neither JAX nor PyTorch and takes less than a
second.
"""

import argparse
import ast
import functools
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "index.md"
BACKENDS = {"JAX": "d2l_jax", "PyTorch": "d2l_torch"}

# The only table that is kept by hand. A chapter of the edition 1.0.3 and of the 2026 rewrite:
# number and title of each, then its sections.
CHAPTERS: list[tuple[tuple[str, str], tuple[str, str], list[tuple[str, ...]]]] = [
    (
        ("2", "Preliminaries"),
        ("1", "Preliminaries"),
        [
            ("2.1", "1.1", "Data Manipulation"),
            ("2.2", "1.2", "Data Preprocessing"),
            ("2.3", "1.3", "Linear Algebra"),
            ("2.4", "1.4", "Calculus"),
            ("2.5", "1.5", "Automatic Differentiation"),
            ("2.6", "1.6", "Probability and Statistics"),
            ("2.7", "1.7", "Documentation"),
        ],
    ),
    (
        ("3", "Linear Neural Networks for Regression"),
        ("2", "Linear Regression in Neural Networks"),
        [
            ("3.1", "2.1", "Linear Regression"),
            ("3.2", "2.2", "Object-Oriented Design for Implementation"),
            ("3.3", "2.3", "Synthetic Regression Data"),
            ("3.4", "2.4", "Linear Regression Implementation from Scratch"),
            ("3.5", "2.5", "Concise Implementation of Linear Regression"),
            ("3.6", "2.6", "Generalization"),
            ("3.7", "2.7", "Weight Decay"),
        ],
    ),
    (
        ("4", "Linear Neural Networks for Classification"),
        ("3", "Linear Classification in Neural Networks"),
        [
            ("4.1", "3.1", "Softmax Regression"),
            ("4.2", "3.2", "The Image Classification Dataset"),
            ("4.3", "3.3", "The Base Classification Model"),
            ("4.4", "3.4", "Softmax Regression Implementation from Scratch"),
            ("4.5", "3.5", "Concise Implementation of Softmax Regression"),
            ("4.6", "3.6", "Generalization in Classification"),
            ("4.7", "3.7", "Environment and Distribution Shift"),
        ],
    ),
    (
        ("5", "Multilayer Perceptrons"),
        ("4", "Multilayer Perceptron"),
        [
            ("5.1", "4.1", "Multilayer Perceptrons"),
            ("5.2", "4.2", "Implementation of Multilayer Perceptrons"),
            (
                "5.3",
                "4.3",
                "Forward Propagation, Backward Propagation, and Computational Graphs",
            ),
            ("5.4", "4.4", "Numerical Stability and Initialization"),
            ("5.5", "4.5", "Generalization in Deep Learning"),
            ("5.6", "4.6", "Dropout"),
            ("5.7", "4.7", "Predicting House Prices on Kaggle"),
        ],
    ),
    # Of later chapters, the sections whose functions earlier ones need. A fourth entry is the
    # rewrite's title, where it differs.
    (
        ("6", "Builders' Guide"),
        ("5", "Computation"),
        [
            ("6.1", "5.1", "Layers and Modules", "Model Construction"),
            ("6.2", "5.2", "Parameter Management", "Parameters, State, and Memory"),
            ("6.3", "5.3", "Parameter Initialization", "Initialization"),
            ("6.4", "5.1", "Lazy Initialization", "Model Construction"),
            ("6.5", "5.7", "Custom Layers"),
            ("6.6", "5.4", "File I/O", "Saving, Loading, and Pretrained Weights"),
            ("6.7", "5.6", "GPUs", "GPUs, Devices, and Memory"),
            ("5.5 of 2026", "5.5", "Numerics"),
            ("5.8 of 2026", "5.8", "Reproducibility and Inspection"),
        ],
    ),
    (
        ("7", "Convolutional Neural Networks"),
        ("6", "Convolutional Neural Networks"),
        [
            ("7.1", "6.1", "From Fully Connected Layers to Convolutions"),
            ("7.2", "6.2", "Convolutions for Images"),
            ("7.3", "6.3", "Padding and Stride"),
            ("7.4", "6.4", "Multiple Input and Multiple Output Channels", "Channels"),
            ("7.5", "6.5", "Pooling"),
            ("7.6", "6.6", "Convolutional Neural Networks (LeNet)"),
        ],
    ),
    (
        ("8", "Modern Convolutional Neural Networks"),
        ("7", "Modern Convolutional Neural Networks"),
        [
            ("8.1", "7.1", "Deep Convolutional Neural Networks (AlexNet)"),
            ("8.2", "7.2", "Networks Using Blocks (VGG)", "Networks of Blocks"),
            ("8.3", "7.2", "Network in Network (NiN)", "Networks of Blocks"),
            ("8.4", "7.2", "Multi-Branch Networks (GoogLeNet)", "Networks of Blocks"),
            ("8.5", "7.3", "Batch Normalization"),
            ("8.6", "7.4", "Residual Networks (ResNet) and ResNeXt"),
            ("8.7", "7.4", "Densely Connected Networks (DenseNet)", "Residual Networks"),
            ("8.8", "7.8", "Designing Convolution Network Architectures"),
            ("7.5 of 2026", "7.5", "Training Recipes"),
            ("7.6 of 2026", "7.6", "ConvNeXt"),
            ("7.7 of 2026", "7.7", "Efficient Convolutional Networks"),
        ],
    ),
    (
        ("9", "Recurrent Neural Networks"),
        ("8", "Sequence Models"),
        [
            ("9.1", "8.1", "Working with Sequences"),
            (
                "9.5",
                "8.5",
                "Recurrent Neural Network Implementation from Scratch",
                "Implementing RNN Language Models",
            ),
        ],
    ),
    (
        ("11", "Attention Mechanisms and Transformers"),
        ("10", "Attention"),
        [
            ("11.1", "10.1", "Queries, Keys, and Values"),
            ("11.3", "10.2", "Attention Scoring Functions", "Attention Scoring and Masking"),
        ],
    ),
    (
        ("12", "Optimization Algorithms"),
        ("9", "Optimization Algorithms"),
        [("12.1", "9.1", "Optimization and Deep Learning", "Landscapes")],
    ),
    (
        ("13", "Computational Performance"),
        ("13", "Computational Performance"),
        [
            ("13.1", "13.1", "Compilers and Interpreters", "Performance Model"),
            ("13.5", "13.5", "Training on Multiple GPUs", "Multi-GPU from First Principles"),
            ("13.6", "13.6", "Concise Implementation for Multiple GPUs", "Multi-GPU in Practice"),
        ],
    ),
    (
        ("23", "Appendix: Tools for Deep Learning"),
        ("30", "Tools for Deep Learning"),
        [("23.7", "30.9", "Utility Functions and Classes")],
    ),
]
NUMBER = r"\d+(?:\.\d+)+"
OF_2026 = " of 2026"  # after the number of a section that only the rewrite has
MENTION = re.compile(
    rf"\bsections?\s+({NUMBER}(?:(?:,\s+and\s+|,\s+|\s+and\s+){NUMBER})*)({OF_2026})?", re.I
)


@dataclass(frozen=True)
class Definition:
    """
    A public name, where it is defined, and the sections that it belongs to.

    Attributes
    ----------
    file : Path
        Relative to the root of the repository.
    sections : tuple of str
        Of two numbers each, such as `"3.4"`; empty if no docstring names one.
    """

    name: str
    file: Path
    sections: tuple[str, ...]


def sections_in(docstring: str | None) -> tuple[str, ...]:
    """Return the sections that a text names, each once, cut to two numbers: 3.4.2 is in 3.4."""
    return tuple(
        dict.fromkeys(
            ".".join(number.split(".")[:2]) + edition
            for numbers, edition in MENTION.findall(docstring or "")
            for number in re.findall(NUMBER, numbers)
        )
    )


def public_names(package: str) -> list[str]:
    """Return the public names that the `__init__.py` of a package imports from the library."""
    return sorted(
        alias.asname or alias.name
        for statement, _ in _statements(_parse(ROOT / package / "__init__.py").body)
        if isinstance(statement, ast.ImportFrom)
        and (statement.level or (statement.module or "").startswith("d2l_"))
        for alias in statement.names
        if not (alias.asname or alias.name).startswith("_")
    )


def find(package: str, name: str) -> Definition:
    """
    Return where a public name of a package is defined, and its sections.

    Raises
    ------
    ValueError
        If the imports of the package do not lead to a definition of `name`.
    """
    file, statement, below = _locate(ROOT / package / "__init__.py", name)
    sections = _own_sections(file, statement, below)
    return Definition(
        name, file.relative_to(ROOT), sections or sections_in(ast.get_docstring(_parse(file)))
    )


def _locate(file: Path, name: str) -> tuple[Path, ast.stmt, ast.stmt | None]:
    """Return the file and the statement that define what `file` calls `name`, and the next one."""
    for statement, below in _statements(_parse(file).body):
        if name == getattr(statement, "name", None) or name in _targets(statement):
            return file, statement, below
    for statement, _ in _statements(_parse(file).body):
        if not isinstance(statement, ast.ImportFrom):
            continue
        for alias in statement.names:
            if (alias.asname or alias.name) == name:
                # One dot is the folder of the file, two its parent.
                folder = file.parents[statement.level - 1] if statement.level else ROOT
                module = folder.joinpath(*(statement.module or "").split("."))
                source = module.with_suffix(".py")
                source = source if source.exists() else module / "__init__.py"
                return _locate(source, alias.name)
    raise ValueError(f"{file.relative_to(ROOT)} must define or import {name}")


def _own_sections(file: Path, statement: ast.stmt, below: ast.stmt | None) -> tuple[str, ...]:
    """Return the sections that a definition's docstring names, or else those of a base class."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return sections_in(ast.get_docstring(statement))
    if isinstance(statement, ast.ClassDef):
        sections = sections_in(ast.get_docstring(statement))
        for base in statement.bases:
            if not sections and isinstance(base, ast.Name) and _is_ours(file, base.id):
                sections = _own_sections(*_locate(file, base.id))
        return sections
    if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
        return sections_in(str(below.value.value))  # the string below a constant
    return ()


def _is_ours(file: Path, name: str) -> bool:
    """Return whether a file defines a name, or imports it from the library."""
    for statement, _ in _statements(_parse(file).body):
        if isinstance(statement, ast.ImportFrom):
            if any((alias.asname or alias.name) == name for alias in statement.names):
                return bool(statement.level) or (statement.module or "").startswith("d2l_")
        elif name == getattr(statement, "name", None):
            return True
    return False


@functools.cache
def _parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def _statements(body: list[ast.stmt]) -> Iterator[tuple[ast.stmt, ast.stmt | None]]:
    """Yield each statement of a module with the one below it, also those inside `if` and `try`."""
    for statement, below in zip(body, [*body[1:], None], strict=False):
        yield statement, below
        if isinstance(statement, (ast.If, ast.Try)):
            yield from _statements(statement.body)
            yield from _statements(statement.orelse)


def _targets(statement: ast.stmt) -> list[str]:
    """Return the names that a statement assigns to."""
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    else:
        return []
    return [target.id for target in targets if isinstance(target, ast.Name)]


# -- the page ---------------------------------------------------------------------------------

INTRODUCTION = """\
# Index: section, names, files

<!-- Written by docs/make_index.py from the docstrings; change those, then run it again. -->

The names that each section of the book defines or first needs, and the file of each on both
backends. Files under `d2l_common` serve both. The two editions number their chapters differently;
sections that need no name of the library are left out.
"""
NO_SECTION = "Utilities"


def make_page() -> str:
    """
    Return the text of the page.

    Raises
    ------
    ValueError
        If a docstring names a section that `CHAPTERS` does not have.
    """
    names = public_names("d2l_jax")
    found = {
        backend: {name: find(package, name) for name in names}
        for backend, package in BACKENDS.items()
    }
    by_section = _by_section(found)
    editions = ["Edition 1.0.3", "Edition of 2026"]
    parts = [INTRODUCTION, "\n".join(f"- [{title}](#{_anchor(title)})" for title in editions)]
    for edition, heading in enumerate(editions):
        parts.append(f"## {heading}")
        for *chapter, sections in sorted(CHAPTERS, key=lambda row: int(str(row[edition][0]))):
            rows: list[list[str]] = []
            for old, new, *titles in sorted(sections, key=lambda row: order_of(row[edition])):
                label = f"{old} {titles[0]}" if edition == 0 else f"{new} {titles[-1]}"
                rows += _rows(label, by_section.get(old, []), found)
            if rows:
                number, title = chapter[edition]
                parts += [f"### {number} {title} ({heading.split()[-1]})", _table(rows)]
        rest = by_section.get("", [])
        if rest:
            parts.append(f"### {NO_SECTION} ({heading.split()[-1]})")
            parts.append(_table(_rows("", rest, found)))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def order_of(section: str) -> tuple[bool, list[int]]:
    """Return a key that sorts sections by number, those that only the rewrite has at the end."""
    number = section.removesuffix(OF_2026)
    return number != section, [int(part) for part in number.split(".")]


def _by_section(found: Mapping[str, Mapping[str, Definition]]) -> dict[str, list[str]]:
    """Return the names of each section of the edition 1.0.3; `""` has those without one."""
    known = {section[0] for *_, sections in CHAPTERS for section in sections}
    by_section: dict[str, list[str]] = {}
    for name in next(iter(found.values())):
        # Both backends should name the same; while one docstring is behind, either will do.
        sections = dict.fromkeys(s for names in found.values() for s in names[name].sections)
        if not sections.keys() <= known:
            unknown = ", ".join(sorted(sections.keys() - known))
            raise ValueError(
                f"the docstring of {name} must name sections of CHAPTERS, got {unknown}; "
                "add the section to docs/make_index.py"
            )
        for section in sections or [""]:
            by_section.setdefault(section, []).append(name)
    return by_section


def _rows(
    section: str, names: list[str], found: Mapping[str, Mapping[str, Definition]]
) -> list[list[str]]:
    """Return the rows of a section, one for each pair of files."""
    by_files: dict[tuple[Path, ...], list[str]] = {}
    for name in names:
        files = tuple(found[backend][name].file for backend in BACKENDS)
        by_files.setdefault(files, []).append(name)
    rows: list[list[str]] = []
    for files, members in sorted(by_files.items()):
        rows.append([section, ", ".join(f"`{name}`" for name in members), *map(_link, files)])
        section = ""
    return rows


def _link(file: Path) -> str:
    package, *rest = file.parts
    label = file.as_posix() if package == "d2l_common" else "/".join(rest)
    return f"[{label}](../{file.as_posix()})"


def _table(rows: list[list[str]]) -> str:
    header = ["section", "names", *BACKENDS]
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _anchor(heading: str) -> str:
    """Return the name by which a link finds a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def main() -> None:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description="Write docs/index.md.")
    parser.add_argument("--check", action="store_true", help="fail if the page is outdated")
    text = make_page()
    if not parser.parse_args().check:
        PAGE.write_text(text, encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != text:
        sys.exit("docs/index.md is outdated; run: python docs/make_index.py")


if __name__ == "__main__":
    main()
