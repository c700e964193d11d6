"""The tests, files and names that the documents cite exist, and every line of output is true."""

import doctest
import re
import warnings
from contextlib import contextmanager

import jax
import numpy as np
import pytest
import torch
from flax import nnx

import d2l_torch
from tests.support.paths import ROOT

GUIDE = (ROOT / "docs/differences.md").read_text()
README = (ROOT / "README.md").read_text()

# -- the difference guide ----------------------------------------------------------------------


def entries(guide):
    """Return `{title: (number of its line, text below it)}` of each `###` heading."""
    found = {}
    for part in re.finditer(r"^### (.+)\n((?:(?!##).*\n)*)", guide, re.M):
        assert part[1] not in found, f"two entries are called {part[1]!r}"
        found[part[1]] = guide[: part.start()].count("\n") + 1, part[2]
    return found


def only_code(text):
    """Return `text` with blank lines for all that stands outside of its `pycon` blocks."""
    lines, inside = [], False
    for line in text.splitlines():
        if line.startswith("```"):
            assert line in ("```", "```pycon"), f"not a block that is run: {line}"
            inside = not inside
            line = ""
        lines.append(line if inside else "")
    return "\n".join(lines) + "\n"


def wrong_outputs(text, namespace, title="", line=0):
    """Run the code of `text` in `namespace`; return a report on what came out otherwise, or ''."""
    test = doctest.DocTestParser().get_doctest(only_code(text), namespace, title, None, line)
    report = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    runner.run(test, out=report.append, clear_globs=False)
    # It ran in a copy: what it defined is for the code that follows.
    namespace.update(test.globs)
    return "".join(report)


@contextmanager
def settings_restored():
    """Put back what code may set for the whole process."""
    torch_state = torch.random.get_rng_state()
    numpy_state = np.random.get_state()  # noqa: NPY002 (the global one, which code may have moved)
    float_type, precision = torch.get_default_dtype(), torch.get_float32_matmul_precision()
    tf32 = torch.backends.cudnn.allow_tf32
    names = ("jax_enable_x64", "jax_default_matmul_precision")
    options = {name: getattr(jax.config, name) for name in names}
    try:
        with warnings.catch_warnings():
            yield
    finally:
        torch.random.set_rng_state(torch_state)
        np.random.set_state(numpy_state)  # noqa: NPY002
        torch.set_default_dtype(float_type)
        torch.set_float32_matmul_precision(precision)
        torch.backends.cudnn.allow_tf32 = tf32
        for name, value in options.items():
            jax.config.update(name, value)


def flaws(text):
    """Return what an entry lacks: code of both frameworks, the twins, tests that exist."""
    shown, _, twins = text.partition("The twins: ")
    blocks = re.findall(r"^```pycon\n(.*?)^```$", shown, re.M | re.S)
    found = []
    if len(blocks) != 2:
        found.append(f"{len(blocks)} blocks of code before 'The twins:', not PyTorch's and JAX's")
    elif not re.search(r"torch\.|F\.", blocks[0]) or not re.search(r"jax\.|jnp\.|nnx\.", blocks[1]):
        found.append("the first block must be PyTorch's, the second JAX's")
    if not twins:
        found.append("no sentence on 'The twins:'")
    pinned = re.findall(r"\[`(\w+\.py)::(\w+)`\]\(([^)]+)\)", twins.partition("Pinned by")[2])
    if not pinned:
        found.append("no test under 'Pinned by'")
    for file, function, link in pinned:
        path = (ROOT / "docs" / link).resolve()
        if path.name != file or not path.exists():
            found.append(f"{link} is not {file}")
        elif not re.search(rf"^def {function}\(", path.read_text(), re.M):
            found.append(f"there is no {function} in {link}")
    return found


def anchor(heading):
    """Return the name by which a link finds a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


ENTRIES = entries(GUIDE)
IMPORTS = GUIDE.partition("\n## ")[0]


@pytest.mark.parametrize("title", ENTRIES)
def test_an_entry_shows_what_comes_out(title):
    with settings_restored():
        namespace = {}
        assert not wrong_outputs(IMPORTS, namespace)
        line, text = ENTRIES[title]
        report = wrong_outputs(text, namespace, title, line)
    assert not report, f"docs/differences.md, from line {line}:\n{report}"


@pytest.mark.parametrize("title", ENTRIES)
def test_an_entry_is_complete(title):
    assert not flaws(ENTRIES[title][1])


def test_all_code_of_the_guide_belongs_to_an_entry():
    inside = sum(text.count(">>> ") for _, text in ENTRIES.values())
    assert inside + IMPORTS.count(">>> ") == GUIDE.count(">>> ")
    assert len(ENTRIES) >= 40


def test_the_contents_link_to_each_heading():
    contents = GUIDE.partition("\n## ")[0]
    links = re.findall(r"\[[^\]]+\]\(#([^)]+)\)", contents)
    headings = re.findall(r"^##+ (.+)$", GUIDE, re.M)
    assert links == [anchor(heading) for heading in headings]
    for link in re.findall(r"\(#([^)]+)\)", GUIDE):
        assert link in links


# That these checks can fail:

ENTRY = """### A difference

Words.

