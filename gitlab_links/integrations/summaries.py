"""An org's connection as pages and API show it, without any secret."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gitlab_links.extensions import settings
from gitlab_links.integrations.models import OrgGitLabIntegration

EXPIRY_WARNING = timedelta(days=30)
LAST_DAY = timedelta(days=1)


class HealthStatus(StrEnum):
    """Whether a person has to do something about the connection."""

    OK = "ok"
    ATTENTION = "attention"
    NOT_CONFIGURED = "not_configured"


@dataclass(frozen=True, slots=True)
class IntegrationHealth:
    """A summary of the report of ``health``.

    ``error_code`` is the error that stops calls to GitLab. For ``attention`` without one, see
    the findings.
    """

    status: HealthStatus
    error_code: str | None
    paused_until: datetime | None
    last_event_at: datetime | None
    last_synced_at: datetime | None


@dataclass(frozen=True, slots=True)
class IntegrationView:
    """The configuration, with the field names of the API."""

    base_url: str | None
    has_token: bool
    token_set_at: datetime | None
    token_expires_at: datetime | None
    token_scopes: list[str] | None
    webhook_configured: bool
    webhook_url: str
    signing_configured: bool
    health: IntegrationHealth


def integration_view(
    org_id: uuid.UUID, integration: OrgGitLabIntegration | None, health: IntegrationHealth
) -> IntegrationView:
    """The view of an integration, also if it does not exist yet."""
    found = integration or OrgGitLabIntegration(org_id=org_id)
    return IntegrationView(
        base_url=found.base_url,
        has_token=found.token_ciphertext is not None,
        token_set_at=found.token_set_at,
        token_expires_at=found.token_expires_at,
        token_scopes=found.token_scopes,
        webhook_configured=found.has_webhook_secret,
        webhook_url=webhook_url(org_id),
        signing_configured=found.signing_token_ciphertext is not None,
        health=health,
    )


def webhook_url(org_id: uuid.UUID) -> str:
    """The URL to which the org's GitLab sends its webhooks."""
    return f"{settings().public_base_url}/api/orgs/{org_id}/integrations/gitlab/webhook"
