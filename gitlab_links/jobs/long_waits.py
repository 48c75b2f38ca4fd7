"""Make due what waits for longer than it can, because the clock was set back."""

import uuid
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select, update

from gitlab_links.account_links.models import AccountLink
from gitlab_links.accounts import mailed_links
from gitlab_links.backfills import changes as backfills
from gitlab_links.deltas import waits as deltas
from gitlab_links.extensions import change_rows, db, settings
from gitlab_links.health import hook_check, problems
from gitlab_links.invitations.models import Invitation
from gitlab_links.jobs.org_isolation import isolated
from gitlab_links.storage.waits import Wait

# A piece is one statement and one commit, so its locks are short.
ROWS_A_PIECE = 500


def all_waits(ttl: int) -> tuple[Wait, ...]:
    """Every wait but those of items, connections and deliveries (``sync/clock_changes.py``,
    ``deliveries/claims.py``, ``outgoing/waiting.py``), of the rules and of operations, whose
    conditions see to it.
    """
    return (
        *deltas.waits(ttl),
        backfills.WAIT,
        problems.WAIT,
        hook_check.WAIT,
        *(mailed_links.wait(model) for model in (Invitation, AccountLink)),
    )


def is_any(now: datetime, ttl: int) -> ColumnElement[bool]:
    """Whether there is anything to do."""
    return or_(*(wait.is_any_too_long(now) for wait in all_waits(ttl)))


def make_due(now: datetime) -> set[uuid.UUID]:
    """Make it due, and commit. Returns the orgs with such rows."""
    ttl = settings().metadata_ttl
    orgs: set[uuid.UUID] = set()
    if db.session.scalar(select(is_any(now, ttl))):
        for wait in all_waits(ttl):
            with isolated(f"long_waits {wait.column}"):
                while rows := db.session.execute(wait.rows(now, ROWS_A_PIECE)).all():
                    model = wait.column.class_
                    ids = [row.id for row in rows]
                    change_rows(update(model).where(model.id.in_(ids)).values({wait.column: now}))
                    db.session.commit()
                    orgs |= {row.org_id for row in rows if hasattr(row, "org_id")}
    db.session.rollback()
    return orgs
