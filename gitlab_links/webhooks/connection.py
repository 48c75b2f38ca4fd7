"""The state of an org's connection, events included."""

import uuid

from sqlalchemy import select

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.integrations.operations import find_integration
from gitlab_links.integrations.views import IntegrationView, integration_view
from gitlab_links.webhooks.models import GitLabWebhookDelivery


def connection_view(org_id: uuid.UUID) -> IntegrationView:
    """Configuration and health: two indexed SELECTs."""
    last_event_at = db.session.scalar(
        select(GitLabWebhookDelivery.received_at)
        .where(GitLabWebhookDelivery.org_id == org_id)
        .order_by(GitLabWebhookDelivery.id.desc())
        .limit(1)
    )
    return integration_view(org_id, find_integration(org_id), last_event_at, utcnow())
