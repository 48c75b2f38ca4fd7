"""Where an org's health alerts go: an endpoint that gets the connection's health and nothing else.

``notify_url`` of the API and *Send health alerts to* of the pages set this endpoint, and show it.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from gitlab_links.accounts.orgs import lock_org
from gitlab_links.accounts.principal import Principal
from gitlab_links.errors import Conflict, Invalid
from gitlab_links.events.models import Event, EventType
from gitlab_links.extensions import db, settings
from gitlab_links.integrations import policy
from gitlab_links.integrations.changes import find_integration, lock_integration
from gitlab_links.integrations.credentials import IntegrationMissing
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.outgoing.endpoints import (
    EndpointChange,
    create_endpoint,
    delete_endpoint,
    update_endpoint,
)
from gitlab_links.outgoing.models import Format, OutgoingEndpoint

ONLY_HEALTH = [EventType.CONNECTION_HEALTH_CHANGED.value]


class NoAlertAddress(Conflict, code="no_alert_address"):
    """The org has no address for health alerts."""


def alert_endpoint(org_id: uuid.UUID) -> OutgoingEndpoint | None:
    """The oldest endpoint that gets only the connection's health; None if there is none."""
    ours = select(OutgoingEndpoint).where(OutgoingEndpoint.org_id == org_id)
    rows = db.session.scalars(ours.order_by(OutgoingEndpoint.id))
    return next((row for row in rows if row.types == ONLY_HEALTH), None)


def alert_host(org_id: uuid.UUID) -> str | None:
    """What is shown of the address: the host of a URL, or an e-mail address."""
    endpoint = alert_endpoint(org_id)
    return None if endpoint is None else endpoint.url_host


def policy_of(org_id: uuid.UUID) -> policy.Policy:
    """The policy in force, with where alerts go."""
    return policy.policy_of(find_integration(org_id), alert_host(org_id))


def update_policy(
    principal: Principal, change: policy.PolicyChange, notify_url: str | None = None
) -> policy.Policy:
    """Change and audit the policy and where alerts go: None leaves that as it is, an empty text
    turns alerts off. Raises :class:`Invalid`, :class:`IntegrationMissing` and the
    ``encryption_key_*`` conflicts. The caller commits.
    """
    # Before the org, as whoever compares a version of the connection has locked it.
    integration = lock_integration(principal.org_id)
    if integration is None:
        raise IntegrationMissing("Connect the org to its GitLab first.")
    is_set = notify_url is not None and _set_address(principal, integration, notify_url)
    also = ["notify_url"] if is_set else []
    return policy.change_policy(principal, integration, change, also, alert_host(principal.org_id))


def _set_address(principal: Principal, integration: OrgGitLabIntegration, text: str) -> bool:
    """Set or clear the address; returns whether that changed anything."""
    lock_org(principal.org_id)  # two admins cannot both make the endpoint
    # Where the version before kept it.
    integration.notify_url_ciphertext = integration.notify_url_host = None
    present = alert_endpoint(principal.org_id)
    if not text:
        if present is not None:
            delete_endpoint(principal, present.id)
        return present is not None
    kind = Format.CHAT if "://" in text or "@" not in text else Format.EMAIL
    # Also if it was switched off: whoever gives an address wants the alerts.
    change = EndpointChange(url=text, types=[EventType.CONNECTION_HEALTH_CHANGED], enabled=True)
    try:
        if present is not None and present.format == kind:
            update_endpoint(principal, present.id, change)
        else:
            if present is not None:
                delete_endpoint(principal, present.id)
            create_endpoint(principal, kind, change)
    except Invalid as refusal:
        errors = {"notify_url": refusal.errors.get("url", [refusal.detail])}
        raise Invalid("The policy was not changed.", errors=errors) from None
    return True


def alert_body(event: Event, org_name: str) -> dict[str, Any]:
    """A change of health as programs have got it so far; ``text`` is what chats show."""
    detail: Mapping[str, Any] = event.detail or {}
    is_open = event.changes.get("open", [None, True])[1]
    return {
        "type": "health.problem" if is_open else "health.recovered",
        "id": detail.get("problem_id", str(event.id)),
        "code": detail.get("code"),
        "severity": detail.get("severity"),
        "subject": detail.get("subject", ""),
        "opened_at": detail.get("opened_at"),
        "closed_at": detail.get("closed_at"),
        "org_id": str(event.org_id),
        "org_name": org_name,
        "summary": detail.get("summary", ""),
        "remedy": detail.get("remedy", "") if is_open else "",
        "url": connection_url(event.org_id),
    }


def connection_url(org_id: uuid.UUID) -> str:
    """The page of the connection."""
    return f"{settings().public_base_url}/orgs/{org_id}/gitlab"


def test_alert_body(org_id: uuid.UUID, message_id: uuid.UUID, org_name: str) -> dict[str, Any]:
    """What a test by e-mail says."""
    return {
        "id": str(message_id),
        "closed_at": None,
        "org_name": org_name,
        "summary": "This is a test: health alerts of this org arrive here.",
        "remedy": "",
        "url": connection_url(org_id),
    }
