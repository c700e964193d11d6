"""The comparison finds each mistake of the catalogue in `docs/porting.md`, and passes its mend."""

import pytest

from d2l_parity import Verdict
from parity_tests.porting_mistakes import entries, reports
from parity_tests.porting_mistakes.entry import without_places

ENTRIES = entries()


@pytest.mark.slow
@pytest.mark.parametrize("name", ENTRIES)
def test_a_mistake_is_found(name):
    found = ENTRIES[name].found()
    assert found == (ENTRIES[name].verdict, reports()[name]), "run: docs/make_porting.py --run"


def test_each_entry_has_its_report():
    assert list(reports()) == list(ENTRIES)
    assert len(ENTRIES) >= 24


@pytest.mark.slow
@pytest.mark.parametrize("name", ENTRIES)
def test_a_mended_port_is_the_same(name):
    report = ENTRIES[name].compare("mended")
    assert report.verdict is Verdict.SAME, report.failures


def test_each_port_is_mended_by_a_change():
    for name, entry in ENTRIES.items():
        kinds = ("", "_loss", "_optimizer")
        changed = [k for k in kinds if entry.part("mended", k) is not None]
        assert changed, name
        assert all(entry.port("mistaken", k) is not entry.part("mended", k) for k in changed)


@pytest.mark.parametrize(
    ("sentence", "without"),
    [
        ("`fc` differs. JAX calls it at a.py:1, PyTorch at b.py:20. Look.", "`fc` differs. Look."),
        (
            "JAX draws random numbers in `fc`, called at a.py:1.",
            "JAX draws random numbers in `fc`.",
        ),
        (
            "Rate 0.1 in JAX (a.py:1, a.py:2) and 0.2 here (b.py:3).",
            "Rate 0.1 in JAX and 0.2 here.",
        ),
        ("`fc` (`hidden` in JAX) differs.", "`fc` (`hidden` in JAX) differs."),
    ],
)
def test_sentences_without_places(sentence, without):
    assert without_places(sentence) == without
