"""Writing the answers of a round of calls: items, their projects, and the connection."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from gitlab_links.extensions import db
from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.sync.applying import apply_fetched, mark_failed
from gitlab_links.sync.fetching import Answer
from gitlab_links.sync.pausing import note_failure, note_success
from gitlab_links.sync.projects import learn


def record(org_id: uuid.UUID, answers: Sequence[Answer], *, now: datetime, ttl: int) -> None:
    """Apply a round of answers in one transaction, which the caller commits."""
    wanted = [item.id for answer in answers for item in answer.batch.items]
    items = {
        item.id: item
        for item in db.session.scalars(
            select(GitLabItem)
            .where(GitLabItem.id.in_(wanted))
            .order_by(GitLabItem.id)
            .with_for_update()
        )
    }
    for answer in answers:
        _record_items(answer, items, now, ttl)
    for answer in answers:
        _record_project(answer)
    _record_connection(org_id, answers, now)


def _record_items(
    answer: Answer, items: dict[uuid.UUID, GitLabItem], now: datetime, ttl: int
) -> None:
    for due in answer.batch.items:
        item = items.get(due.id)
        if item is None:
            continue
        snapshot = answer.snapshots.get(due.iid)
        if snapshot is not None:
            apply_fetched(item, snapshot, started_at=answer.started_at, now=now, ttl=ttl)
        else:
            # Absent from a list that was given: deleted, or hidden from the token.
            code = answer.failure.code if answer.failure else "not_found"
            mark_failed(item, code, started_at=answer.started_at, now=now)


def _record_project(answer: Answer) -> None:
    told: Snapshot | None = next(iter(answer.snapshots.values()), None)
    if told is None:
        return
    project = db.session.scalars(
        select(GitLabProject).where(GitLabProject.id == answer.batch.project_row).with_for_update()
    ).one_or_none()
    if project is not None:
        learn(project, told.project_id, told.project_path)


def _record_connection(org_id: uuid.UUID, answers: Sequence[Answer], now: datetime) -> None:
    integration = db.session.scalars(
        select(OrgGitLabIntegration)
        .where(OrgGitLabIntegration.org_id == org_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if integration is None:
        return
    for answer in sorted(answers, key=lambda answer: answer.failure is not None):
        if answer.failure is None:
            note_success(integration, answer.started_at)
        else:
            note_failure(integration, answer.failure, now)
        if answer.rate_limit is not None:
            integration.rate_limit = answer.rate_limit.limit
            integration.rate_limit_remaining = answer.rate_limit.remaining
            integration.rate_limit_reset_at = answer.rate_limit.reset_at
