"""What was promised, what was found, and the table that says both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One promise with what a run came to. ``times_limit``: how many times the limit a time was."""

    promise: str
    found: str
    kept: bool
    times_limit: float | None = None


def exactly(promise: str, found: object, wanted: object) -> Figure:
    """A promise of one value and no other."""
    return Figure(promise, str(found), found == wanted)


def at_most(promise: str, found: float, limit: float, unit: str = "s") -> Figure:
    """A promise with an upper bound."""
    times = found / limit if unit == "s" and limit else None
    said = f"{promise} (at most {limit:g} {unit})"
    return Figure(said, f"{found:.1f} {unit}", found <= limit, times)


def at_least(promise: str, found: float, limit: float, unit: str = "") -> Figure:
    """What a run must have come to in order to prove anything."""
    return Figure(f"{promise} (at least {limit:g})", f"{found:g} {unit}".strip(), found >= limit)


Scenario = Callable[[], Sequence[Figure]]


def as_table(rows: Sequence[tuple[str, str, Figure]]) -> str:
    """Markdown, one line per figure: scenario, database, promise, what was found, kept or not."""
    lines = ["| scenario | database | promise | found | kept |", "|---|---|---|---|---|"]
    lines += [
        f"| {name} | {dialect} | {figure.promise} | {figure.found} | "
        f"{'yes' if figure.kept else '**no**'} |"
        for name, dialect, figure in rows
    ]
    return "\n".join(lines)
