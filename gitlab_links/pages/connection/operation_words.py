"""Page texts for operations: the steps so far, and the result."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from gitlab_links.clock import utcnow
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.operations.models import Operation, OperationKind, OperationStatus
from gitlab_links.operations.queue import OF_THE_TOKEN, REPEATABLE, counts_since, operations_since
from gitlab_links.pages.times import day

# How long a finished operation stays on the page, and how many are shown at once.
SHOWN_AFTERWARDS = timedelta(minutes=10)
MOST_SHOWN = 5

_STEPS = {
    "looking_for_the_webhook": "looking for the webhook in GitLab",
    "making_the_webhook": "creating the webhook",
    "changing_the_webhook": "repairing the webhook",
    "deleting_the_webhook": "deleting the webhook",
    "testing_the_webhook": "asking GitLab for a test event",
    "sending_failed_events_again": "asking GitLab to resend failed events",
    "asking_for_a_token": "asking GitLab for a new token",
    "keeping_the_token": "storing the new token",
    "looking_for_another_tracker": "looking for another issue tracker",
    "setting_the_tracker": "setting the custom issue tracker",
}


@dataclass(frozen=True, slots=True)
class OperationWords:
    """One operation as the page shows it; without ``steps`` once it is done."""

    id: uuid.UUID
    title: str
    text: str
    tone: str
    icon: str
    steps: Sequence[str]


def shown_since(integration: OrgGitLabIntegration | None) -> datetime | None:
    """Since when operations are shown: ten minutes, and none of an earlier connection; None when
    there is no connection.
    """
    if integration is None:
        return None
    return max(utcnow() - SHOWN_AFTERWARDS, integration.created_at)


def recent_operations(org_id: uuid.UUID, since: datetime) -> list[OperationWords]:
    """The org's operations that are running or have finished since."""
    return [_words(one) for one in operations_since(org_id, since, MOST_SHOWN)]


@dataclass(frozen=True, slots=True)
class HookProgress:
    """How far the creation of several webhooks is."""

    total: int
    done: int
    failed: int

    @property
    def ended(self) -> int:
        """How many are done or failed."""
        return self.done + self.failed


def hook_progress(org_id: uuid.UUID, since: datetime) -> HookProgress | None:
    """The progress of webhooks requested or waiting since; None for fewer than two."""
    counts = counts_since(org_id, OperationKind.MAKE_HOOK, since)
    total = sum(counts.values())
    if total < 2:
        return None
    done, failed = OperationStatus.DONE, OperationStatus.FAILED
    return HookProgress(total, counts.get(done, 0), counts.get(failed, 0))


def _words(operation: Operation) -> OperationWords:
    title = _title(operation)
    steps = [_STEPS.get(step["step"], step["step"]) for step in operation.steps]
    if operation.status == OperationStatus.DONE:
        text, good = _outcome(operation)
        tone, sign = ("green", "check") if good else ("amber", "warning")
        return OperationWords(operation.id, title, text, tone, sign, ())
    if operation.status == OperationStatus.FAILED:
        text = operation.error_detail or ""
        return OperationWords(operation.id, title, text, "red", "warning", steps)
    waiting = "Waiting for a worker." if not steps else ""
    return OperationWords(operation.id, title, waiting, "blue", "refresh", steps)


def _title(operation: Operation) -> str:
    if operation.kind in OF_THE_TOKEN:
        return "New token"
    if operation.kind == OperationKind.SET_TRACKER:
        return f"Clickable keys in {operation.subject}"
    if operation.kind in REPEATABLE:
        return f"Deletion of {operation.subject}"
    return f"Webhook of {operation.subject}"


def _outcome(operation: Operation) -> tuple[str, bool]:
    result: dict[str, Any] = operation.result or {}
    if operation.kind in OF_THE_TOKEN:
        if result.get("rotated") is False:  # not in results of earlier versions
            return "It was not needed: somebody had set another token meanwhile.", True
        expires_at = result.get("token_expires_at")
        until = ""
        if expires_at is not None:
            until = f" The new one is valid until {day(date.fromisoformat(expires_at[:10]))}."
        return f"GitLab issued a new token and revoked the old one.{until}", True
    if operation.kind == OperationKind.SET_TRACKER:
        done = "Keys lead to their tasks now." if result["changed"] else "They were before."
        return done, True
    if operation.kind == OperationKind.REMOVE_HOOK:
        kept = "None was deleted: there is none, or the project is watched or linked again."
        return ("It was deleted." if result["removed"] else kept), True
    parts = ["The webhook was created." if result["created"] else "The webhook was repaired."]
    if result["tested"]:
        parts.append("GitLab sent a test event, and it arrived.")
    else:
        parts.append(
            "A test event did not arrive: GitLab cannot reach this service at its address, or "
            "the project has nothing to send yet."
        )
    if result["resent"]:
        parts.append(f"{result['resent']} failed events were sent again.")
    return " ".join(parts), bool(result["tested"])
