"""Replacing the token through GitLab's API, in steps: load, call GitLab, save.

GitLab revokes the old token when it creates the new one, and shows the new one only once. So
everything that could prevent storing it is tried beforehand.
"""

import re
import uuid
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from time import monotonic, sleep
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import DBAPIError

from gitlab_links.accounts.principal import Principal
from gitlab_links.audit.changes import SERVICE, Action, Actor, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict
from gitlab_links.extensions import db
from gitlab_links.gitlab.answers import GitLabFailure, NewToken
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.health.background_calls import background_client
from gitlab_links.health.token_check import Question, Validation, ValidationStatus
from gitlab_links.health.token_life import replaced_from
from gitlab_links.integrations.changes import find_integration, lock_integration
from gitlab_links.integrations.credentials import credentials_of, encrypt_token, still_has
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.operations.models import Operation, OperationKind
from gitlab_links.operations.queue import OF_THE_TOKEN, ask_for, newest_of
from gitlab_links.operations.steps import OnStep, PutOff, ignore_step

# Of all calls. A job that ran into its timeout would lose the only copy of the new token.
CALLING_SECONDS = 10.0
# Since the beginning: no attempt to save begins later, so that the last one is over before the
# job's timeout; see tests/jobs/test_deadlines.py for the sum.
SAVING_UNTIL_SECONDS = 15.0
PAUSE_SECONDS = 0.5
log = structlog.get_logger(__name__)

if TYPE_CHECKING:
    from gitlab_links.gitlab.hook_client import MaintainingClient

ROTATING_SCOPES = frozenset({"api", "self_rotate"})
GRANULAR = "granular"
# The first that the instance allows; it may limit lifetimes.
LIFETIMES = tuple(timedelta(days=days) for days in (90, 60, 30, 14))
# Of refusals, before GitLab is asked without a date: the call that succeeds needs its time.
TRYING_DATES = 0.2
# Between an attempt, whoever made it and whatever came of it, and an automatic one.
AUTO_PAUSE = timedelta(hours=6)

_BOT = re.compile(r"(project|group)_[0-9]+_bot")


class RotationNotAllowed(Conflict, code="rotation_not_allowed"):
    """The token may not replace itself: an admin has to create a new one."""


class RotationFailed(Conflict, code="rotation_failed"):
    """GitLab did not rotate the token, or its answer was lost; the current one stays in use."""


class RotationPutOff(RotationFailed, PutOff):
    """GitLab's rate limit is used up."""


class TokenKind(StrEnum):
    """What the token belongs to, by the name of its user."""

    PERSONAL = "personal"
    PROJECT = "project"
    GROUP = "group"


def token_kind(username: str | None) -> TokenKind | None:
    """By the user name: GitLab creates a bot user for each project or group token."""
    if username is None:
        return None
    found = _BOT.match(username)
    return TokenKind(found.group(1)) if found else TokenKind.PERSONAL


def may_rotate(integration: OrgGitLabIntegration) -> bool:
    """Whether the token's known scopes allow replacing it; only trying shows whether it works."""
    scopes = set(integration.token_scopes or ())
    return not scopes or bool({*ROTATING_SCOPES, GRANULAR} & scopes)


def load_rotation(org_id: uuid.UUID) -> Question:
    """Load the credentials, and make sure that a new token could be encrypted.

    Raises what ``credentials_of`` raises.
    """
    integration = find_integration(org_id)
    credentials = credentials_of(integration)
    assert integration is not None  # noqa: S101 - else credentials_of raises
    encrypt_token(credentials.token, org_id=org_id, base=credentials.base)
    return Question(credentials, None, integration.token_ciphertext)


def rotate(org_id: uuid.UUID, question: Question) -> NewToken:
    """Have GitLab replace the token; no transaction is open meanwhile.

    Raises :class:`RotationNotAllowed` if the token lacks the right, and :class:`RotationFailed`.
    """
    credentials = question.credentials
    if credentials is None:
        raise RotationFailed("There is no token to rotate.")
    from gitlab_links.gitlab.hook_client import MaintainingClient

    try:
        with background_client(
            org_id, credentials, MaintainingClient, whole_seconds=CALLING_SECONDS
        ) as client:
            return _rotated(client, utcnow().date())
    except GitLabFailure as failure:
        if failure.code == ErrorCode.INSUFFICIENT_SCOPE:
            raise _not_allowed(failure) from None
        raise _failed(failure) from None


