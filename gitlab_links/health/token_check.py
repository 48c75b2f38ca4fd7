"""Checking the token with GitLab, in three steps with no transaction open in between.

:func:`validate_now` runs them.
"""

import random
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from gitlab_links.accounts.principal import Principal
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.errors import DomainError
from gitlab_links.extensions import db, settings
from gitlab_links.gitlab.answers import (
    GitLabFailure,
    TokenCheck,
)
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.snapshot import Person
from gitlab_links.gitlab.urls import BaseUrl
from gitlab_links.health.token_life import SOON, checked_by
from gitlab_links.http.gitlab_waits import waiting_for_gitlab
from gitlab_links.integrations.changes import find_integration
from gitlab_links.integrations.credentials import Credentials, credentials_of
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.integrations.pauses import growing_pause
from gitlab_links.job_triggers import JobKind, trigger_after_commit
from gitlab_links.links.models import GitLabItem, GitLabProject

LISTS_OF_EACH_TYPE = 2
Connect = Callable[..., AbstractContextManager["CheckingClient"]]

if TYPE_CHECKING:
    from gitlab_links.gitlab.token_client import CheckingClient

DAILY = timedelta(days=1)


class ValidationStatus(StrEnum):
    """``not_validated``: GitLab was not called, or gave no answer about the token."""

    VALID = "valid"
    INVALID = "invalid"
    NOT_VALIDATED = "not_validated"


