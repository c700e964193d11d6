"""`docs/index.md` is what its generator writes, is complete, and links to files that exist."""

import importlib.util
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import d2l_jax
import d2l_torch

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/index.md").read_text(encoding="utf-8")
EDITIONS = dict(zip(["1.0.3", "2026"], re.split(r"^## .*\n", PAGE, flags=re.M)[1:], strict=True))


@pytest.fixture(scope="module")
def generator():
    spec = importlib.util.spec_from_file_location("make_index", ROOT / "docs/make_index.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_index"] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    yield module
    del sys.modules["make_index"]


def test_the_page_is_up_to_date(generator):
    assert generator.make_page() == PAGE, "run: python docs/make_index.py"


def test_the_command_needs_neither_framework():
    """With imports of them failing, the generator checks the page."""
    code = (
        "import runpy, sys; sys.modules.update(dict.fromkeys(['jax', 'flax', 'torch', 'numpy']))\n"
        "sys.argv = ['make_index.py', '--check']\n"
        "runpy.run_path('docs/make_index.py', run_name='__main__')"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("d2l", [d2l_jax, d2l_torch], ids=["jax", "torch"])
def test_each_public_name_is_in_a_section(edition, d2l):
    named = set(re.findall(r"`(\w+)`", EDITIONS[edition]))
    assert named == set(d2l.__all__)


@pytest.mark.parametrize("edition", EDITIONS)
def test_sections_stand_in_the_order_of_the_edition(edition, generator):
    column = 1 if edition == "2026" else 0
    numbers = [row[column] for *_, part in generator.CHAPTERS for row in part if row[column]]
    assert len(set(numbers)) == len(numbers)
    listed = re.findall(r"^\| (\d+\.\d+) ", EDITIONS[edition], re.M)
    assert set(listed) <= set(numbers)
    assert listed == sorted(listed, key=lambda number: [int(part) for part in number.split(".")])


def test_links_lead_to_files_and_headings(generator):
    links = re.findall(r"\]\(([^)]+)\)", PAGE)
    anchors = {generator._anchor(heading) for heading in re.findall(r"^#+ (.+)$", PAGE, re.M)}
    assert len(links) > 100
    for link in links:
        if link.startswith("#"):
            assert link[1:] in anchors
        else:
            assert (ROOT / "docs" / link).is_file(), link


@pytest.mark.parametrize("name", d2l_jax.__all__)
def test_both_backends_name_the_same_sections(name, generator):
    assert generator.find("d2l_jax", name).sections == generator.find("d2l_torch", name).sections


@pytest.mark.parametrize("package", ["d2l_jax", "d2l_torch"])
def test_the_source_says_what_python_says(package, generator):
    """As far as Python knows: numbers, types and other frameworks' objects have no file there."""
    module = sys.modules[package]
    checked = 0
    for name in module.__all__:
        value = getattr(module, name)
        if getattr(value, "__module__", "").startswith("d2l_") and hasattr(value, "__qualname__"):
            definition = generator.find(package, name)
            source = Path(sys.modules[value.__module__].__file__).relative_to(ROOT)
            assert definition.file == source
            sections = generator.sections_in(inspect.getdoc(value))
            assert not sections or definition.sections == sections
            checked += 1
    assert checked > 80


@pytest.mark.parametrize(
    ("docstring", "sections"),
    [
        ("Return the loss (section 3.4.2).", ("3.4",)),
        ("Section 3.2.1 of the book.", ("3.2",)),
        ("Show images (sections 4.2.3 and\n    11.1).", ("4.2", "11.1")),
        ("Densities (sections 3.1.3, 4.1 and 4.7).", ("3.1", "4.1", "4.7")),
        ("Densities (sections 3.1.3, 3.1.4, and 4.7).", ("3.1", "4.7")),
        ("Loss (section 4.5.2); smoothed (2026 edition, section 7.5).", ("4.5", "2026:7.5")),
        ("Tensors (chapter 2); 3.5 is a number.", ()),
        (None, ()),
    ],
)
def test_sections_of_a_docstring(docstring, sections, generator):
    assert generator.sections_in(docstring) == sections


def test_an_unknown_section_is_an_error(generator):
    definition = generator.Definition("name", Path("d2l_jax/weights.py"), ("99.9",))
    with pytest.raises(ValueError, match=r"name must name sections of CHAPTERS, got 99\.9"):
        generator._by_section({"JAX": {"name": definition}})


def test_a_name_that_is_imported_from_nowhere_is_an_error(generator):
    with pytest.raises(ValueError, match=r"__init__\.py must define or import no_such_name"):
        generator.find("d2l_jax", "no_such_name")
