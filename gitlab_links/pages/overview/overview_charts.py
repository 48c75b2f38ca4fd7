"""The figures of the overview as charts, with their words."""

from collections.abc import Callable, Sequence
from datetime import date

from gitlab_links.overview.figures import Age, Duration, Figures, Flow, OpenWork, Week
from gitlab_links.pages.overview.charts import (
    Chart,
    Scale,
    Series,
    Tick,
    bars_of,
    centers,
    duration_words,
    line_of,
)
from gitlab_links.plurals import counted

AGES = {
    Age.WEEK: "Under 1 week",
    Age.MONTH: "1 to 4 weeks",
    Age.QUARTER: "4 to 13 weeks",
    Age.HALF_YEAR: "13 to 26 weeks",
    Age.OLDER: "Over 26 weeks",
}
SHORT_AGES = ("< 1 wk", "1-4 wk", "4-13 wk", "13-26 wk", "> 26 wk")
NAMED_WEEKS = slice(1, None, 3)
WEEKS_BEGIN = "Weeks begin on Monday, in UTC; the last one is not over."


def charts_of(figures: Figures) -> list[Chart]:
    """The charts that the viewer may see."""
    if figures.flow is None:
        return [_open_work(figures.open_work)]
    flow = figures.flow
    return [
        _throughput(flow.weeks),
        _open_work(figures.open_work),
        _open_to_merged(flow),
        _task_to_last_merge(flow),
    ]


def _throughput(weeks: Sequence[Week]) -> Chart:
    opened, merged = ([getattr(week, name) for week in weeks] for name in ("opened", "merged"))
    series = [
        Series("Opened", opened, _said(weeks, opened, "opened")),
        Series("Merged", merged, _said(weeks, merged, "merged")),
    ]
    scale = Scale.of_counts([*opened, *merged])
    drawn = any(opened) or any(merged)
    return Chart(
        name="throughput",
        title="Merge requests opened and merged",
        summary=f"{sum(opened):,} opened and {sum(merged):,} merged in {len(weeks)} weeks",
        definition="Merge requests that are linked to a task, by the week in which they were "
        f"opened or merged in GitLab. {WEEKS_BEGIN}",
        columns=("Week of", "Opened", "Merged"),
        rows=[
            (_day(week.start), f"{one:,}", f"{other:,}")
            for week, one, other in zip(weeks, opened, merged, strict=True)
        ],
        legend=[one.name for one in series],
        places=_places(weeks),
        ticks=scale.ticks if drawn else (),
        bars=bars_of(series, scale),
    )


def _open_work(work: Sequence[OpenWork]) -> Chart:
    tasks = [one.tasks for one in work]
    requests = [one.merge_requests for one in work if one.merge_requests is not None]
    drawn = (("Tasks", "task", tasks), ("Merge requests", "merge request", requests))
    series = [
        Series(
            name,
            values,
            [
                f"{AGES[one.age]}: {counted(count, noun, form=',')}"
                for one, count in zip(work, values, strict=True)
            ],
        )
        for name, noun, values in drawn
        if values
    ]
    scale = Scale.of_counts([*tasks, *requests])
    total = f"{counted(sum(tasks), 'task', form=',')} not done"
    definition = "Tasks that are not done, by the time since they were created"
    if requests:
        total += f", {counted(sum(requests), 'open merge request', form=',')}"
        definition += "; open merge requests that are linked to a task, since they were opened"
    return Chart(
        name="open-work",
        title="Open work by age",
        summary=total,
        definition=f"{definition}.",
        columns=("Age", *(one.name for one in series)),
        rows=[
            (AGES[one.age], *(f"{line.values[place]:,}" for line in series))
            for place, one in enumerate(work)
        ],
        legend=[one.name for one in series] if len(series) > 1 else (),
        places=[Tick(x, text) for x, text in zip(centers(len(work)), SHORT_AGES, strict=True)],
        ticks=scale.ticks if any(tasks) or any(requests) else (),
        bars=bars_of(series, scale, labelled=True),
    )


def _open_to_merged(flow: Flow) -> Chart:
    return _medians(
        flow.weeks,
        lambda week: week.open_to_merged,
        flow.open_to_merged,
        name="open-to-merged",
        title="From opened to merged",
        noun="merge request",
        definition="How long linked merge requests that were merged in a week had been open. "
        "Half of them took longer than the median, half of them less.",
    )


def _task_to_last_merge(flow: Flow) -> Chart:
    return _medians(
        flow.weeks,
        lambda week: week.task_to_last_merge,
        flow.task_to_last_merge,
        name="task-to-last-merge",
        title="From task to last merge",
        noun="task",
        definition="The time from creating a task to merging the last of its merge requests, by "
        "the week of that merge. A task counts when all its merge requests have ended, and if it "
        "was created before that merge.",
    )


def _medians(
    weeks: Sequence[Week],
    of: Callable[[Week], Duration],
    all_weeks: Duration,
    *,
    name: str,
    title: str,
    noun: str,
    definition: str,
) -> Chart:
    found = [of(week) for week in weeks]
    values = [one.median_seconds for one in found]
    said = [_median_words(one, noun) for one in found]
    words = [f"Week of {_day(week.start)}: {one}" for week, one in zip(weeks, said, strict=True)]
    scale = Scale.of_seconds(values)
    dots, lines = line_of(Series(title, values, words), scale)
    overall = all_weeks.median_seconds
    return Chart(
        name=name,
        title=title,
        summary=f"{_median_words(all_weeks, noun)} in {len(weeks)} weeks",
        definition=f"{definition} n is how many there are. {WEEKS_BEGIN}",
        columns=("Week of", "Median", "n"),
        rows=[
            (_day(week.start), _duration(one.median_seconds), f"{one.n:,}")
            for week, one in zip(weeks, found, strict=True)
        ],
        places=_places(weeks),
        ticks=scale.ticks if dots else (),
        dots=dots,
        lines=lines,
        rule=None if overall is None else Tick(scale.y(overall), "all weeks"),
    )


def _median_words(duration: Duration, noun: str) -> str:
    if duration.median_seconds is None:
        return f"No {noun}"
    count = counted(duration.n, noun, form=",")
    return f"Median {duration_words(duration.median_seconds)}, n = {count}"


def _duration(seconds: int | None) -> str:
    return "none" if seconds is None else duration_words(seconds)


def _said(weeks: Sequence[Week], counts: Sequence[int], what: str) -> list[str]:
    return [
        f"Week of {_day(week.start)}: {count:,} {what}"
        for week, count in zip(weeks, counts, strict=True)
    ]


def _places(weeks: Sequence[Week]) -> list[Tick]:
    named = list(zip(centers(len(weeks)), weeks, strict=True))[NAMED_WEEKS]
    return [Tick(x, _day(week.start)) for x, week in named]


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"
