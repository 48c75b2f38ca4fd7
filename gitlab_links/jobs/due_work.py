"""What the sweep looks for: orgs with work that is due, and whether there is anything at all."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache

from sqlalchemy import Select, or_, select

from gitlab_links.backfills import changes as backfills
from gitlab_links.deliveries import claims
from gitlab_links.deltas import marks
from gitlab_links.events.publishing import orgs_with_unpublished
from gitlab_links.extensions import db, settings
from gitlab_links.job_triggers import JobKind
from gitlab_links.jobs import link_mails, long_waits
from gitlab_links.mentions import pending
from gitlab_links.outgoing import claims as outgoing_claims
from gitlab_links.outgoing import waiting
from gitlab_links.rules import evaluation
from gitlab_links.sync import clock_changes, due_items

_WRITTEN_FOR = datetime(2020, 1, 1, tzinfo=UTC)

OrgsDue = Callable[[datetime], Select[uuid.UUID]]


def questions() -> tuple[tuple[JobKind, OrgsDue], ...]:
    """Each job, and the statement that finds the orgs it is to be triggered for."""
    return (
        (JobKind.DRAIN, claims.orgs_due),
        (JobKind.SYNC, due_items.orgs_due),
        (JobKind.APPLY_RULES, evaluation.orgs_due),
        (JobKind.LINK_PENDING, pending.orgs_due),
        (JobKind.PUBLISH, orgs_with_unpublished),
        (JobKind.SYNC, marks.orgs_due),
        (JobKind.SEND, outgoing_claims.orgs_due),
        (JobKind.BACKFILL, backfills.orgs_due),
    )


def is_any(now: datetime) -> bool:
    """Whether a sweep would find anything: all of its questions in one statement.

    It is asked every two seconds and written once, which is most of the work: each of its times
    is ``now``, or so much before or after it.
    """
    statement, times = _all_questions(settings().metadata_ttl)
    later = now - _WRITTEN_FOR
    moved = {name: time + later for name, time in times.items()}
    return bool(db.session.scalar(statement, {"now": now, **moved}))


@cache
def _all_questions(ttl: int) -> tuple[Select[bool], dict[str, datetime]]:
    """The statement as of ``_WRITTEN_FOR``, and its times by the names of their parameters."""
    orgs = [orgs_due(_WRITTEN_FOR) for _, orgs_due in questions()]
    orgs.append(clock_changes.orgs_with_future_dates(_WRITTEN_FOR))
    endpoints = waiting.endpoints_from_the_future(_WRITTEN_FOR)
    rows = (*orgs, claims.due_in_the_future(_WRITTEN_FOR), endpoints)
    waits = long_waits.is_any(_WRITTEN_FOR, ttl)
    statement = select(or_(*(found.exists() for found in rows), link_mails.ARE_DUE, waits))
    given = statement.compile().params.items()
    return statement, {name: value for name, value in given if isinstance(value, datetime)}
