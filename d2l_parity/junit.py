"""Write a verdict as a JUnit file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from d2l_parity.verdict import Verdict

if TYPE_CHECKING:
    from d2l_parity.report import Report


def write_junit(report: Report, path: Path) -> Path:
    """Write one test case with the verdict: an error if there is none, a failure if it is bad."""
    suite = ElementTree.Element("testsuite", name="d2l_parity", tests="1")
    case = ElementTree.SubElement(suite, "testcase", classname="d2l_parity", name=report.name)
    bad, undecided = report.verdict is Verdict.DIFFERENT, report.verdict is Verdict.UNDECIDED
    suite.set("failures", str(int(bad)))
    suite.set("errors", str(int(undecided)))
    if bad or undecided:
        kind = "failure" if bad else "error"
        found = ElementTree.SubElement(case, kind, message=report.failures[0])
        found.text = "\n".join(report.failures)
    ElementTree.SubElement(case, "system-out").text = str(report)
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
    return path
