"""`docs/porting.md` is what its generator writes, is complete, and holds code that runs."""

import importlib.util
import re
import subprocess
import sys

import pytest

from tests.project.test_documentation import anchor
from tests.support.paths import ROOT

PAGE = (ROOT / "docs/porting.md").read_text(encoding="utf-8")
SOURCE = '''
class Halved(Mistake):
    """
    A factor that is lost.

    Some words.
    """

    data = VECTORS

    def original():
        return nn.Linear(8, 3)

    class Mistaken(nnx.Module):
        pass

    class Half(nnx.Module):
        pass

    class Mended(Mistaken):
        half = Halved.Half
'''


@pytest.fixture(scope="module")
def generator():
    spec = importlib.util.spec_from_file_location("make_porting", ROOT / "docs/make_porting.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_porting"] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    yield module
    del sys.modules["make_porting"]


def test_the_page_is_up_to_date(generator):
    assert generator.current_page() == PAGE, "run: python docs/make_porting.py"


def test_the_command_needs_neither_framework():
    """With imports of them failing, the generator checks the page."""
    code = (
        "import runpy, sys; sys.modules.update(dict.fromkeys(['jax', 'flax', 'torch', 'numpy']))\n"
        "sys.argv = ['make_porting.py', '--check']\n"
        "runpy.run_path('docs/make_porting.py', run_name='__main__')"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)


def test_each_file_of_the_catalogue_has_a_section(generator):
    files = {path.stem for path in generator.SOURCE.glob("*.py")}
    assert files == {*generator.SECTIONS, "__init__", "entry"}


def test_each_entry_is_complete():
    catalogue = PAGE.partition("\n## The catalogue\n")[2]
    entries = re.split(r"^### .+$", catalogue, flags=re.M)[1:]
    assert len(entries) >= 24
    for entry in entries:
        blocks = re.findall(r"^```python\n(.*?)^```$", entry, re.M | re.S)
        assert len(blocks) == 3, entry
        for block in blocks:
            compile(block, "docs/porting.md", "exec")
        original, mistaken, mended = blocks
        assert re.search(r"\bnn\.|\bF\.|torch\.", original)
        assert re.search(r"\bnnx\.|optax\.|jnp\.", mistaken)
        assert mended
        assert re.search(r"^> \S", entry, re.M)


def test_links_lead_to_headings():
    anchors = [anchor(heading) for heading in re.findall(r"^##+ (.+)$", PAGE, re.M)]
    assert len(set(anchors)) == len(anchors)
    links = re.findall(r"\]\(([^)]+)\)", PAGE)
    assert set(anchors) == {link[1:] for link in links if link.startswith("#")}
    assert all((ROOT / "docs" / link).is_file() for link in links if not link.startswith("#"))


@pytest.mark.slow
def test_the_code_of_the_guide_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    guide = PAGE.partition("\n## Two real ports\n")[0]
    space = {}
    for block in re.findall(r"```python\n(.*?)```", guide, re.S):
        exec(block, space)
    space["test_port"]()
    assert space["report"].agree
    assert (tmp_path / "port.xml").exists()


# That the generator shows what an entry holds:


def test_an_entry_is_read(generator):
    [entry] = generator.read_entries(SOURCE)
    assert (entry.name, entry.title, entry.text) == (
        "Halved", "A factor that is lost", "Some words."
    )  # fmt: skip
    assert entry.code["original"] == ["def original():\n    return nn.Linear(8, 3)"]
    assert [code.partition("(")[0] for code in entry.code["mended"]] == [
        "class Half",
        "class Mended",
    ]
    assert not entry.raises
    [raising] = generator.read_entries(SOURCE.replace("data = VECTORS", 'verdict = "ValueError"'))
    assert raising.raises


def test_the_page_keeps_its_first_part(generator):
    page = f"# Words\n\n{generator.START}old\n"
    text = generator.make_page(page, {"layers": SOURCE}, {"Halved": "The losses differ."})
    assert text.startswith(f"# Words\n\n{generator.START}\n- [Layers and shapes]")
    assert "old" not in text
    assert "\n> The losses differ.\n" in text
    assert "half = Half\n" in text
