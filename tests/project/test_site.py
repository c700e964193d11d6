"""The site's pages: all there, none twice, each link to a page or a file that exists."""

import re
import sys

import pytest

from d2l_common.command_line.scripts import scripts
from tests.support.paths import ROOT

SITE = ROOT / "docs" / "site"
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
TOCTREE = re.compile(r"```\{toctree\}\n(?::[^\n]*\n)*\n(.*?)```", re.S)
# The start page, the documents, Rosetta, the API, and the indexes of the tutorials: one of all, one
# a chapter and one of the tools.
OTHER_PAGES = 1 + 9 + (1 + 6) + (1 + 6 + 6 + 1 + 1) + (1 + 8 + 1)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the pages, whose notebooks have not run."""
    before = sys.path[:], set(sys.modules)
    sys.path.insert(0, str(SITE))
    try:
        make_pages = __import__("make_pages")
        folder = tmp_path_factory.mktemp("site") / "source"
        make_pages.make_site(folder, run=False)
    finally:
        sys.path[:] = before[0]
        for name in set(sys.modules) - before[1]:
            if str(SITE) in (getattr(sys.modules[name], "__file__", None) or ""):
                del sys.modules[name]
    return folder


@pytest.fixture(scope="module")
def pages(site):
    """Return the text of each page by its name."""
    paths = [p for p in site.rglob("*") if p.suffix in (".md", ".rst", ".ipynb")]
    paths = [p for p in paths if site / "files" not in p.parents]
    return {p.relative_to(site).with_suffix("").as_posix(): p.read_text() for p in paths}


@pytest.mark.slow
def test_the_number_of_pages_is_kept(pages):
    assert len(pages) == OTHER_PAGES + len(scripts())


@pytest.mark.slow
def test_each_page_is_in_one_table_of_contents(pages):
    listed = []
    for name, text in pages.items():
        folder = name.rpartition("/")[0]
        for names in TOCTREE.findall(text):
            entries = [re.sub(r".*<(.*)>", r"\1", line) for line in names.splitlines() if line]
            listed += [f"{folder}/{x}".lstrip("/") for x in entries]
    assert sorted(listed) == sorted(set(pages) - {"index"})


def test_links_lead_to_pages_and_files(site, pages):
    count, examples = 0, {script.name for script in scripts()}
    for name, text in pages.items():
        folder = (site / name).parent
        prose = re.sub(r"^```.*?^```$|`[^`\n]*`", "", text, flags=re.M | re.S)
        for link in LINK.findall(prose):
            if name.removeprefix("tutorials/") in examples or ":" in link:
                continue
            assert (folder / link).exists() or link == "start.svg", f"{name}: {link}"
            count += 1
    assert count > 300


def test_rosetta_shows_both_sides_and_their_tests(pages):
    models = pages["rosetta/models"]
    for name in ("MLP", "LeNet", "ResNet"):
        section = models.partition(f"### {name}\n")[2].partition("\n### ")[0]
        assert "Held by `parity_tests/" in section
        assert "nnx" in section and "<tr" in section
    for page in (x for x in pages if x.startswith("rosetta/") and x != "rosetta/index"):
        named = re.findall(r"`(parity_tests/[\w/]+\.py)::(\w+)`", pages[page])
        for file, test in named:
            assert f"def {test}(" in (ROOT / file).read_text()
        assert named


def test_every_public_name_is_in_the_api(pages):
    import d2l_jax

    text = "\n".join(page for name, page in pages.items() if name.startswith("api/"))
    documented = set(re.findall(r"^\.\. auto\w+:: \S*?(\w+)$", text, re.M))
    names = {x for x in d2l_jax.__all__ if not hasattr(getattr(d2l_jax, x), "__path__")}
    assert not {x for x in names - documented if getattr(d2l_jax, x).__class__.__name__ == "type"}


def test_the_site_needs_no_network():
    text = (SITE / "conf.py").read_text() + (SITE / "_static/site.css").read_text()
    assert "intersphinx" not in text and "http" not in text and "@import" not in text


# That the check of the built pages can fail:


def test_a_broken_link_is_found(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(SITE)
    broken = __import__("check_links").broken
    (tmp_path / "a.html").write_text('<a href="b.html#x">b</a> <p id="y"></p>')
    (tmp_path / "b.html").write_text('<a id="x" href="a.html#y">a</a>')
    assert broken(tmp_path) == []
    (tmp_path / "b.html").write_text('<a href="a.html#z"></a><script src="https://x.org/a.js">')
    assert broken(tmp_path) == [
        "a.html: no place for b.html#x",
        "b.html: no place for a.html#z",
        "b.html: loads https://x.org/a.js",
    ]
