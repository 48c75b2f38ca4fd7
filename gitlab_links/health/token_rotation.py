"""Replacing the token through GitLab's own API, in three steps as validation does.

GitLab voids the former token as it gives the new one, which is told once: whatever could
keep the new one from being stored is tried beforehand.
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
from gitlab_links.audit.operations import SERVICE, Action, Actor, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict, DomainError
from gitlab_links.extensions import db
from gitlab_links.gitlab.answers import INSUFFICIENT_SCOPE, GitLabFailure, NewToken
from gitlab_links.health.hook_repair import OnStep, ignore_step
from gitlab_links.health.token_check import Question
from gitlab_links.integrations.credentials import Credentials, credentials_of, encrypt_token
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.integrations.operations import find_integration, lock_integration
from gitlab_links.operations.models import Operation, OperationKind
from gitlab_links.operations.queue import ask_for

# With the call to GitLab before it, less than a job may take.
SAVING_SECONDS = 10.0
log = structlog.get_logger(__name__)

if TYPE_CHECKING:
    from gitlab_links.gitlab.maintaining import MaintainingClient

ROTATING_SCOPES = frozenset({"api", "self_rotate"})
GRANULAR = "granular"
LIFETIME = timedelta(days=90)
AUTO_BEFORE = timedelta(days=7)

_BOT = re.compile(r"(project|group)_[0-9]+_bot")


class RotationNotAllowed(Conflict):
    """GitLab says that the token may not replace itself: a person makes a new one."""

    code = "rotation_not_allowed"


class RotationFailed(Conflict):
    """GitLab did not rotate the token; the present one is still in use."""

    code = "rotation_failed"


class TokenKind(StrEnum):
    """Whose token it is, by the name of its user."""

    PERSONAL = "personal"
    PROJECT = "project"
    GROUP = "group"


def token_kind(username: str | None) -> TokenKind | None:
    """Read off the user name: GitLab calls the users of such tokens bots."""
    if username is None:
        return None
    found = _BOT.match(username)
    return TokenKind(found.group(1)) if found else TokenKind.PERSONAL


def may_rotate(integration: OrgGitLabIntegration) -> bool:
    """Whether it is worth trying to replace the token: its scopes, as far as they are known,
    do not rule it out. Whether it may is found out by doing it.
    """
    scopes = set(integration.token_scopes or ())
    return not scopes or bool({*ROTATING_SCOPES, GRANULAR} & scopes)


def load_rotation(org_id: uuid.UUID) -> Question:
    """Read what is needed, and make sure that a new token could be kept.

    Raises what ``credentials_of`` raises.
    """
    integration = find_integration(org_id)
    credentials = credentials_of(integration)
    assert integration is not None  # noqa: S101 - credentials_of has seen it
    _encrypted(org_id, credentials, credentials.token)
    return Question(credentials, None, integration.token_ciphertext)


def rotate(question: Question) -> NewToken:
    """Ask GitLab for the new token; no database here.

    Raises :class:`RotationNotAllowed` where GitLab says that the token may not, and
    :class:`RotationFailed`.
    """
    credentials = question.credentials
    if credentials is None:
        raise RotationFailed("There is no token to rotate.")
    from gitlab_links.gitlab.maintaining import MaintainingClient

    try:
        with credentials.client(MaintainingClient) as client:
            return _rotated(client, utcnow().date() + LIFETIME)
    except GitLabFailure as failure:
        if failure.code == INSUFFICIENT_SCOPE:
            raise _not_allowed(failure) from None
        raise RotationFailed(f"GitLab did not rotate the token: {failure.message}") from None


def _not_allowed(failure: GitLabFailure) -> RotationNotAllowed:
    needed = " or ".join(failure.needed)
    if failure.granular:
        needed = ", ".join(failure.needed) or "a permission that GitLab does not name"
    return RotationNotAllowed(
        f"The token may not replace itself: that takes {needed}. Make a new token in GitLab and "
        "set it here."
    )


def _rotated(client: "MaintainingClient", until: date) -> NewToken:
    try:
        return client.rotate_token(until)
    except GitLabFailure as failure:
        if failure.http_status != 400:
            raise
        # An instance may allow shorter lives only; it then decides by itself.
        return client.rotate_token(None)


def save_rotated(
    org_id: uuid.UUID, question: Question, new: NewToken, actor: Actor = SERVICE
) -> None:
    """Store the new token, unless an admin has set another meanwhile; the caller commits."""
    integration = lock_integration(org_id)
    assert question.credentials is not None  # noqa: S101 - rotate() has used them
    if integration is None or not _still_has(integration, question.credentials.token):
        return
    integration.token_ciphertext = _encrypted(org_id, question.credentials, new.token)
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


def _still_has(integration: OrgGitLabIntegration, token: str) -> bool:
    """Compared in clear: `flask rotate-keys` may have encrypted it anew meanwhile."""
    try:
        return credentials_of(integration).token == token
    except DomainError:
        return False


def due_for_rotation(integration: OrgGitLabIntegration, now: datetime) -> bool:
    """Whether the org wants it done by itself, and it is time."""
    expires_at = integration.token_expires_at
    return (
        integration.token_auto_rotate
        and expires_at is not None
        and now < expires_at < now + AUTO_BEFORE
    )


def _encrypted(org_id: uuid.UUID, credentials: Credentials, token: str) -> str:
    return encrypt_token(token, org_id=org_id, base=credentials.base)


def rotate_now(org_id: uuid.UUID, actor: Actor, on_step: OnStep = ignore_step) -> datetime | None:
    """Replace the token and say when the new one expires; takes as long as GitLab: for workers,
    and one at a time for an org.

    Commits by itself: the former token is void from the moment that GitLab answers.
    """
    question = load_rotation(org_id)
    db.session.commit()
    on_step("asking_for_a_token")
    new = rotate(question)
    _save_persistently(org_id, question, new, actor)
    integration = find_integration(org_id)
    return None if integration is None else integration.token_expires_at


def _save_persistently(org_id: uuid.UUID, question: Question, new: NewToken, actor: Actor) -> None:
    """Nothing else has the new token: where the database is away just now, it is waited for."""
    ends_at = monotonic() + SAVING_SECONDS
    while True:
        try:
            save_rotated(org_id, question, new, actor)
            db.session.commit()
            return
        except DBAPIError:
            db.session.rollback()
            if monotonic() > ends_at:
                raise
            log.warning("token.not_kept_yet", org_id=str(org_id))
            sleep(0.5)


def ask_for_rotation(principal: Principal) -> Operation:
    """Have a worker replace the token; raises what ``load_rotation`` raises."""
    load_rotation(principal.org_id)
    return ask_for(principal, OperationKind.ROTATE_TOKEN)
