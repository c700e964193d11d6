"""
Write the source of the site: `python docs/site/make_pages.py [FOLDER] [--no-run]`.

The documents of `docs/`, the examples as notebooks that have run, both backends side by side, and
the API. `make docs` then calls Sphinx.
"""

import argparse
import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "docs"), str(ROOT / "examples"), str(ROOT)]

import api  # noqa: E402
import rosetta  # noqa: E402
import tutorials  # noqa: E402

# The documents and their names in the site.
DOCUMENTS = {
    "docs/architecture.md": "architecture.md",
    "docs/checkpoints.md": "checkpoints.md",
    "docs/differences.md": "differences.md",
    "docs/index.md": "sections.md",
    "docs/parallel.md": "parallel.md",
    "docs/porting.md": "porting.md",
    "docs/speed.md": "speed.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}
PATH = re.compile(r"(?<=\[)\w+(?:/\w+)+\.py(?=\]\()")
LINK = re.compile(r"(\]\()([^)#:\s]+)(#[^)\s]*)?\)")


def site_link(document: Path, target: str, folder: Path) -> str:
    """
    Return where a link of a document leads in the site.

    A document of the site is linked there; a picture is copied; of another file a copy is shown.
    """
    path = (document.parent / target).resolve()
    name = path.relative_to(ROOT).as_posix()
    if name in DOCUMENTS:
        return DOCUMENTS[name]
    if not path.exists():
        raise FileNotFoundError(f"{document.name} must link to a file that exists, got {target}")
    copy = folder / "files" / (name + (".txt" if path.suffix == ".py" else ""))
    if path.is_dir():
        return name
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, copy)
    return f"files/{copy.relative_to(folder / 'files').as_posix()}"


def copy_document(name: str, folder: Path) -> None:
    """Copy a document with its links changed to those of the site; long paths may break."""
    document = ROOT / name
    text = document.read_text(encoding="utf-8")

    def changed(match: re.Match[str]) -> str:
        return f"{match[1]}{site_link(document, match[2], folder)}{match[3] or ''})"

    parts = re.split(r"(^```.*?^```$|`[^`\n]*`)", text, flags=re.M | re.S)  # not within code
    parts[::2] = [LINK.sub(changed, part) for part in parts[::2]]
    parts[::2] = [PATH.sub(lambda match: match[0].replace("/", "/&#8203;"), x) for x in parts[::2]]
    (folder / DOCUMENTS[name]).write_text("".join(parts), encoding="utf-8")


def write_start(folder: Path, run: bool) -> None:
    """Write the start page, with what its lines of Python print."""
    text = (HERE / "start.md").read_text(encoding="utf-8")
    if run:
        shown = tutorials.output_of(re.findall(r"```python\n(.*?)```", text, re.S)[0], folder)
        text = re.sub(r"<!--.*?-->", lambda _: shown, text)
    (folder / "index.md").write_text(text, encoding="utf-8")


def make_site(folder: Path, run: bool = True) -> None:
    """
    Write all pages.

    Parameters
    ----------
    folder : Path
        Emptied first.
    run : bool
        Whether to run the notebooks.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(HERE / "conf.py", folder)
    shutil.copytree(HERE / "_static", folder / "_static")
    for name in DOCUMENTS:
        copy_document(name, folder)
    write_start(folder, run)
    rosetta.write_pages(folder / "rosetta")
    api.write_pages(folder / "api")
    tutorials.write_pages(folder / "tutorials", run)


def main() -> None:
    """Write the pages into the folder of the command line."""
    parser = argparse.ArgumentParser(description="Write the source of the site.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("out/site-source"))
    parser.add_argument("--no-run", action="store_true", help="write notebooks without outputs")
    options = parser.parse_args()
    make_site(options.folder.resolve(), run=not options.no_run)


if __name__ == "__main__":
    main()
