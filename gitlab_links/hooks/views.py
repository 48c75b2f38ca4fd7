"""The words for the state of a hook, and what a hook of ours should listen to."""

from enum import StrEnum

# Those whose absence is told; a new hook listens to confidential comments as well.
EXPECTED_EVENTS = (
    "issues_events",
    "confidential_issues_events",
    "merge_requests_events",
    "note_events",
    "pipeline_events",
)
OUR_EVENTS = frozenset({*EXPECTED_EVENTS, "confidential_note_events"})


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
