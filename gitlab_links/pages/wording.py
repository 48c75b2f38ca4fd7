"""GitLab's states as a few words with a colour and an icon."""

from collections.abc import Sequence
from dataclasses import dataclass

from gitlab_links.links.link_views import LinkView


@dataclass(frozen=True, slots=True)
class Mark:
    """A few words with a colour (green, blue, red, amber, gray) and an icon."""

    text: str
    tone: str
    icon: str


_ITEM_MARKS = {
    ("issue", "opened"): Mark("Open", "green", "issue-opened"),
    ("issue", "closed"): Mark("Closed", "blue", "issue-closed"),
    ("merge_request", "opened"): Mark("Open", "green", "mr-opened"),
    ("merge_request", "merged"): Mark("Merged", "blue", "mr-merged"),
    ("merge_request", "closed"): Mark("Closed", "red", "mr-closed"),
    ("merge_request", "locked"): Mark("Locked", "amber", "mr-opened"),
}
_DRAFT = Mark("Draft", "gray", "mr-draft")


def item_mark(gitlab_type: str, state: str | None, draft: bool = False) -> Mark:
    """An item's state as GitLab shows it; an open draft has its own mark."""
    if draft and state == "opened":
        return _DRAFT
    kind = "issue" if gitlab_type == "issue" else "mr"
    unknown = Mark((state or "Not known yet").capitalize(), "gray", f"{kind}-opened")
    return _ITEM_MARKS.get((gitlab_type, state or ""), unknown)


_PIPELINES = {
    "success": Mark("Pipeline passed", "green", "pipeline-success"),
    "failed": Mark("Pipeline failed", "red", "pipeline-failed"),
    "running": Mark("Pipeline running", "blue", "pipeline-running"),
    "pending": Mark("Pipeline pending", "amber", "pipeline-pending"),
    "created": Mark("Pipeline created", "gray", "pipeline-pending"),
    "preparing": Mark("Pipeline preparing", "gray", "pipeline-pending"),
    "waiting_for_resource": Mark("Pipeline waits for a resource", "amber", "pipeline-pending"),
    "waiting_for_callback": Mark("Pipeline waits for a callback", "amber", "pipeline-pending"),
    "scheduled": Mark("Pipeline scheduled", "gray", "clock"),
    "manual": Mark("Pipeline waits for a manual job", "gray", "pipeline-manual"),
    "canceling": Mark("Pipeline is being canceled", "gray", "pipeline-canceled"),
    "canceled": Mark("Pipeline canceled", "gray", "pipeline-canceled"),
    "skipped": Mark("Pipeline skipped", "gray", "pipeline-skipped"),
}


def pipeline_mark(status: str) -> Mark:
    """The status of a merge request's newest pipeline."""
    return _PIPELINES.get(status, Mark(f"Pipeline {_spaced(status)}", "gray", "pipeline-pending"))


_READY = Mark("Ready to merge", "green", "check")
_MERGEABILITY = {
    "mergeable": _READY,
    "can_be_merged": _READY,
    "conflict": Mark("Merge conflicts", "red", "warning"),
    "cannot_be_merged": Mark("Cannot be merged", "red", "warning"),
    "broken_status": Mark("Cannot be merged", "red", "warning"),
    "not_approved": Mark("Needs approval", "amber", "person"),
    "approvals_syncing": Mark("Approvals are being updated", "gray", "clock"),
    "requested_changes": Mark("Changes requested", "amber", "person"),
    "discussions_not_resolved": Mark("Open threads", "amber", "info"),
    "need_rebase": Mark("Needs a rebase", "amber", "warning"),
    "ci_must_pass": Mark("Pipeline must pass", "amber", "warning"),
    "ci_still_running": Mark("Waits for the pipeline", "gray", "clock"),
    "blocked_status": Mark("Blocked by another merge request", "amber", "warning"),
    "merge_request_blocked": Mark("Blocked by another merge request", "amber", "warning"),
    "status_checks_must_pass": Mark("Status checks must pass", "amber", "warning"),
    "external_status_checks": Mark("Status checks must pass", "amber", "warning"),
    "security_policy_violations": Mark("Violates a security policy", "amber", "warning"),
    "policies_denied": Mark("Denied by a policy", "amber", "warning"),
    "jira_association_missing": Mark("Needs a Jira issue in its title", "amber", "info"),
    "title_regex": Mark("Title does not match the rule", "amber", "info"),
    "locked_paths": Mark("Touches locked paths", "amber", "lock"),
    "locked_lfs_files": Mark("Touches locked files", "amber", "lock"),
    "merge_time": Mark("Waits for its merge time", "gray", "clock"),
    "checking": Mark("Mergeability is being checked", "gray", "clock"),
    "unchecked": Mark("Mergeability not checked yet", "gray", "clock"),
    "preparing": Mark("Being prepared", "gray", "clock"),
}
# The state badge shows these already.
_SAID_BY_STATE = {"not_open", "draft_status"}


def merge_mark(status: str | None) -> Mark | None:
    """Whether a merge request can be merged; None where the state badge shows it already."""
    if status is None or status in _SAID_BY_STATE:
        return None
    return _MERGEABILITY.get(status, Mark(_spaced(status).capitalize(), "gray", "info"))


_HOOKS = {
    "ok": Mark("Works", "green", "check"),
    "elsewhere": Mark("Group or system hook", "green", "check"),
    "missing": Mark("No webhook", "amber", "warning"),
    "temporarily_disabled": Mark("Disabled for a while", "red", "warning"),
    "disabled": Mark("Disabled", "red", "warning"),
    "events_missing": Mark("Events are missing", "amber", "warning"),
    "unproven": Mark("Secret unknown", "red", "warning"),
    "unreadable": Mark("Token cannot see webhooks", "gray", "lock"),
}


def hook_mark(state: str) -> Mark:
    """The state of a project's webhook."""
    return _HOOKS.get(state, Mark("Not checked yet", "gray", "clock"))


def _spaced(code: str) -> str:
    return code.replace("_", " ")


_PLACES = {
    "title": "title",
    "description": "description",
    "source_branch": "branch name",
    "comment": "comments",
}


def approvers(link: LinkView) -> str:
    """Who has approved: by the names of those whom the row shows anyway, else their usernames."""
    author = [link.author] if link.author else []
    names = {one["username"]: one["name"] for one in (*link.reviewers, *link.assignees, *author)}
    return ", ".join(str(names.get(username, username)) for username in link.approved_by)


def mention_places(fields: Sequence[str]) -> str:
    """Where an item mentions a task: ``the title, description and branch name``."""
    *first, last = [_PLACES.get(field, field) for field in fields]
    return f"the {', '.join(first)} and {last}" if first else f"the {last}"
