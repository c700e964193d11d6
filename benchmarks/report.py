"""Rows of numbers with their bars: as a table in Markdown, and as CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Bar:
    """The largest value that a row may have, and how to say so."""

    limit: float
    words: str = ""

    def __str__(self) -> str:
        return self.words or f"<= {self.limit:g}"


def times_as_fast(times: float) -> Bar:
    """Return the bar of a ratio of seconds, fit / other, for a fit that is `times` as fast."""
    return Bar(1 / times, f"<= {1 / times:.3g} ({times:g} x as fast)")


@dataclass
class Row:
    """
    One measured number.

    Attributes
    ----------
    part : str
        The part of the benchmark, a heading.
    what, backend : str
    value : float
        None if it could not be measured; the note says why.
    unit : str
        Such as `"s"`; empty for ratios.
    quartiles : pair of float
        Of a ratio's rounds.
    seconds : float
        Of the contender that a ratio compares with, an epoch.
    bar : Bar
    note : str
    """

    part: str
    what: str
    backend: str
    value: float | None = None
    unit: str = ""
    quartiles: tuple[float, float] | None = None
    seconds: float | None = None
    bar: Bar | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """Whether the value keeps its bar: `"ok"`, `"MISSED"`, or nothing to say."""
        if self.bar is None or self.value is None:
            return ""
        return "ok" if self.value <= self.bar.limit else "MISSED"

    def cells(self) -> list[str]:
        """Return the row as text, in the order of `HEADER`."""
        low_high = "" if self.quartiles is None else " - ".join(map(number, self.quartiles))
        return [
            self.what,
            self.backend,
            f"{number(self.value)} {self.unit}".strip(),
            low_high,
            number(self.seconds),
            str(self.bar or ""),
            self.verdict,
            self.note,
        ]


HEADER = ["what", "backend", "value", "quartiles", "s an epoch", "bar", "", "note"]
CSV_HEADER = "part what backend value unit low high seconds limit verdict note".split()


def number(value: float | None) -> str:
    """Return a number with three digits that count, a count as it is, nothing for None."""
    if value is None or isinstance(value, int):
        return "" if value is None else str(value)
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text, the header first, as a table in Markdown, without empty columns."""
    columns = [column for column in zip(*rows, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in columns]
    lines = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |"
        for line in zip(*columns, strict=True)
    ]
    rule = "| " + " | ".join("-" * max(3, w) for w in widths) + " |"
    return "\n".join([lines[0], rule, *lines[1:]])


def markdown(rows: Iterable[Row], description: str) -> str:
    """Return the whole report."""
    parts: dict[str, list[Row]] = {}
    for row in rows:
        parts.setdefault(row.part, []).append(row)
    sections = [f"# Benchmark\n\n{description}"]
    for part, members in parts.items():
        sections.append(f"## {part}\n\n" + table([HEADER, *[row.cells() for row in members]]))
    missed = [row for members in parts.values() for row in members if row.verdict == "MISSED"]
    judged = sum(bool(row.verdict) for members in parts.values() for row in members)
    sections.append(f"{judged - len(missed)} of {judged} bars kept.")
    return "\n\n".join(sections) + "\n"


def as_csv(rows: Iterable[Row]) -> str:
    """Return the rows as CSV, with full precision."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for row in rows:
        low, high = row.quartiles or (None, None)
        limit = row.bar.limit if row.bar else None
        numbers = [row.value, row.unit, low, high, row.seconds, limit]
        writer.writerow([row.part, row.what, row.backend, *numbers, row.verdict, row.note])
    return text.getvalue()


def write(folder: Path, rows: Sequence[Row], description: str) -> str:
    """Write `bench.md` and `bench.csv`, and return the text of the first."""
    folder.mkdir(parents=True, exist_ok=True)
    text = markdown(rows, description)
    (folder / "bench.md").write_text(text)
    (folder / "bench.csv").write_text(as_csv(rows))
    return text
