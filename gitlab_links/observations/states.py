"""The words for the state of a hook, and what a hook of ours should listen to."""

from enum import StrEnum

# What a hook of ours listens to, by its name in GitLab's API, as GitLab's form calls it, in the
# order of that form. Page, messages and documents take it from here; a test holds the documents.
EVENT_NAMES = {
    "note_events": "Comments",
    "confidential_note_events": "Confidential comments",
    "issues_events": "Issues events",
    "confidential_issues_events": "Confidential issues events",
    "merge_requests_events": "Merge request events",
    "pipeline_events": "Pipeline events",
}
OUR_EVENTS = frozenset(EVENT_NAMES)
# Those whose absence is a finding: confidential comments say nothing that is shown.
EXPECTED_EVENTS = tuple(sorted(OUR_EVENTS - {"confidential_note_events"}))


class HookState(StrEnum):
    """What became of the newest look at a project's hooks.

    ``unknown``: not looked at yet, or GitLab gave no answer. ``unreadable``: the token may
    not see hooks. ``elsewhere``: no hook of the project's own, and yet events arrive, by a
    group's hook or the instance's. ``unproven``: it does not send the secret or signature that is
    asked for.
    """

    UNKNOWN = "unknown"
    OK = "ok"
    MISSING = "missing"
    ELSEWHERE = "elsewhere"
    TEMPORARILY_DISABLED = "temporarily_disabled"
    DISABLED = "disabled"
    EVENTS_MISSING = "events_missing"
    UNPROVEN = "unproven"
    UNREADABLE = "unreadable"
