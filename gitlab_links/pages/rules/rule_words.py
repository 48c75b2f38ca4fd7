"""What the status rules say, in words."""

from gitlab_links.pages.wording import Mark
from gitlab_links.rules.dry_run import Outcome
from gitlab_links.rules.explanations import ExplainedLink, Explanation
from gitlab_links.rules.wanted import LinkMeaning, Rule, Wanted

WITHHELD = "counts, but you may not see it"

RULE_NAMES = {
    Rule.STARTED: "started",
    Rule.ALL_MERGED: "all merged",
    Rule.REOPENED: "reopened",
}

STANDINGS = {
    LinkMeaning.OPEN: "open",
    LinkMeaning.DRAFT: "a draft",
    LinkMeaning.MERGED: "merged",
    LinkMeaning.MERGED_ELSEWHERE: "merged into a branch that does not count",
    LinkMeaning.CLOSED: "closed without a merge",
    LinkMeaning.ISSUE_CLOSED: "closed",
    LinkMeaning.NOT_FETCHED: "not read from GitLab yet",
    LinkMeaning.HIDDEN: "not shown by GitLab: deleted, mistyped or hidden from the token",
    LinkMeaning.BRANCH_UNKNOWN: "merged, but whether into a branch that counts is not known yet",
    LinkMeaning.UNPROVEN: "changed by a webhook that GitLab has not confirmed yet",
    LinkMeaning.ISSUE_OPEN: "open",
    LinkMeaning.ONLY_MENTIONED: "only mentions the task, so it does not count",
    LinkMeaning.IS_ISSUE: "issues do not count",
    LinkMeaning.FROM_FORK: "from a fork, so it counts only once merged",
    LinkMeaning.MOVED: "moved elsewhere, so it does not count",
}

OUTCOMES = {
    Outcome.STARTS: Mark("Links call for in progress", "blue", "pipeline-running"),
    Outcome.DONE: Mark("Links call for done", "green", "check"),
    Outcome.REOPENS: Mark("Links call for in progress again", "amber", "refresh"),
    Outcome.UNDECIDED: Mark("Not decided", "amber", "info"),
    Outcome.HELD: Mark("Kept back", "amber", "warning"),
    Outcome.PINNED: Mark("Pinned", "gray", "lock"),
    Outcome.WAITING: Mark("Not looked at yet", "gray", "clock"),
    Outcome.STAYS: Mark("Stays as it is", "gray", "check"),
}

_CALLS = {
    Wanted.IN_PROGRESS: "The links call for in progress: one that counts is open.",
    Wanted.DONE: "The links call for done: all that count are settled, and one is merged.",
    Wanted.NOTHING: "The links call for no change.",
    Wanted.UNDECIDED: "What the links call for cannot be said yet.",
}


def link_words(link: ExplainedLink) -> str:
    """What one link says: ``merged by Ann``."""
    if link.says is None:
        return WITHHELD
    words = STANDINGS[link.says]
    by = f" by {link.merged_by}" if link.merged_by and link.says is LinkMeaning.MERGED else ""
    return words + by


def calls_for(explanation: Explanation) -> str:
    """What the links of a task call for, as a sentence."""
    if explanation.wanted is None:
        return "What the links call for depends on an item that you may not see."
    return _CALLS[explanation.wanted]


def has_changed(explanation: Explanation) -> bool:
    """Whether the links say something else than when a rule set the status."""
    then = [(one.item_id, one.says) for one in explanation.reasons]
    now = [(one.item_id, one.says) for one in explanation.links if one.counts is not False]
    return explanation.rule is None or then != now
