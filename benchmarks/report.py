"""Rows of numbers with their bars, as a table in Markdown and as CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Bar:
    """
    Limit of a row's value.

    Attributes
    ----------
    limit : float
    words : str
        Text of the report, if not the limit alone.
    at_least : bool
        Whether the value must be at least the limit; otherwise it must be at most the limit.
    """

    limit: float
    words: str = ""
    at_least: bool = False

    def __str__(self) -> str:
        return self.words or f"{'>=' if self.at_least else '<='} {self.limit:g}"

    def is_kept(self, value: float) -> bool:
        """Return whether a value keeps the bar."""
        return value >= self.limit if self.at_least else value <= self.limit


def times_as_fast(times: float) -> Bar:
    """Return the bar of a ratio of seconds, fit / other, for a fit `times` as fast."""
    return Bar(1 / times, f"<= {1 / times:.3g} ({times:g} x as fast)")


@dataclass
class Row:
    """
    Measured number.

    Attributes
    ----------
    part : str
        Part of the benchmark, a heading.
    what, backend : str
    value : float
        None if it could not be measured; the note says why.
    unit : str
        Such as `"s"`; empty for ratios and counts.
    quartiles : pair of float
        Spread of the value over the rounds.
    seconds : float
        Median seconds an epoch of the contender that a ratio compares with.
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
        """Verdict on the value: `"ok"` or `"MISSED"`; empty without a bar or a value."""
        if self.bar is None or self.value is None:
            return ""
        return "ok" if self.bar.is_kept(self.value) else "MISSED"

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
    """Return a number with three significant digits, a count in full, nothing for None."""
    if value is None or isinstance(value, int):
        return "" if value is None else str(value)
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text, of which the first is the header, as Markdown without empty columns."""
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
