"""Create, change and delete endpoints. Nothing here commits."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, exists, func, or_, select

from gitlab_links.accounts.orgs import lock_org
from gitlab_links.accounts.principal import Principal
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict, required
from gitlab_links.events.models import EventType
from gitlab_links.extensions import db
from gitlab_links.job_triggers import JobKind, trigger_after_commit
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.outgoing.addresses import checked_mail, refused, shown_host
from gitlab_links.outgoing.models import Format, OutgoingEndpoint
from gitlab_links.outgoing.signatures import SECRET, URL, new_signing_secret, seal
from gitlab_links.outgoing.waiting import make_waiting_due
from gitlab_links.storage.database import new_id

MOST_OF_AN_ORG = 20
MOST_PROJECTS = 200
FORMER_SECRET_VALID = timedelta(hours=24)


class TooManyEndpoints(Conflict, code="too_many_endpoints"):
    """The org has as many endpoints as it may have."""


class NothingToSign(Conflict, code="endpoint_without_secret"):
    """A chat checks no signature, and neither does a person."""


@dataclass(frozen=True, slots=True)
class EndpointChange:
    """What to set; None leaves a value as it is."""

    url: str | None = None
    description: str | None = None
    types: Sequence[EventType] | None = None
    projects: Sequence[uuid.UUID] | None = None
    highlights_only: bool | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """A new endpoint with its secret, which is shown only now; None if it does not sign."""

    endpoint: OutgoingEndpoint
    secret: str | None


def create_endpoint(principal: Principal, kind: Format, change: EndpointChange) -> NewEndpoint:
    """Create an endpoint. Raises :class:`Invalid` with the fields, :class:`TooManyEndpoints`
    and the ``encryption_key_*`` conflicts.
    """
    lock_org(principal.org_id)  # two admins cannot both make the last one
    count = select(func.count()).where(OutgoingEndpoint.org_id == principal.org_id)
    if (db.session.scalar(count) or 0) >= MOST_OF_AN_ORG:
        raise TooManyEndpoints(f"An org has at most {MOST_OF_AN_ORG} endpoints. Delete one first.")
    endpoint = OutgoingEndpoint(
        id=new_id(),
        org_id=principal.org_id,
        format=kind.value,
        highlights_only=kind is Format.CHAT,
        types=[],
        projects=[],
        description="",
        enabled=True,
        failures=0,
        created_by=principal.user_id,
    )
    _apply(endpoint, change)
    if kind is Format.EMAIL:
        endpoint.types = [EventType.CONNECTION_HEALTH_CHANGED.value]
    secret = _set_secret(endpoint) if kind is Format.STANDARD else None
    db.session.add(endpoint)
    db.session.flush()
    _audit(principal, Action.ENDPOINT_CREATED, endpoint)
    return NewEndpoint(endpoint, secret)


def update_endpoint(
    principal: Principal, endpoint_id: uuid.UUID, change: EndpointChange
) -> OutgoingEndpoint:
    """Change what is given. An endpoint that is enabled again starts without its failures, and
    gets what waited for it; if the service had disabled it, also what failed and happened since.
    """
    endpoint = lock_endpoint(principal.org_id, endpoint_id)
    failed_since = None if endpoint.disabled_at is None else endpoint.failing_since
    changed = _apply(endpoint, change)
    if changed:
        endpoint.updated_at = utcnow()
        _audit(principal, Action.ENDPOINT_UPDATED, endpoint, changed=changed)
    if "enabled" in changed or "url" in changed:
        make_waiting_due(endpoint_id, failed_since)
        trigger_after_commit(db.session, JobKind.SEND, principal.org_id)
    return endpoint


def delete_endpoint(principal: Principal, endpoint_id: uuid.UUID) -> None:
    """Delete an endpoint with its log; what waits for it is not sent."""
    endpoint = lock_endpoint(principal.org_id, endpoint_id)
    _audit(principal, Action.ENDPOINT_DELETED, endpoint)
    db.session.delete(endpoint)
    db.session.flush()


def rotate_secret(principal: Principal, endpoint_id: uuid.UUID) -> NewEndpoint:
    """Make a new secret, which is shown only now. For a day, the former one signs as well."""
    endpoint = lock_endpoint(principal.org_id, endpoint_id)
    if endpoint.secret_ciphertext is None:
        raise NothingToSign("Messages of a chat and e-mails are not signed: there is no secret.")
    endpoint.former_secret_ciphertext = endpoint.secret_ciphertext
    endpoint.former_secret_until = utcnow() + FORMER_SECRET_VALID
    secret = _set_secret(endpoint)
    endpoint.updated_at = utcnow()
    _audit(principal, Action.ENDPOINT_SECRET_ROTATED, endpoint)
    return NewEndpoint(endpoint, secret)


def find_endpoint(org_id: uuid.UUID, endpoint_id: uuid.UUID) -> OutgoingEndpoint:
    """One endpoint; raises :class:`NotFound`, also for another org's."""
    ours = OutgoingEndpoint.org_id == org_id, OutgoingEndpoint.id == endpoint_id
    return required(db.session.scalars(select(OutgoingEndpoint).where(*ours)).one_or_none())


