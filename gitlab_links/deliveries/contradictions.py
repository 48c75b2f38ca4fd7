"""Mark the deliveries that GitLab's API has contradicted, and count them by project."""

import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import select, update

from gitlab_links.deliveries.models import Doubt, Effect, GitLabWebhookDelivery
from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.observations.models import TallyKind
from gitlab_links.observations.webhook_tallies import Tally, add_tallies
from gitlab_links.storage.database import first_id_at
from gitlab_links.sync.answers import Contradiction

_APPLIED = (Effect.APPLIED, Effect.APPLIED_AND_FETCHED)

log = structlog.get_logger(__name__)


def mark_contradicted(
    org_id: uuid.UUID, found: Sequence[Contradiction], now: datetime
) -> list[uuid.UUID]:
    """Mark and count the contradicted deliveries that only the shared secret proves; returns them.

    From then on, events of those projects by the shared secret are not applied; see
    ``deliveries.trust``. The caller commits.
    """
    if not found:
        return []
    marked: list[uuid.UUID] = []
    projects: Counter[uuid.UUID] = Counter()
    for one in found:
        ids = _mark(org_id, one)
        project_id = db.session.scalar(
            select(GitLabItem.project_id).where(GitLabItem.id == one.item_id)
        )
        if ids and project_id is not None:
            marked += ids
            projects[project_id] += len(ids)
    add_tallies(db.session, org_id, _tallies(projects, now))
    if marked:
        log.warning(
            "delivery.contradicted", org_id=str(org_id), deliveries=[str(one) for one in marked]
        )
    return marked


def _mark(org_id: uuid.UUID, one: Contradiction) -> list[uuid.UUID]:
    delivery = GitLabWebhookDelivery
    return list(
        db.session.scalars(
            update(delivery)
            .where(
                delivery.org_id == org_id,
                delivery.id >= first_id_at(one.since),
                delivery.item_id == one.item_id,
                delivery.hook_project_id.is_(None),
                delivery.effect.in_(_APPLIED),
            )
            .values(doubt=Doubt.CONTRADICTED)
            .returning(delivery.id)
            .execution_options(synchronize_session=False)
        )
    )


def _tallies(projects: Counter[uuid.UUID], now: datetime) -> list[Tally]:
    paths = db.session.execute(
        select(GitLabProject.id, GitLabProject.path).where(GitLabProject.id.in_(projects))
    )
    return [
        Tally(
            TallyKind.CONTRADICTED,
            projects[row.id],
            now,
            now,
            subject=str(row.id),
            detail={"project": row.path},
        )
        for row in paths
    ]
