"""Which status the links of a task call for: ``wanted = f(states of the links that count)``.

Pure, and computed from states alone: it cannot matter which events brought them, or in which
order. ``docs/status-rules.md`` has the table of cases, which the tests read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from gitlab_links.gitlab.items import ItemState, ItemType
from gitlab_links.tasks.models import TaskStatus


class Strength(StrEnum):
    """How a link came to be; a link that a person made too is a person's."""

    PERSON = "person"
    CLOSES = "closes"
    MENTIONS = "mentions"


class LinkMeaning(StrEnum):
    """What one link means for a task, or why it means nothing.

    The first six count. Of the next four it is not known what they mean. The others do not count.
    """

    OPEN = "open"
    DRAFT = "draft"
    MERGED = "merged"
    MERGED_ELSEWHERE = "merged_elsewhere"
    CLOSED = "closed"
    ISSUE_CLOSED = "issue_closed"

    NOT_FETCHED = "not_fetched"
    HIDDEN = "hidden"
    BRANCH_UNKNOWN = "branch_unknown"
    UNPROVEN = "unproven"

    ISSUE_OPEN = "issue_open"
    ONLY_MENTIONED = "only_mentioned"
    IS_ISSUE = "is_issue"
    FROM_FORK = "from_fork"
    MOVED = "moved"


UNKNOWN = frozenset(
    {LinkMeaning.NOT_FETCHED, LinkMeaning.HIDDEN, LinkMeaning.BRANCH_UNKNOWN, LinkMeaning.UNPROVEN}
)
OUTSIDE = frozenset(
    {LinkMeaning.ONLY_MENTIONED, LinkMeaning.IS_ISSUE, LinkMeaning.FROM_FORK, LinkMeaning.MOVED}
)
# They keep a task from being done, and do not start it.
UNFINISHED = frozenset({LinkMeaning.DRAFT, LinkMeaning.ISSUE_OPEN})
SETTLED = frozenset({ItemState.MERGED, ItemState.CLOSED})
FINISHING = frozenset({LinkMeaning.MERGED, LinkMeaning.ISSUE_CLOSED})


class Wanted(StrEnum):
    """What the links call for: a status, no change, or nothing that can be said yet."""

    IN_PROGRESS = "in_progress"
    DONE = "done"
    NOTHING = "nothing"
    UNDECIDED = "undecided"


class Rule(StrEnum):
    """The rules that change a status."""

    STARTED = "started"
    ALL_MERGED = "all_merged"
    REOPENED = "reopened"


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """One link and the cached state of its item.

    ``state`` is None until the item's first fetch. ``unseen``: GitLab no longer shows the item,
    or it is of a GitLab that the org has left, so an open state may be outdated. ``moved``: an
    issue that continues elsewhere. ``unproven``: a webhook has changed it whose secret does not
    prove that, and GitLab's API has not confirmed it yet. ``target_branch`` and
    ``default_branch`` are None if unknown.
    """

    type: ItemType
    state: ItemState | None
    draft: bool = False
    strength: Strength = Strength.PERSON
    from_fork: bool = False
    unseen: bool = False
    moved: bool = False
    unproven: bool = False
    target_branch: str | None = None
    default_branch: str | None = None


@dataclass(frozen=True, slots=True)
class RuleChoices:
    """What an org has chosen. ``branches`` are patterns besides the project's default branch."""

    started: bool = True
    all_merged: bool = True
    reopened: bool = True
    branches: tuple[str, ...] = ()
    count_mentions: bool = False
    count_issues: bool = False
    count_forks: bool = False


def wanted(meanings: Sequence[LinkMeaning], choices: RuleChoices) -> Wanted:
    """What these links call for.

    An open one is enough for *in progress*. *Done* needs every one that counts settled and at
    least one merged into an allowed branch; what is not known keeps it undecided.
    """
    if LinkMeaning.OPEN in meanings:
        starts = choices.started or choices.reopened
        return Wanted.IN_PROGRESS if starts else Wanted.NOTHING
    if UNKNOWN.intersection(meanings):
        return Wanted.UNDECIDED
    if UNFINISHED.intersection(meanings) or not FINISHING.intersection(meanings):
        return Wanted.NOTHING
    return Wanted.DONE if choices.all_merged else Wanted.NOTHING


def meaning_of(link: LinkFacts, choices: RuleChoices) -> LinkMeaning:
    """What one link says."""
    silent = _outside(link, choices) or _unknown(link)
    if silent is not None:
        return silent
    if link.type is ItemType.ISSUE:
        return LinkMeaning.ISSUE_CLOSED if link.state in SETTLED else LinkMeaning.ISSUE_OPEN
    if link.state is ItemState.MERGED:
        return _merged(link, choices)
    return _unmerged(link)


def _outside(link: LinkFacts, choices: RuleChoices) -> LinkMeaning | None:
    """Why the link does not count; None if it does."""
    if link.type is ItemType.ISSUE:
        if not choices.count_issues:
            return LinkMeaning.IS_ISSUE
        if link.moved:
            return LinkMeaning.MOVED
    if link.strength is Strength.MENTIONS and not choices.count_mentions:
        return LinkMeaning.ONLY_MENTIONED
    by_stranger = link.from_fork and link.strength is not Strength.PERSON
    if link.unproven:
        return None  # nor whether it is from a fork
    if by_stranger and not choices.count_forks and link.state is not ItemState.MERGED:
        return LinkMeaning.FROM_FORK
    return None


def _unknown(link: LinkFacts) -> LinkMeaning | None:
    """Why it is not known what the link says; None if it is."""
    if link.unseen and (link.unproven or link.state not in SETTLED):
        return LinkMeaning.HIDDEN
    if link.unproven:
        return LinkMeaning.UNPROVEN
    return LinkMeaning.NOT_FETCHED if link.state is None else None


def _unmerged(link: LinkFacts) -> LinkMeaning:
    if link.state is ItemState.CLOSED:
        return LinkMeaning.CLOSED
    return LinkMeaning.DRAFT if link.draft else LinkMeaning.OPEN


def _merged(link: LinkFacts, choices: RuleChoices) -> LinkMeaning:
    """A branch matches a pattern, or is the default one; either may be unknown."""
    if "*" in choices.branches:
        return LinkMeaning.MERGED
    if link.target_branch is None:
        return LinkMeaning.BRANCH_UNKNOWN
    if any(fnmatchcase(link.target_branch, pattern) for pattern in choices.branches):
        return LinkMeaning.MERGED
    if link.default_branch is None:
        return LinkMeaning.BRANCH_UNKNOWN
    same = link.target_branch == link.default_branch
    return LinkMeaning.MERGED if same else LinkMeaning.MERGED_ELSEWHERE


def rule_for(
    want: Wanted, status: TaskStatus, choices: RuleChoices, *, set_by_rule: bool
) -> Rule | None:
    """The rule that changes this status to what is wanted; None if none does.

    A rule goes forward, and back only from what a rule has set: never from what a person set.
    """
    match want, status:
        case Wanted.IN_PROGRESS, TaskStatus.OPEN if choices.started:
            return Rule.STARTED
        case Wanted.IN_PROGRESS, TaskStatus.DONE if choices.reopened and set_by_rule:
            return Rule.REOPENED
        case Wanted.DONE, TaskStatus.OPEN | TaskStatus.IN_PROGRESS if choices.all_merged:
            return Rule.ALL_MERGED
    return None
