"""The verdict on each connection, stored for the metrics and the menu of each page."""

import uuid
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select, update

from gitlab_links.extensions import change_rows, db
from gitlab_links.health.report import HealthColour, report_on
from gitlab_links.health.signals import load_many
from gitlab_links.integrations.models import OrgGitLabIntegration

_integration = OrgGitLabIntegration


def stored_verdict(org_id: uuid.UUID) -> HealthColour | None:
    """The verdict stored last; None while there is none, and without a connection."""
    found = db.session.scalar(
        select(_integration.health_status).where(
            _integration.org_id == org_id,
            _integration.base_url.is_not(None),
            _integration.token_ciphertext.is_not(None),
        )
    )
    return None if found is None else HealthColour(found)


def store_verdicts(org_ids: Collection[uuid.UUID], now: datetime) -> int:
    """Store the verdicts that have changed, and return how many. The caller commits.

    As many SELECTs for hundreds of orgs as for one, and one UPDATE for each colour.
    """
    changed: defaultdict[HealthColour, list[uuid.UUID]] = defaultdict(list)
    for org_id, signals in load_many(org_ids, now).items():
        integration, status = signals.integration, report_on(signals).status
        if integration is not None and integration.health_status != status:
            changed[status].append(org_id)
    for status, those in sorted(changed.items()):
        change_rows(
            update(_integration)
            .where(_integration.org_id.in_(those))
            .values(
                health_status=status.value,
                # The org's settings have not changed.
                updated_at=_integration.updated_at,
            )
        )
    return sum(map(len, changed.values()))