```pycon
>>> torch.ones(2).tolist()
[1.0, 1.0]
```
```pycon
>>> jnp.ones(2).tolist()
[1.0, 1.0]
```

The twins: agree.

Pinned by [`test_errors.py::test_same_error`](../parity_tests/test_errors.py).
"""


def test_a_complete_entry_has_no_flaws():
    [(line, text)] = entries(ENTRY).values()
    assert line == 1
    assert not flaws(text)
    namespace = {}
    assert not wrong_outputs(IMPORTS, namespace)
    assert not wrong_outputs(text, namespace)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("[1.0, 1.0]\n```\n```", "[1.0, 1.5]\n```\n```"),  # another number
        ("[1.0, 1.0]\n```\n\nThe", "```\n\nThe"),  # no output
        ("jnp.ones(2)", "jnp.oens(2)"),  # an error
    ],
)
def test_a_wrong_output_is_reported(right, wrong):
    assert ENTRY.count(right) == 1
    namespace = {}
    assert not wrong_outputs(IMPORTS, namespace)
    report = wrong_outputs(ENTRY.replace(right, wrong), namespace, "A difference")
    assert "A difference" in report


@pytest.mark.parametrize(
    ("right", "wrong", "flaw"),
    [
        ("```\n```pycon\n>>> jnp", ">>> jnp", "1 blocks of code"),
        (">>> jnp.ones", ">>> torch.ones", "the first block must be PyTorch's, the second JAX's"),
        ("The twins: agree.", "", "no sentence on 'The twins:'"),
        ("Pinned by", "See", "no test under 'Pinned by'"),
        ("(../parity_tests/test_errors.py)", "(../tests/test_errors.py)", "is not test_errors.py"),
        ("::test_same_error", "::test_same_errors", "there is no test_same_errors in"),
        ("::test_same_error", "::CASES", "there is no CASES in"),
    ],
)
def test_a_flaw_is_reported(right, wrong, flaw):
    assert ENTRY.count(right) == 1
    assert any(flaw in found for found in flaws(ENTRY.replace(right, wrong)))


def test_settings_do_not_leak():
    before = torch.random.get_rng_state()
    options = torch.get_float32_matmul_precision(), jax.config.jax_default_matmul_precision
    with settings_restored():
        torch.manual_seed(5)
        torch.set_default_dtype(torch.float64)
        torch.set_float32_matmul_precision("high")
        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_default_matmul_precision", "high")
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.ones(1).dtype == torch.float32
    assert jax.numpy.ones(1).dtype == jax.numpy.float32
    after = torch.get_float32_matmul_precision(), jax.config.jax_default_matmul_precision
    assert after == options


# -- names, files and snippets -----------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`d2l\.(\w+)", GUIDE + README))))
def test_names_of_the_library_exist(name):
    assert hasattr(d2l_torch, name)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"!\[[^\]]*\]\((docs/[\w.]+)\)", README))))
def test_pictures_exist(path):
    assert (ROOT / path).stat().st_size > 10_000


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md"])
def test_files_that_one_backend_alone_has_are_named(page):
    jax_files, torch_files = (
        {str(path.relative_to(ROOT / package)) for path in (ROOT / package).rglob("*.py")}
        for package in ("d2l_jax", "d2l_torch")
    )
    named = (ROOT / page).read_text()
    for file in jax_files ^ torch_files:
        assert f"`{file.removeprefix('training/')}`" in named


def test_files_of_the_table_exist():
    table = README.split("## Porting")[1].split("## Layout")[0]
    names = set(re.findall(r"`(\w+\.py)`", table))
    assert names <= {path.name for path in ROOT.glob("d2l_*/**/*.py")}
    assert len(names) > 3


@pytest.mark.slow
def test_snippets_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    reading, own_model, torch_model, porting, comparing = re.findall(
        r"```python\n(.*?)```", README, re.S
    )
    # Without a network, as the snippet's own comment has it.
    digits = "data = d2l.Digits(batch_size=256, resize=28)"
    reading, replaced = re.subn(r"data = d2l\.FashionMNIST.*", digits, reading)
    assert replaced == 1
    space = {}
    exec(reading.replace("max_epochs=10", "max_epochs=1"), space)
    assert (tmp_path / "loss.png").exists()
    exec(own_model.replace("max_epochs=3", "max_epochs=1"), space)
    space = {}
    exec(
        reading.replace("max_epochs=10", "max_epochs=1").replace("d2l_jax as", "d2l_torch as"),
        space,
    )
    exec(torch_model, space)
    exec("d2l.Trainer(max_epochs=1).fit(Net(lr=0.1), data)", space)
    space = {}
    exec(porting, space)
    assert space["weights"]["net.1.weight"].shape == (10, 784)
    rng = np.random.default_rng(0)
    space = {
        "flax_mlp": nnx.Sequential(nnx.Linear(4, 3, rngs=nnx.Rngs(0))),
        "torch_mlp": torch.nn.Sequential(torch.nn.Linear(4, 3)),
        "minibatches": [(rng.random((5, 4), np.float32), np.arange(5) % 3)] * 2,
    }
    exec(comparing, space)
    assert space["report"].agree
    assert (tmp_path / "out/my_mlp.png").exists()
