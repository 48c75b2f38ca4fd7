"""Projects whose webhooks are proven to arrive: their changes are read less often.

Meanwhile the freshness of their items rests on the webhooks, and the pages say so. One event that
was missed in the org, or a webhook that GitLab calls disabled, ends that at once.
"""

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, exists, func, or_, select, update

from gitlab_links.deltas.marks import update_marks
from gitlab_links.deltas.models import GitLabDeltaMark
from gitlab_links.extensions import change_rows, db
from gitlab_links.links.freshness import ENDED, FULL_READING, TRUSTED_FOR
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.observations.hook_states import HookState
from gitlab_links.observations.models import GitLabChangeCount, GitLabProjectWatch
from gitlab_links.observations.project_watches import PROVEN_FOR

# So many changes in a row came by webhook before it is relied on. If one of 20 gets lost, so many
# arrive in one of 170 cases.
ENOUGH_CHANGES = 100

_WORKING = (HookState.OK, HookState.ELSEWHERE)
_watch = GitLabProjectWatch


class Because(StrEnum):
    """Whether a project's webhooks can be relied on, and if not, why."""

    PROVEN = "webhooks_proven"
    NOT_WORKING = "no_working_webhook"
    SILENT = "no_event_within_a_week"
    MISSED = "event_missed_within_a_week"
    FEW = "few_changes_within_a_week"


def reasons(org_id: uuid.UUID, now: datetime) -> dict[uuid.UUID, Because]:
    """By the project's row, in two SELECTs. Webhooks can be relied on if GitLab says that they
    work, an event arrived within ``PROVEN_FOR``, and in that time ``ENOUGH_CHANGES`` of the org
    came by webhook and none without.
    """
    since = now - PROVEN_FOR
    count = GitLabChangeCount
    by_webhook, missed = db.session.execute(
        select(
            func.coalesce(func.sum(count.by_webhook), 0),
            func.coalesce(func.sum(count.by_sweep), 0),
        ).where(count.org_id == org_id, count.day >= since.date())
    ).one()
    columns = (_watch.project_id, _watch.state, _watch.last_event_at, _watch.last_missed_at)
    rows = db.session.execute(select(*columns).where(_watch.org_id == org_id))
    return {row.project_id: reason(row, by_webhook, missed, now) for row in rows}


def reason(watch: Row[*tuple[Any, ...]], by_webhook: int, missed: int, now: datetime) -> Because:
    """The same for a row with the columns of a watch, by the org's changes in ``PROVEN_FOR``."""
    since = now - PROVEN_FOR
    if watch.state not in _WORKING:
        return Because.NOT_WORKING
    if watch.last_event_at is None or watch.last_event_at <= since:
        return Because.SILENT
    if missed or (watch.last_missed_at is not None and watch.last_missed_at > since):
        return Because.MISSED
    return Because.PROVEN if by_webhook >= ENOUGH_CHANGES else Because.FEW


def trusted_projects(org_id: uuid.UUID, now: datetime) -> frozenset[uuid.UUID]:
    """Projects whose webhooks can be relied on."""
    return frozenset(row for row, why in reasons(org_id, now).items() if why is Because.PROVEN)


def rely_on(
    projects: Collection[uuid.UUID], trusted: Collection[uuid.UUID], now: datetime, ttl: int
) -> None:
    """Note until when the items of these projects count as fresh because of their webhooks."""
    project = GitLabProject
    yes, no = set(projects) & set(trusted), set(projects) - set(trusted)
    until = now + TRUSTED_FOR + timedelta(seconds=ttl)
    if yes:
        change_rows(update(project).where(project.id.in_(yes)).values(trusted_until=until))
    if no:
        ended = update(project).where(project.id.in_(no), project.trusted_until.is_not(None))
        change_rows(ended.values(trusted_until=None))


def end_broken_trust(now: datetime) -> int:
    """End it for the orgs with a webhook that has stopped working, or a missed event; what
    changed is read at once. Returns for how many projects.
    """
    project, mark = GitLabProject, GitLabDeltaMark
    broken = exists().where(
        _watch.org_id == project.org_id,
        or_(
            _watch.last_missed_at > now - PROVEN_FOR,
            (_watch.project_id == project.id) & _watch.state.not_in(_WORKING),
        ),
    )
    found = db.session.scalars(
        select(project.id).where(project.trusted_until.is_not(None), broken)
    ).all()
    if not found:
        return 0
    change_rows(update(project).where(project.id.in_(found)).values(trusted_until=None))
    return change_rows(
        update_marks(mark.project_id.in_(found), mark.due_at > now).values(due_at=now)
    )


def postpone_trusted(org_id: uuid.UUID, now: datetime, ttl: int) -> None:
    """Postpone the items that are due after a webhook, if the next reading of changes can prove
    that they have not changed.
    """
    item, project, mark = GitLabItem, GitLabProject, GitLabDeltaMark
    ended = item.state.in_(ENDED) & (mark.proven_since <= item.last_synced_at)
    can_be_proven = exists().where(
        mark.project_id == item.project_id,
        mark.kind == item.type,
        or_(mark.proven_at <= item.last_synced_at, ended),
    )
    until = select(project.trusted_until).where(project.id == item.project_id).scalar_subquery()
    found = (
        select(item.id)
        .join(project, project.id == item.project_id)
        .where(
            item.org_id == org_id,
            item.next_sync_at <= now,
            project.trusted_until > now,
            item.refresh_requested_at.is_(None),
            item.error_code.is_(None),
            item.fetched_at > now - FULL_READING,
            item.last_synced_at > now - TRUSTED_FOR - timedelta(seconds=ttl),
            func.coalesce(item.merge_rechecks, 0) == 0,
            can_be_proven,
        )
        .with_for_update(of=item, skip_locked=True)
    )
    change_rows(update(item).where(item.id.in_(found)).values(next_sync_at=until))
