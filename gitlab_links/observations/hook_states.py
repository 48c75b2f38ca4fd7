"""The states of a hook, and the events that our hooks send."""

from enum import StrEnum

# The events of our hooks: their names in GitLab's API and in GitLab's form, in the order of the
# form. Page and messages use this list; a test compares the documents with it.
EVENT_NAMES = {
    "note_events": "Comments",
    "confidential_note_events": "Confidential comments",
    "issues_events": "Issues events",
    "confidential_issues_events": "Confidential issues events",
    "merge_requests_events": "Merge request events",
    "pipeline_events": "Pipeline events",
}
OUR_EVENTS = frozenset(EVENT_NAMES)
# A hook without one of these has a finding. Confidential comments change nothing that is shown.
EXPECTED_EVENTS = tuple(sorted(OUR_EVENTS - {"confidential_note_events"}))


class HookState(StrEnum):
    """The result of the last check of a project's hooks.

    ``unknown``: not checked yet, or GitLab gave no answer. ``unreadable``: the token may not
    see hooks. ``elsewhere``: the project has no hook, but events arrive from a hook of its
    group or of the instance. ``unproven``: the hook does not send the required signature, or
    no secret that is known here.
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
