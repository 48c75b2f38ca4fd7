"""Figures as rows of a table: printed after a run, and written to docs/evidence/performance.md."""

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gitlab_links.local.supervisor import PROJECT

DOCUMENT = PROJECT / "docs" / "evidence" / "performance.md"
HEADER = ("measure", "here", "floor", "ratio", "target", "met")


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure. ``met`` is None where nothing was promised."""

    measure: str
    here: str
    floor: str = ""
    ratio: float | None = None
    target: str = ""
    met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        """The texts of the row, in the order of the header."""
        met = {None: "", True: "yes", False: "**no**"}[self.met]
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return self.measure, self.here, self.floor, ratio, self.target, met


@dataclass(frozen=True, slots=True)
class Result:
    """What one benchmark found: its rows, and text to print below them (plans, profiles)."""

    rows: Sequence[Row]
    notes: str = ""


def at_most(
    measure: str, here: float, floor: float, limit: float, unit: str, *, digits: int = 2
) -> Row:
    """A row that promises at most ``limit`` times the floor."""
    ratio = here / floor
    return Row(
        measure,
        f"{here:.{digits}f} {unit}",
        f"{floor:.{digits}f} {unit}",
        ratio,
        f"<= {limit:g}x",
        ratio <= limit,
    )


def below(measure: str, here: float, limit: float, unit: str, *, digits: int = 0) -> Row:
    """A row that promises at most ``limit``, in the unit itself."""
    return Row(
        measure, f"{here:.{digits}f} {unit}", target=f"<= {limit:g} {unit}", met=here <= limit
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


median = statistics.median


def as_table(rows: Sequence[Row]) -> str:
    """The rows as an aligned Markdown table."""
    lines = [HEADER, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    padded = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([padded[0], rule, *padded[1:]])


def as_section(result: Result) -> str:
    """Table and notes of one benchmark."""
    notes = f"\n\n```\n{result.notes.strip()}\n```" if result.notes else ""
    return as_table(result.rows) + notes


def keep(name: str, result: Result, document: Path = DOCUMENT) -> None:
    """Put a benchmark's section between its marks in the document, in place of the last one."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    text = document.read_text(encoding="utf-8")
    marks = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not marks.search(text):
        raise ValueError(f"{document.name} has no place for {name}: {begin} ... {end}")
    section = f"{begin}\n{as_section(result)}\n{end}"
    document.write_text(marks.sub(lambda _: section, text), encoding="utf-8")
