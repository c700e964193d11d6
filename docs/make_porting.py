"""
Write the catalogue of mistakes in `docs/porting.md` from `parity_tests/porting_mistakes`.

    python docs/make_porting.py           # write the catalogue
    python docs/make_porting.py --check   # write nothing; exit with an error if it is outdated
    python docs/make_porting.py --run     # first compare all models, which takes a minute or two

The title and the text of an entry are the docstring of its class, and the code is that of the
class. The sentences of the reports are read from `reports.json`, which `--run` writes. Without
`--run` this needs neither JAX nor PyTorch.
"""

import argparse
import ast
import json
import re
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "porting.md"
SOURCE = ROOT / "parity_tests" / "porting_mistakes"
WIDTH = 100

# The files of `SOURCE` in the order of the page, and the headings of their sections.
SECTIONS = {
    "layers": "Layers and shapes",
    "normalization": "Normalization and dropout",
    "attention": "Attention and embeddings",
    "recurrent": "Recurrent layers",
    "training": "Losses and optimizers",
}
START = "<!-- From here on, the page is written by docs/make_porting.py. -->\n"


@dataclass
class Entry:
    """
    An entry of the catalogue.

    Attributes
    ----------
    name : str
        The class.
    title, text : str
    raises : bool
        Whether the comparison of the mistaken port raises an error.
    code : dict
        `{"original", "mistaken" or "mended": pieces of code}`.
    """

    name: str
    title: str
    text: str
    raises: bool = False
    code: dict[str, list[str]] = field(default_factory=dict)


def read_entries(source: str) -> list[Entry]:
    """Return the entries in the source of a file."""
    lines, found = source.splitlines(), []
    for node in ast.parse(source).body:
        if not isinstance(node, ast.ClassDef):
            continue
        title, _, text = (ast.get_docstring(node) or "").partition("\n\n")
        entry = Entry(node.name, title.strip().removesuffix("."), text.strip())
        for part in node.body:
            if isinstance(part, ast.ClassDef | ast.FunctionDef):
                code = textwrap.dedent("\n".join(lines[part.lineno - 1 : part.end_lineno]))
                which = part.name.lower().partition("_")[0]
                # What is neither the original nor the mistake is a part of the mended port.
                which = which if which in ("original", "mistaken") else "mended"
                entry.code.setdefault(which, []).append(code)
            elif isinstance(part, ast.Assign) and ast.unparse(part) == "verdict = 'ValueError'":
                entry.raises = True
        found.append(entry)
    return found


def make_page(page: str, sources: Mapping[str, str], reports: Mapping[str, str]) -> str:
    """
    Return the page with a new catalogue.

    Parameters
    ----------
    page : str
        The page, of which the part before `START` stays as it is.
    sources : dict
        `{file: source}`.
    reports : dict
        `{entry: first reason of its report}`.
    """
    sections = {SECTIONS[file]: read_entries(source) for file, source in sources.items()}
    names = "|".join(entry.name for entries in sections.values() for entry in entries)
    parts = [page.partition(START)[0] + START, _contents(sections)]
    for heading, entries in sections.items():
        parts.append(f"## {heading}\n")
        for entry in entries:
            text = _entry(entry, reports[entry.name])
            # A class of another entry stands under its own name on the page.
            parts.append(re.sub(rf"\b(?:{names})\.", "", text))
    return "\n".join(parts)


def _contents(sections: Mapping[str, list[Entry]]) -> str:
    lines = []
    for heading, entries in sections.items():
        links = ", ".join(_link(entry.title) for entry in entries)
        lines.append(_wrapped(f"- {_link(heading)}: {links}", "", "  "))
    return "\n".join(lines) + "\n"


def _entry(entry: Entry, report: str) -> str:
    says = "The comparison raises an error" if entry.raises else "The report says"
    blocks = [f"### {entry.title}", entry.text]
    for which, label in (
        ("original", "PyTorch:"),
        ("mistaken", "JAX, with the mistake:"),
        ("mended", "JAX, mended:"),
    ):
        code = "\n\n\n".join(entry.code[which]) if which in entry.code else ""
        blocks.append(f"{label}\n\n```python\n{code}\n```")
        if which == "mistaken":
            blocks.append(f"{says}:\n\n{_wrapped(report, '> ', '> ')}")
    return "\n\n".join(blocks) + "\n"


def _wrapped(text: str, first: str, rest: str) -> str:
    # Code and links are not broken.
    kept = re.sub(r"`[^`]*`|\[[^\]]*\]", lambda match: match[0].replace(" ", "\0"), text)
    options = {"break_long_words": False, "break_on_hyphens": False}
    lines = textwrap.wrap(kept, WIDTH, initial_indent=first, subsequent_indent=rest, **options)
    return "\n".join(lines).replace("\0", " ")


def _link(heading: str) -> str:
    """Return a link to a heading, which begins with a small letter unless it is a name."""
    anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
    return f"[{heading}](#{anchor})"


def current_page() -> str:
    """Return what the page should be."""
    sources = {file: (SOURCE / f"{file}.py").read_text(encoding="utf-8") for file in SECTIONS}
    reports = json.loads((SOURCE / "reports.json").read_text(encoding="utf-8"))
    return make_page(PAGE.read_text(encoding="utf-8"), sources, reports)


def run() -> None:
    """Compare each mistaken port with its original, and write `reports.json`."""
    sys.path.insert(0, str(ROOT))
    from parity_tests.porting_mistakes import REPORTS, entries

    found = {}
    for name, entry in entries().items():
        verdict, found[name] = entry.found()
        print(f"{name}: {verdict}: {found[name]}", flush=True)
    REPORTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Write the catalogue, or check it."""
    parser = argparse.ArgumentParser(description="Write the catalogue in docs/porting.md.")
    parser.add_argument("--check", action="store_true", help="fail if the page is outdated")
    parser.add_argument("--run", action="store_true", help="compare all models first")
    options = parser.parse_args()
    if options.run:
        run()
    text = current_page()
    if not options.check:
        PAGE.write_text(text, encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != text:
        sys.exit("docs/porting.md is outdated; run: python docs/make_porting.py")


if __name__ == "__main__":
    main()
