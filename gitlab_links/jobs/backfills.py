"""One slice of looking back for mentions in one org: take a list, call, save, commit, repeat."""

import time
import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from gitlab_links.backfills.changes import (
    Turn,
    has_due,
    held,
    note_read,
    note_skipped,
    note_trouble,
    take,
    wait_until,
)
from gitlab_links.backfills.reading import link_page, note_found
from gitlab_links.clock import utcnow
from gitlab_links.errors import DomainError
from gitlab_links.extensions import db, settings
from gitlab_links.gitlab.answers import GitLabFailure, RateLimit
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.health.background_calls import background_client
from gitlab_links.integrations.changes import find_integration, lock_integration
from gitlab_links.integrations.credentials import Credentials, credentials_of
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.job_triggers import JobKind, allow_triggers, suppress_triggers, trigger
from gitlab_links.slow_gitlabs import measured
from gitlab_links.sync.rate_budget import note_rate_limit, used_up_until

if TYPE_CHECKING:
    from gitlab_links.gitlab.search_client import FoundPage

SLICE_SECONDS = 4.0
LONGEST_WAIT = 3600

log = structlog.get_logger(__name__)


def backfill_slice(org_id: uuid.UUID) -> None:
    """Read an org's lists for ``SLICE_SECONDS``; trigger again if more are left.

    Safe to run twice or never: a list is leased, a page that is read twice finds or links the
    same, and the sweep triggers what a lost run left behind.
    """
    ends_at = time.monotonic() + SLICE_SECONDS
    while time.monotonic() < ends_at:
        suppress_triggers(JobKind.BACKFILL, org_id)
        turn = take(org_id, utcnow())
        db.session.commit()
        if turn is None:
            break
        _read(org_id, turn)
    allow_triggers(JobKind.BACKFILL, org_id)
    if has_due(org_id, utcnow()):
        trigger(JobKind.BACKFILL, org_id)
    db.session.rollback()


def _read(org_id: uuid.UUID, turn: Turn) -> None:
    integration = find_integration(org_id)
    until = None if integration is None else _not_before(integration, utcnow())
    try:
        credentials = credentials_of(integration)
    except DomainError as refusal:
        _save_trouble(turn, refusal.code, refusal.detail, None)
        return
    db.session.rollback()
    if until is not None:
        _wait(turn, until)
        return
    try:
        with measured(org_id):
            page, limit = _call(org_id, credentials, turn)
    except GitLabFailure as failure:
        _save_failure(turn, failure)
        return
    _save(org_id, turn, page, limit)


def _not_before(integration: OrgGitLabIntegration, now: datetime) -> datetime | None:
    """Until when others have the rest of the rate limit, or GitLab is paused."""
    moments = [used_up_until(integration, now), integration.paused_until]
    return max((moment for moment in moments if moment is not None and moment > now), default=None)


def _call(
    org_id: uuid.UUID, credentials: Credentials, turn: Turn
) -> "tuple[FoundPage, RateLimit | None]":
    from gitlab_links.gitlab.search_client import SearchClient

    with background_client(org_id, credentials, SearchClient) as client:
        page = client.found_items(turn.project, turn.type, words=turn.words, page=turn.page)
        return page, client.rate_limit


def _save(org_id: uuid.UUID, turn: Turn, page: "FoundPage", limit: RateLimit | None) -> None:
    now = utcnow()
    integration = lock_integration(org_id)  # first, in the same order as fetching
    if integration is not None and limit is not None:
        note_rate_limit(integration, limit, now)
    backfill = held(turn)
    if backfill is not None:
        if backfill.is_linking:
            link_page(backfill, turn, page, now=now, ttl=settings().metadata_ttl)
        else:
            note_found(backfill, turn, page)
        note_read(backfill, turn, now, more=page.more)
        log.info(
            "backfill.page",
            org_id=str(org_id),
            backfill_id=str(backfill.id),
            items=len(page.items),
            left=len(backfill.left),
            links=backfill.links_made,
        )
    db.session.commit()


def _save_failure(turn: Turn, failure: GitLabFailure) -> None:
    if failure.code == ErrorCode.RATE_LIMITED:
        _wait(turn, utcnow())  # the connection pauses, and the next turn waits for its end
        return
    if failure.stops_all_calls or failure.http_status is None or failure.http_status >= 500:
        wait = timedelta(seconds=min(failure.retry_after or 0, LONGEST_WAIT))
        _save_trouble(turn, failure.code, failure.detail, utcnow() + wait)
        return
    backfill = held(turn)
    if backfill is not None:
        note_skipped(backfill, utcnow(), failure.code, failure.detail)
    db.session.commit()


def _save_trouble(turn: Turn, code: str, detail: str, until: datetime | None) -> None:
    backfill = held(turn)
    if backfill is not None:
        note_trouble(backfill, utcnow(), code, detail, until)
    db.session.commit()


def _wait(turn: Turn, until: datetime) -> None:
    backfill = held(turn)
    if backfill is not None:
        wait_until(backfill, until)
    db.session.commit()
