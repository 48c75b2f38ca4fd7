"""GitLab's and our own codes in plain words: what is the matter, and what to do about it."""

from dataclasses import dataclass

_ASK_ADMIN = "Ask an admin of this org to look at the GitLab page."


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something is not in order. ``remedy`` is for anyone, ``admin_remedy`` for managers."""

    summary: str
    remedy: str
    admin_remedy: str


_PROBLEMS = {
    "missing_integration": Problem(
        "This org is not connected to a GitLab.",
        _ASK_ADMIN,
        "Set the base URL and a token on the GitLab page.",
    ),
    "missing_token": Problem(
        "There is no access token to read GitLab with.",
        _ASK_ADMIN,
        "Set a token with the read_api scope on the GitLab page.",
    ),
    "encryption_key_missing": Problem(
        "The token cannot be read: the service has no encryption key.",
        "Ask the operator of this service to set VIA_RAH_ENCRYPTION_KEY.",
        "Ask the operator of this service to set VIA_RAH_ENCRYPTION_KEY.",
    ),
    "encryption_key_invalid": Problem(
        "The token cannot be read: the service's encryption key is malformed.",
        "Ask the operator of this service to correct VIA_RAH_ENCRYPTION_KEY.",
        "Ask the operator of this service to correct VIA_RAH_ENCRYPTION_KEY.",
    ),
    "invalid_token_ciphertext": Problem(
        "The stored token does not open with the service's present encryption key.",
        _ASK_ADMIN,
        "Set the token again, or have the operator restore the former key beside the new one.",
    ),
    "auth_error": Problem(
        "GitLab refused the access token: it has expired or was revoked.",
        _ASK_ADMIN,
        "Make a new token in GitLab and set it on the GitLab page.",
    ),
    "insufficient_scope": Problem(
        "The access token may not read this.",
        _ASK_ADMIN,
        "Make a token with the read_api scope in GitLab and set it on the GitLab page.",
    ),
    "rate_limited": Problem(
        "GitLab asked for a pause: its limit of requests is used up.",
        "Nothing to do: reading goes on by itself.",
        "Nothing to do: reading goes on by itself.",
    ),
    "network_error": Problem(
        "GitLab cannot be reached.",
        "It is tried again by itself. If GitLab opens in your browser, tell an admin of this org.",
        "It is tried again by itself. If GitLab opens in your browser, check the base URL, "
        "the certificate and the firewall between this service and GitLab.",
    ),
    "blocked_address": Problem(
        "GitLab's address is internal, and this service may not connect to it.",
        _ASK_ADMIN,
        "Ask the operator of this service to list the host in GITLAB_ALLOWED_HOSTS.",
    ),
    "not_found": Problem(
        "GitLab shows no such item: it was deleted, or the access token may not see it.",
        "Open it in GitLab. If you can see it there, tell an admin of this org.",
        "If you can see it in GitLab, give the token's user access to the project.",
    ),
    "instance_mismatch": Problem(
        "This item is on another GitLab than the one the org is connected to now.",
        "Unlink it, and link its successor on the present GitLab.",
        "Unlink it, or set the base URL back on the GitLab page.",
    ),
}


def problem(code: str) -> Problem:
    """What an error code of sync or validation means; every code has an answer."""
    known = _PROBLEMS.get(code)
    if known is not None:
        return known
    if code.startswith("http_5"):
        return Problem(
            f"GitLab answered with an error of its own ({code[5:]}).",
            "It is tried again by itself.",
            "It is tried again by itself. If it lasts, look at GitLab's status page or logs.",
        )
    if code.startswith("http_"):
        return Problem(
            f"GitLab answered {code[5:]}, which was not expected.",
            "It is tried again by itself. If it lasts, tell an admin of this org.",
            "Check that the base URL is that of GitLab itself, then validate the connection.",
        )
    return Problem(
        f"It could not be read from GitLab ({code}).",
        "It is tried again by itself. If it lasts, tell an admin of this org.",
        "Validate the connection on the GitLab page.",
    )


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
    """An item's state as GitLab shows it; a draft is told apart while it is open."""
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
# The badge says these already.
_SAID_BY_STATE = {"not_open", "draft_status"}


def merge_mark(status: str | None) -> Mark | None:
    """Whether a merge request can be merged; None where its state has said it already."""
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
    "unproven": Mark("No secret", "red", "warning"),
    "unreadable": Mark("Hidden from the token", "gray", "lock"),
}


def hook_mark(state: str) -> Mark:
    """The state of a project's webhook."""
    return _HOOKS.get(state, Mark("Not looked at yet", "gray", "clock"))


def _spaced(code: str) -> str:
    return code.replace("_", " ")