def lock_endpoint(org_id: uuid.UUID, endpoint_id: uuid.UUID) -> OutgoingEndpoint:
    """The same, locked until the commit."""
    ours = OutgoingEndpoint.org_id == org_id, OutgoingEndpoint.id == endpoint_id
    locked = select(OutgoingEndpoint).where(*ours).with_for_update()
    return required(
        db.session.scalars(locked.execution_options(populate_existing=True)).one_or_none()
    )


def projects_to_choose(org_id: uuid.UUID) -> Mapping[str, str]:
    """The paths of the org's projects with links, by their ids as text; the first 200."""
    linked = exists().where(GitLabItem.project_id == GitLabProject.id)
    rows = db.session.execute(
        select(GitLabProject.id, GitLabProject.path)
        .where(GitLabProject.org_id == org_id, linked)
        .order_by(func.lower(GitLabProject.path))
        .limit(MOST_PROJECTS)
    )
    return {str(row.id): row.path for row in rows}


def lock_row(endpoint_id: uuid.UUID) -> None:
    """Lock the endpoint until the commit."""
    one = select(OutgoingEndpoint.id).where(OutgoingEndpoint.id == endpoint_id)
    db.session.execute(one.with_for_update())


def endpoints_of(org_id: uuid.UUID) -> Sequence[OutgoingEndpoint]:
    """The org's endpoints, oldest first; at most :data:`MOST_OF_AN_ORG`."""
    ours = select(OutgoingEndpoint).where(OutgoingEndpoint.org_id == org_id)
    return db.session.scalars(ours.order_by(OutgoingEndpoint.id)).all()


def troubled_endpoints(
    org_ids: Collection[uuid.UUID],
) -> Mapping[uuid.UUID, Sequence[OutgoingEndpoint]]:
    """The endpoints that the service turned off, and those that fail just now, by org."""
    found: defaultdict[uuid.UUID, list[OutgoingEndpoint]] = defaultdict(list)
    off = and_(OutgoingEndpoint.disabled_at.is_not(None), OutgoingEndpoint.enabled.is_(False))
    failing = and_(OutgoingEndpoint.failing_since.is_not(None), OutgoingEndpoint.enabled)
    statement = select(OutgoingEndpoint).where(
        OutgoingEndpoint.org_id.in_(org_ids), or_(off, failing)
    )
    for row in db.session.scalars(statement.order_by(OutgoingEndpoint.id)):
        found[row.org_id].append(row)
    return found


def _set_secret(endpoint: OutgoingEndpoint) -> str:
    secret = new_signing_secret()
    endpoint.secret_ciphertext = seal(secret, endpoint.org_id, endpoint.id, SECRET)
    return secret


def _apply(endpoint: OutgoingEndpoint, change: EndpointChange) -> list[str]:
    """Set what differs; returns the names of the fields."""
    wanted: dict[str, Any] = {
        "description": change.description,
        "types": None if change.types is None else sorted({one.value for one in change.types}),
        "projects": _checked_projects(endpoint.org_id, change.projects),
        "highlights_only": change.highlights_only,
        "enabled": change.enabled,
    }
    changed = [
        name
        for name, value in wanted.items()
        if value is not None and value != getattr(endpoint, name)
    ]
    for name in changed:
        setattr(endpoint, name, wanted[name])
    if change.url is not None:
        by_mail = endpoint.format == Format.EMAIL
        endpoint.url_host = checked_mail(change.url) if by_mail else shown_host(change.url)
        endpoint.url_ciphertext = seal(change.url, endpoint.org_id, endpoint.id, URL)
        changed.append("url")
    if "enabled" in changed or "url" in changed:
        _forget_failures(endpoint)
    return changed


def _forget_failures(endpoint: OutgoingEndpoint) -> None:
    endpoint.failures = 0
    endpoint.failing_since = endpoint.paused_until = None
    if endpoint.enabled:  # else it is still off, for the same reason
        endpoint.disabled_at = endpoint.disabled_reason = None
    endpoint.last_failure = endpoint.last_failure_at = None


def _checked_projects(org_id: uuid.UUID, projects: Sequence[uuid.UUID] | None) -> list[str] | None:
    if projects is None:
        return None
    ours = select(GitLabProject.id).where(
        GitLabProject.org_id == org_id, GitLabProject.id.in_(projects)
    )
    unknown = set(projects) - set(db.session.scalars(ours))
    if unknown:
        raise refused("Choose projects of this org.", "projects")
    return sorted(str(one) for one in set(projects))


def _audit(principal: Principal, action: Action, endpoint: OutgoingEndpoint, **more: Any) -> None:
    detail = {"host": endpoint.url_host, "format": endpoint.format, **more}
    write_audit_event(principal.org_id, principal.actor, action, endpoint.id, detail)