@dataclass(frozen=True, slots=True)
class Validation:
    """The result, with the field names of the API."""

    status: ValidationStatus
    error_code: str | None = None
    user: Person | None = None
    scopes: tuple[str, ...] | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    gitlab_version: str | None = None
    missing_scopes: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What to check: credentials, or the code that says why there are none.

    ``ciphertext`` shows later whether the result is still about the current token. ``needed``
    are lists that the token has to read, by project and type.
    """

    credentials: Credentials | None
    error_code: str | None
    ciphertext: str | None
    needed: Sequence[tuple[int | str, ItemType]] = ()


# GitLab has answered, and the token cannot be used.
REFUSED = frozenset({ErrorCode.AUTH_ERROR, ErrorCode.INSUFFICIENT_SCOPE})
# Not failures of the connection: nothing is set, or GitLab asked for a pause.
NOT_NOTED = frozenset(
    {ErrorCode.MISSING_INTEGRATION, ErrorCode.MISSING_TOKEN, ErrorCode.RATE_LIMITED}
)


def load_question(org_id: uuid.UUID) -> Question:
    """Load the credentials and the ciphertext of the token."""
    integration = find_integration(org_id)
    ciphertext = integration.token_ciphertext if integration is not None else None
    try:
        return Question(credentials_of(integration), None, ciphertext)
    except DomainError as refusal:
        return Question(None, refusal.code, ciphertext)


def call_gitlab(question: Question, connect: Connect = Credentials.client) -> Validation:
    """Check the token with GitLab. GitLab's failures are returned, not raised.

    ``connect`` makes the client; by default that of a request that waits for GitLab. All calls
    together take no longer than one call may. A 401 counts only if it comes twice: proxies and
    deploys cause one now and then.
    """
    if question.credentials is None:
        return Validation(ValidationStatus.NOT_VALIDATED, question.error_code)
    from gitlab_links.gitlab.token_client import CheckingClient

    try:
        with connect(
            question.credentials, CheckingClient, whole_seconds=settings().gitlab_timeout
        ) as client:
            return _valid(_checked(client, question.needed))
    except GitLabFailure as failure:
        refused = failure.code in REFUSED
        status = ValidationStatus.INVALID if refused else ValidationStatus.NOT_VALIDATED
        return Validation(
            status,
            failure.code,
            scopes=failure.held,
            missing_scopes=failure.needed,
            reason=failure.reason,
        )


def _checked(client: "CheckingClient", needed: Sequence[tuple[int | str, ItemType]]) -> TokenCheck:
    try:
        return client.check_token(needed)
    except GitLabFailure as failure:
        if failure.code != ErrorCode.AUTH_ERROR:
            raise
    return client.check_token(needed)


def record(principal: Principal, question: Question, result: Validation) -> None:
    """Save and audit the result, unless the token has changed meanwhile; the caller commits."""
    integration = save_result(principal.org_id, question, result)
    if integration is None:
        return
    write_audit_event(
        principal.org_id,
        principal.actor,
        Action.INTEGRATION_VALIDATED,
        integration.id,
        {"status": result.status.value, "error_code": result.error_code},
    )


def save_result(
    org_id: uuid.UUID, question: Question, result: Validation
) -> OrgGitLabIntegration | None:
    """Save the result; returns None and saves nothing if the token has changed meanwhile."""
    integration = find_integration(org_id)
    if integration is None or integration.token_ciphertext != question.ciphertext:
        return None
    now = utcnow()
    unanswered = result.status is ValidationStatus.NOT_VALIDATED
    # With jitter, so that the checks of orgs spread. Soon without an answer about the token.
    wait = (SOON if unanswered else DAILY) * random.uniform(0.75, 1.0)  # noqa: S311
    integration.token_check_due_at = now + wait
    if not unanswered:
        integration.token_checked_at = now
    if result.scopes is not None or result.status is ValidationStatus.VALID:
        integration.token_scopes = None if result.scopes is None else list(result.scopes)
    if result.status is ValidationStatus.VALID:
        integration.token_expires_at = result.expires_at
        integration.token_check_due_at = min(now + wait, _checked_by(integration, result, now))
        integration.token_username = None if result.user is None else result.user.username
        if result.gitlab_version is not None and question.credentials is not None:
            integration.note_version(str(question.credentials.base), result.gitlab_version)
    if result.status is not ValidationStatus.INVALID and _is_rate_limited(integration, now):
        return integration  # only a refusal overrides a pause that GitLab asked for
    if result.status is ValidationStatus.VALID:
        integration.clear_error()
        trigger_after_commit(db.session, JobKind.SYNC, org_id)
    elif result.error_code not in NOT_NOTED:
        integration.note_error(result.error_code, result.reason, now)
        integration.failures += 1
        # It may end at any time.
        integration.token_check_due_at = now + growing_pause(integration.failures)
    return integration


def _checked_by(integration: OrgGitLabIntegration, result: Validation, now: datetime) -> datetime:
    if result.expires_at is None:
        return now + DAILY
    return checked_by(result.created_at or integration.token_set_at, result.expires_at, now)


def _is_rate_limited(integration: OrgGitLabIntegration, now: datetime) -> bool:
    """GitLab may limit other calls and still answer the one that checks the token."""
    until = integration.paused_until
    return integration.error_code == ErrorCode.RATE_LIMITED and until is not None and until > now


def _valid(check: TokenCheck) -> Validation:
    expires_at = None
    if check.expires_at is not None:
        expires_at = datetime.combine(check.expires_at, time(), UTC)
    return Validation(
        ValidationStatus.VALID,
        user=check.user,
        scopes=check.scopes,
        created_at=check.created_at,
        expires_at=expires_at,
        gitlab_version=check.gitlab_version,
        missing_scopes=check.missing,
    )


def load_check(org_id: uuid.UUID) -> Question:
    """Load the credentials and a sample of the lists that the token has to read."""
    question = load_question(org_id)
    if question.credentials is None:
        return question
    return replace(question, needed=needed_lists(org_id, question.credentials.base))


def needed_lists(org_id: uuid.UUID, base: BaseUrl) -> list[tuple[int | str, ItemType]]:
    """A sample of the lists at an address that the org's token has to read there."""
    return [entry for item_type in ItemType for entry in _lists(org_id, base, item_type)]


def _lists(
    org_id: uuid.UUID, base: BaseUrl, item_type: ItemType
) -> list[tuple[int | str, ItemType]]:
    """The projects fetched last among those with a GitLab id."""
    project = GitLabProject
    found = db.session.scalars(
        select(project.gitlab_id)
        .join(GitLabItem, GitLabItem.project_id == project.id)
        .where(
            project.org_id == org_id,
            project.base_url == str(base),
            project.gitlab_id.is_not(None),
            GitLabItem.type == item_type,
        )
        .group_by(project.gitlab_id)
        .order_by(func.max(GitLabItem.last_synced_at).desc())
        .limit(LISTS_OF_EACH_TYPE)
    )
    return [(gitlab_id, item_type) for gitlab_id in found if gitlab_id is not None]


def validate_now(principal: Principal) -> Validation:
    """Check the org's token with GitLab and save the result, waiting for GitLab.

    Raises what ``waiting_for_gitlab`` raises. The caller commits the result.
    """
    question = load_check(principal.org_id)
    db.session.commit()
    with waiting_for_gitlab(principal.org_id):
        result = call_gitlab(question)
    record(principal, question, result)
    return result