def _failed(failure: GitLabFailure) -> RotationFailed:
    if not failure.leaves_open:
        put_off = failure.code == ErrorCode.RATE_LIMITED
        refusal = RotationPutOff if put_off else RotationFailed
        return refusal(f"GitLab did not rotate the token: {failure.message}")
    return RotationFailed(
        f"{failure.message} So nobody knows whether GitLab has replaced the token. Press Validate: "
        "if GitLab refuses the token, make a new one there and set it on the GitLab page."
    )


def _not_allowed(failure: GitLabFailure) -> RotationNotAllowed:
    return RotationNotAllowed(
        f"The token may not replace itself: that needs {failure.needed_words}. Make a new token "
        "in GitLab and set it here."
    )


def _rotated(client: "MaintainingClient", today: date) -> NewToken:
    """A new token with the longest of ``LIFETIMES`` that GitLab allows, else with the one that
    GitLab picks: a week, or less where it allows less.
    """
    ends_at = monotonic() + CALLING_SECONDS * TRYING_DATES
    for lifetime in LIFETIMES:
        try:
            return client.rotate_token(today + lifetime)
        except GitLabFailure as failure:
            if failure.http_status != 400:
                raise
        if monotonic() > ends_at:
            break
    return client.rotate_token(None)


def save_rotated(
    org_id: uuid.UUID, question: Question, new: NewToken, actor: Actor = SERVICE
) -> None:
    """Store the new token, unless an admin has set another meanwhile; the caller commits."""
    integration = lock_integration(org_id)
    assert question.credentials is not None  # noqa: S101 - rotate() used them
    if integration is None or not still_has(integration, question.credentials.token):
        return
    base = question.credentials.base
    integration.token_ciphertext = encrypt_token(new.token, org_id=org_id, base=base)
    integration.token_set_at = integration.token_check_due_at = utcnow()
    integration.token_expires_at = (
        None if new.expires_at is None else datetime.combine(new.expires_at, time(), UTC)
    )
    write_audit_event(
        org_id,
        actor,
        Action.TOKEN_ROTATED,
        integration.id,
        {"expires_at": None if new.expires_at is None else new.expires_at.isoformat()},
    )


def due_for_rotation(integration: OrgGitLabIntegration, checked: Validation, now: datetime) -> bool:
    """Whether the org has automatic rotation on, and the token, just checked, expires soon.

    A token that GitLab does not accept is not rotated: it may have been replaced, and the new
    one lost. Nothing is tried twice within ``AUTO_PAUSE``.
    """
    expires_at = checked.expires_at
    if not integration.token_auto_rotate or checked.status is not ValidationStatus.VALID:
        return False
    if expires_at is None:
        return False
    due_at = replaced_from(checked.created_at or integration.token_set_at, expires_at)
    return due_at <= now < expires_at and not _tried_lately(integration.org_id, now)


def _tried_lately(org_id: uuid.UUID, now: datetime) -> bool:
    newest = newest_of(org_id, OF_THE_TOKEN)
    return newest is not None and now - AUTO_PAUSE < newest.created_at <= now


def set_since(org_id: uuid.UUID, moment: datetime) -> bool:
    """Whether the org has another token than at a moment, from whomever."""
    integration = find_integration(org_id)
    set_at = None if integration is None else integration.token_set_at
    return set_at is not None and set_at > moment


def rotate_now(org_id: uuid.UUID, actor: Actor, on_step: OnStep = ignore_step) -> datetime | None:
    """Replace the token and return when the new one expires.

    Waits for GitLab: for workers only, one at a time for an org. Commits, because the old token
    is revoked as soon as GitLab answers.
    """
    ends_at = monotonic() + SAVING_UNTIL_SECONDS
    question = load_rotation(org_id)
    db.session.commit()
    on_step("asking_for_a_token")
    new = rotate(org_id, question)
    _save_persistently(org_id, question, new, actor, ends_at)
    integration = find_integration(org_id)
    return None if integration is None else integration.token_expires_at


def _save_persistently(
    org_id: uuid.UUID, question: Question, new: NewToken, actor: Actor, ends_at: float
) -> None:
    """Retries while the database is unavailable: the new token is stored nowhere else."""
    while True:
        try:
            save_rotated(org_id, question, new, actor)
            db.session.commit()
            return
        except DBAPIError:
            db.session.rollback()
            if monotonic() + PAUSE_SECONDS > ends_at:
                raise
            log.warning("token.not_kept_yet", org_id=str(org_id))
            sleep(PAUSE_SECONDS)


def ask_for_rotation(principal: Principal) -> Operation:
    """Create the operation that replaces the token; raises what ``load_rotation`` raises."""
    load_rotation(principal.org_id)
    return ask_for(principal, OperationKind.ROTATE_TOKEN)
