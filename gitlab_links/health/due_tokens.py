"""Which orgs' tokens are due for a check: each once a day, spread over the day."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from gitlab_links.errors import DomainError
from gitlab_links.extensions import change_rows, db
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.integrations.credentials import credentials_of
from gitlab_links.integrations.models import OrgGitLabIntegration

# Longer than a job may take. If a worker dies, the check is due again after this time.
CLAIM = timedelta(minutes=2)

# What a process says that was started with other keys.
_NOT_DECRYPTED = (
    ErrorCode.ENCRYPTION_KEY_MISSING,
    ErrorCode.ENCRYPTION_KEY_INVALID,
    ErrorCode.INVALID_TOKEN_CIPHERTEXT,
)

_integration = OrgGitLabIntegration
_has_token = (_integration.base_url.is_not(None), _integration.token_ciphertext.is_not(None))


def _is_due(now: datetime) -> ColumnElement[bool]:
    """Due, and GitLab has not asked for a pause: a check makes several calls."""
    due_at, until = _integration.token_check_due_at, _integration.paused_until
    asked_for_a_pause = and_(
        func.coalesce(_integration.error_code, "") == ErrorCode.RATE_LIMITED,
        func.coalesce(until, now) > now,
    )
    return and_(or_(due_at.is_(None), due_at <= now), ~asked_for_a_pause)


def orgs_with_due_token(now: datetime, limit: int) -> Sequence[uuid.UUID]:
    """Orgs whose token check is due, the most overdue first."""
    return db.session.scalars(
        select(_integration.org_id)
        .where(*_has_token, _is_due(now))
        .order_by(_integration.token_check_due_at)
        .limit(limit)
    ).all()


def claim_due_token(org_id: uuid.UUID, now: datetime) -> bool:
    """Claim the org's check if it is due and not claimed; the caller commits."""
    taken = change_rows(
        update(_integration)
        .where(_integration.org_id == org_id, *_has_token, _is_due(now))
        .values(token_check_due_at=now + CLAIM, updated_at=_integration.updated_at)
    )
    return taken > 0


def make_token_check_due(org_id: uuid.UUID, now: datetime, unless_since: datetime) -> bool:
    """Make the check due now unless one succeeded after ``unless_since``; returns whether."""
    checked = _integration.token_checked_at
    taken = change_rows(
        update(_integration)
        .where(
            _integration.org_id == org_id,
            *_has_token,
            or_(checked.is_(None), checked < unless_since),
            or_(
                _integration.token_check_due_at.is_(None),
                _integration.token_check_due_at > now + CLAIM,
            ),
        )
        .values(token_check_due_at=now, updated_at=_integration.updated_at)
    )
    return taken > 0


def make_decryptable_tokens_due(now: datetime) -> None:
    """Make the check due of each token that could not be decrypted and can be now: the operator
    has mended the keys, and nobody has to wait for the end of a pause. The caller commits.
    """
    refused = select(_integration).where(
        *_has_token,
        _integration.error_code.in_(_NOT_DECRYPTED),
        _integration.token_check_due_at > now,
    )
    for integration in db.session.scalars(refused).all():
        try:
            credentials_of(integration)
        except DomainError:
            continue
        db.session.execute(
            update(_integration)
            .where(_integration.id == integration.id)
            .values(token_check_due_at=now, updated_at=_integration.updated_at)
        )
