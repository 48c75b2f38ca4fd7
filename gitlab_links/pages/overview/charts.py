"""Charts as templates draw them: where each part is, and everything in words, too. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from gitlab_links.plurals import counted

# Within the 340 by 170 of templates/overview/chart.html.
LEFT, RIGHT, TOP, BOTTOM = 34, 336, 14, 146
DAY, HOUR, MINUTE = 86_400, 3600, 60
MOST_STEPS = 4


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one kind, in the order of the places; None where there is none.

    ``words`` are what is said of each value.
    """

    name: str
    values: Sequence[float | None]
    words: Sequence[str]


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle; ``series`` is the number of its series."""

    x: float
    y: float
    width: float
    height: float
    series: int
    words: str
    label: str


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of a line."""

    x: float
    y: float
    words: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the scale, or a name below the chart, at ``at``."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart. ``summary`` says in a sentence what it shows, ``definition`` what that means.

    ``rows`` of the table have the same figures under ``columns``. ``rule`` is where the line of
    all values together is, if there is one. A chart without ``ticks`` has nothing to draw.
    """

    name: str
    title: str
    summary: str
    definition: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    legend: Sequence[str] = ()
    places: Sequence[Tick] = ()
    ticks: Sequence[Tick] = ()
    bars: Sequence[Bar] = ()
    dots: Sequence[Dot] = ()
    lines: Sequence[str] = ()
    rule: Tick | None = None


@dataclass(frozen=True, slots=True)
class Scale:
    """From 0 to ``top``, in even steps. ``unit`` is how much 1 on the scale is."""

    top: float
    step: float
    unit: float = 1
    suffix: str = ""

    @classmethod
    def of_counts(cls, values: Sequence[float | None]) -> "Scale":
        """A scale of whole numbers."""
        return cls(*_rounded(_most(values), whole=True))

    @classmethod
    def of_seconds(cls, values: Sequence[float | None]) -> "Scale":
        """A scale of minutes, hours or days."""
        most = _most(values)
        unit, suffix = next(
            (one for one in ((DAY, " d"), (HOUR, " h")) if most >= 2 * one[0]), (MINUTE, " min")
        )
        return cls(*_rounded(most / unit, whole=True), unit, suffix)

    def y(self, value: float) -> float:
        """How far down a value is."""
        return round(BOTTOM - (BOTTOM - TOP) * value / self.unit / self.top, 1)

    @property
    def ticks(self) -> list[Tick]:
        """The lines of the scale, from 0 up."""
        count = round(self.top / self.step)
        steps = [round(number * self.step) for number in range(count + 1)]
        return [Tick(self.y(step * self.unit), f"{step:,}{self.suffix}") for step in steps]


def _most(values: Sequence[float | None]) -> float:
    return max((value for value in values if value is not None), default=0)


def _rounded(most: float, *, whole: bool) -> tuple[float, float]:
    """The end of a scale that has room for ``most``, and its step of 1, 2 or 5 times ten."""
    least = most / MOST_STEPS or 1
    power = 10.0 ** math.floor(math.log10(least))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)
    step = max(step, 1) if whole else step
    return max(math.ceil(most / step), 1) * step, step


def centers(count: int) -> list[float]:
    """The middle of each of so many places, from left to right."""
    width = (RIGHT - LEFT) / count
    return [round(LEFT + width * (place + 0.5), 1) for place in range(count)]


def bars_of(series: Sequence[Series], scale: Scale, *, labelled: bool = False) -> list[Bar]:
    """The bars of all series, side by side at each place. A small value is still seen."""
    width = (RIGHT - LEFT) / len(series[0].values) * 0.8 / len(series)
    gap = min(width * 0.12, 2)
    found = []
    for place, center in enumerate(centers(len(series[0].values))):
        start = center - width * len(series) / 2
        for number, one in enumerate(series):
            value = one.values[place] or 0
            y = min(scale.y(value), BOTTOM - 1.5) if value else BOTTOM
            x = round(start + number * width + gap / 2, 1)
            label = f"{value:,}" if labelled else ""
            height = round(BOTTOM - y, 1)
            found.append(Bar(x, y, round(width - gap, 1), height, number, one.words[place], label))
    return found


def line_of(series: Series, scale: Scale) -> tuple[list[Dot], list[str]]:
    """The dots of a series, and the lines between neighbours, as points of SVG."""
    places = list(zip(centers(len(series.values)), series.values, series.words, strict=True))
    dots, lines = [], []
    for known, group in groupby(places, key=lambda one: one[1] is not None):
        if not known:
            continue
        run = [Dot(x, scale.y(value or 0), words) for x, value, words in group]
        dots += run
        lines.append(" ".join(f"{dot.x},{dot.y}" for dot in run))
    return dots, [line for line in lines if " " in line]


def duration_words(seconds: float) -> str:
    """A duration as people say it: 40 minutes, 5 hours, 2.5 days."""
    if seconds >= 2 * DAY:
        return counted(round(seconds / DAY, 1), "day", form="g")
    if seconds >= 2 * HOUR:
        return counted(round(seconds / HOUR), "hour")
    return counted(round(seconds / MINUTE), "minute")
