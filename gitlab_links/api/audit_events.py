"""/api/orgs/<org_id>/audit-events"""

import uuid
from typing import Any

from gitlab_links.accounts.roles import Permission
from gitlab_links.api.blueprints import audit
from gitlab_links.api.paging import listed
from gitlab_links.api.schemas.audit import AuditEventEnvelope, AuditEventsEnvelope, AuditQuery
from gitlab_links.audit.queries import AuditFilter, audit_page, find_audit_event
from gitlab_links.http.access import access


@audit.get("/api/orgs/<uuid:org_id>/audit-events")
@access(Permission.AUDIT)
@audit.query(AuditQuery)
@audit.returns(200, AuditEventsEnvelope)
def events_get(query: dict[str, Any], org_id: uuid.UUID) -> dict[str, Any]:
    """List audit events, newest first"""
    wanted = AuditFilter(**{name: query[name] for name in AuditFilter.__slots__})
    return listed("events", query, lambda **page: audit_page(org_id, wanted, **page))


@audit.get("/api/orgs/<uuid:org_id>/audit-events/<uuid:event_id>")
@access(Permission.AUDIT)
@audit.returns(200, AuditEventEnvelope)
def event_get(org_id: uuid.UUID, event_id: uuid.UUID) -> dict[str, Any]:
    """Show an audit event"""
    return {"event": find_audit_event(org_id, event_id)}
