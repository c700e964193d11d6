"""Measures of the code: functions and files that a fit enters, and lines that twins share."""

import difflib
import importlib
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from benchmarks.fit import make_data, make_model
from benchmarks.tasks import LINEAR

ROOT = Path(__file__).resolve().parents[1]
BARS = {"jax": (100, 18), "torch": (85, 16)}  # functions and files


def entered(backend: str) -> dict[str, int]:
    """
    Return what a one-epoch fit of linear regression enters, in a fresh process with compilation.

    Returns
    -------
    dict of int
        `"functions"` and `"files"`, each counted once; `"calls"`; `"jumps"`, the consecutive calls
        whose functions are in different files. A generator counts as a call each time it resumes.
    """
    d2l = importlib.import_module(f"d2l_{backend}")
    data, model = make_data(LINEAR, d2l, backend), make_model(LINEAR, d2l, backend)
    trainer = d2l.Trainer(1)
    calls = calls_within(lambda: trainer.fit(model, data))
    files = [code.co_filename for code in calls]
    return {
        "functions": len(set(calls)),
        "files": len(set(files)),
        "calls": len(calls),
        "jumps": sum(a != b for a, b in pairwise(files)),
    }


def calls_within(function: Callable[[], Any]) -> list[CodeType]:
    """Return the code of each call of one of the library's functions while `function()` runs."""
    calls = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and is_ours(code):
            calls.append(code)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(before)
    return calls


def is_ours(code: CodeType) -> bool:
    """Return whether code is that of a function in one of the packages `d2l_*`."""
    # Comprehensions and class bodies have code, too; only some versions of Python enter them.
    is_function = not code.co_name.startswith("<") or code.co_name == "<lambda>"
    return is_function and code.co_filename.startswith(str(ROOT / "d2l_"))


def shared_lines(name: str) -> float:
    """Return the share of lines that a file of both backends has in common, from 0 to 1."""
    lines = [
        [line.strip() for line in (ROOT / package / name).read_text().splitlines()]
        for package in ("d2l_jax", "d2l_torch")
    ]
    return difflib.SequenceMatcher(None, *lines, autojunk=False).ratio()
