"""The roll-up of a task in a few marks: how far its merge requests are, and what needs somebody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gitlab_links.pages.wording import Mark
from gitlab_links.plurals import counted
from gitlab_links.rollup.needs import LinkState, Need, RollUp

NEED_MARKS = {
    Need.OVERDUE: Mark("Overdue", "red", "calendar"),
    Need.FAILING: Mark("Pipeline failed", "red", "pipeline-failed"),
    Need.CONFLICTS: Mark("Merge conflicts", "red", "warning"),
    Need.CHANGES: Mark("Changes requested", "amber", "edit"),
    Need.REVIEW: Mark("Waiting for review", "amber", "eye"),
    Need.READY: Mark("Ready to merge", "green", "check"),
    Need.ALL_MERGED: Mark("All merged, not done", "blue", "mr-merged"),
    Need.STILL_OPEN: Mark("Done, still open", "amber", "mr-opened"),
    Need.APPROVED: Mark("Approved", "green", "approval"),
    Need.DRAFT: Mark("Draft", "gray", "mr-draft"),
    Need.NOTHING_LINKED: Mark("Nothing linked", "gray", "mark"),
}
COLUMNS = (
    (Need.FAILING,),
    (Need.CHANGES, Need.REVIEW, Need.APPROVED),
    (Need.CONFLICTS, Need.READY),
    (Need.DRAFT,),
    (Need.OVERDUE,),
)
NOTES = (Need.ALL_MERGED, Need.STILL_OPEN, Need.NOTHING_LINKED)
_PROBLEM = Mark("Sync problem", "red", "refresh")
# What is said of one and of several.
_COUNTED = {
    Need.OVERDUE: ("is overdue", "are overdue"),
    Need.FAILING: ("pipeline failed", "pipelines failed"),
    Need.CONFLICTS: ("has merge conflicts", "have merge conflicts"),
    Need.REVIEW: ("waits for review", "wait for review"),
    Need.READY: ("is ready to merge", "are ready to merge"),
    Need.APPROVED: ("is approved", "are approved"),
    Need.DRAFT: ("draft", "drafts"),
}


_SENTENCES = {
    Need.ALL_MERGED: "All merge requests are merged, and the task is not done",
    Need.STILL_OPEN: "The task is done, and something is still open in GitLab",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A mark with its number, and both in words. A number of a whole task is not shown."""

    mark: Mark
    count: int
    text: str


@dataclass(frozen=True, slots=True)
class Marks:
    """What a row shows of its links; ``merged`` is None without merge requests, ``share`` is
    how many of how many.
    """

    share: str
    merged: Entry | None
    needs: Mapping[Need, Entry]
    problem: Entry | None

    @property
    def columns(self) -> list[list[Entry]]:
        """The marks of each column, from left to right."""
        return [[self.needs[need] for need in column if need in self.needs] for column in COLUMNS]

    @property
    def note(self) -> list[Entry]:
        """What is shown in words."""
        found = [self.needs[need] for need in NOTES if need in self.needs]
        return found + ([self.problem] if self.problem else [])

    @property
    def said(self) -> list[Entry]:
        """All of them, in order."""
        return [entry for entry in (self.merged, *self.needs.values(), self.problem) if entry]


def marks_of(roll_up: RollUp, links: Sequence[LinkState]) -> Marks:
    """The marks of one task."""
    problems = sum(link.problems for link in links)
    text = counted(problems, "link has a sync problem", "links have a sync problem")
    return Marks(
        share=f"{roll_up.merged}/{roll_up.merge_requests}",
        merged=_merged(roll_up),
        needs={need: _entry(need, roll_up.count_of(need)) for need in roll_up.needs},
        problem=Entry(_PROBLEM, problems, text) if problems else None,
    )


def _merged(roll_up: RollUp) -> Entry | None:
    if not roll_up.merge_requests:
        return None
    whole = roll_up.merged == roll_up.merge_requests
    mark = Mark("Merged", "blue" if whole else "gray", "mr-merged")
    text = f"{roll_up.merged} of {counted(roll_up.merge_requests, 'merge request')} merged"
    return Entry(mark, roll_up.merged, text)


def _entry(need: Need, count: int) -> Entry:
    mark = NEED_MARKS[need]
    if need is Need.CHANGES:
        return Entry(mark, count, f"{mark.text} on {count}")
    if need in _COUNTED:
        return Entry(mark, count, counted(count, *_COUNTED[need]))
    return Entry(mark, 0, _SENTENCES.get(need, mark.text))
