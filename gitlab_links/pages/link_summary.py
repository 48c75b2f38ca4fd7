"""The links of a task in a few marks: counts by state, and sync problems."""

from collections.abc import Sequence
from dataclasses import dataclass

from gitlab_links.links.summaries import LinkCount
from gitlab_links.pages.wording import Mark, item_mark

_WITHHELD = "confidential"
_ORDER = ("opened", "locked", "merged", "closed", _WITHHELD, "")
_KINDS = {
    "issue": ("issue", "issues"),
    "merge_request": ("merge request", "merge requests"),
}


@dataclass(frozen=True, slots=True)
class SummaryEntry:
    """The number of a task's links in one state."""

    mark: Mark
    count: int
    text: str


def summary(links: Sequence[LinkCount]) -> list[SummaryEntry]:
    """Links counted by type and state, merge requests first, problems last."""
    entries = [_entry(link) for link in sorted(links, key=_place)]
    problems = sum(link.problems for link in links)
    if problems:
        mark = Mark("Sync problem", "red", "warning")
        text = f"{problems} {'link has' if problems == 1 else 'links have'} a sync problem"
        entries.append(SummaryEntry(mark, problems, text))
    return entries


def _entry(link: LinkCount) -> SummaryEntry:
    state = _state(link)
    mark = item_mark(link.gitlab_type, state or None, link.draft)
    words = mark.text.lower() if state else "not yet read"
    noun = _KINDS[link.gitlab_type][link.count != 1]
    return SummaryEntry(mark, link.count, f"{link.count} {words} {noun}")


def _place(link: LinkCount) -> tuple[bool, int, bool]:
    return link.gitlab_type == "issue", _ORDER.index(_state(link)), link.draft


def _state(link: LinkCount) -> str:
    return _WITHHELD if link.withheld else link.state or ""
