"""The lists of what happened and of who has access as CSV files. No secret is in them."""

import uuid
from collections.abc import Sequence
from functools import partial
from operator import attrgetter
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.api_keys import keys_page
from gitlab_links.accounts.members import members_page
from gitlab_links.accounts.models import ApiKey
from gitlab_links.accounts.roles import Permission
from gitlab_links.accounts.service_accounts import service_accounts_page
from gitlab_links.audit.models import AuditEvent
from gitlab_links.audit.queries import audit_page
from gitlab_links.deliveries.queries import deliveries_page
from gitlab_links.http.access import access
from gitlab_links.invitations.queries import invitations_page
from gitlab_links.outgoing.endpoints import endpoints_of, find_endpoint
from gitlab_links.outgoing.models import OutgoingStatus
from gitlab_links.outgoing.sent_log import sent_page
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.connection.deliveries import filters_of, wanted_in
from gitlab_links.pages.csv.files import Rows, by_id, csv_file, in_parts
from gitlab_links.pages.form_fields import parsed
from gitlab_links.pages.orgs.audit_log import filter_in, rows_of
from gitlab_links.pages.orgs.endpoint_forms import state_mark
from gitlab_links.pages.orgs.keys import key_mark

ORG = "/orgs/<uuid:org_id>"
DELIVERIES = (
    *("received_at", "status", "event", "object_kind", "action", "project_path", "gitlab_type"),
    *("gitlab_iid", "processed_at", "attempts", "error_code", "effect", "doubt", "proof"),
    *("links_matched", "size_bytes", "payload_sha256", "request_id", "event_uuid"),
    *("webhook_uuid", "id"),
)
AUDITED = ("action", "target_type", "target_id", "detail", "id")
MEMBERS = ("name", "email", "role", "created_at", "id")
ACCOUNTS = ("name", "role", "created_at", "id")
INVITATIONS = (
    *("name", "email", "role", "status", "mail_error", "invited_by", "created_at"),
    *("expires_at", "id"),
)
SENT = (
    *("created_at", "event_type", "status", "attempts", "is_replay", "due_at"),
    *("last_attempt_at", "last_status", "last_error", "event_id", "position", "id"),
)
ENDPOINTS = (
    *("description", "url_host", "format", "highlights_only", "enabled", "disabled_at"),
    *("disabled_reason", "failures", "failing_since", "paused_until", "last_success_at"),
    *("last_failure_at", "last_failure", "created_at", "id"),
)
KEYS = ("name", "hint", "created_at", "last_used_at", "expires_at", "revoked_at", "id")


def _fields(names: Sequence[str]) -> "partial[Rows]":
    """Makes rows of attributes with these names."""
    return partial(_rows, attrgetter(*names))


def _rows(read: Any, found: Sequence[Any]) -> Rows:
    return [read(one) for one in found]


@pages.get(f"{ORG}/deliveries.csv")
@access(Permission.DELIVERIES)
def deliveries_csv(org_id: uuid.UUID) -> ResponseReturnValue:
    """The deliveries that match, the newest first, without bodies."""
    wanted = wanted_in(request.args)
    read = partial(deliveries_page, org_id, wanted)
    parts = in_parts(read, _fields(DELIVERIES), by_id)
    return csv_file("deliveries", DELIVERIES, parts, filters_of(wanted))


@pages.get(f"{ORG}/audit.csv")
@access(Permission.AUDIT)
def audit_csv(org_id: uuid.UUID) -> ResponseReturnValue:
    """The changes that match, the newest first."""
    wanted = filter_in(request.args)
    read = partial(audit_page, org_id, wanted)
    own = attrgetter(*AUDITED)

    def rows(found: Sequence[AuditEvent]) -> Rows:
        return [
            (row.at, row.who, row.through_key, row.what, *own(one))
            for one, row in zip(found, rows_of(found), strict=True)
        ]

    columns = ("at", "who", "through_key", "what", *AUDITED)
    filters = {"action": wanted.action, "actor": wanted.actor_user_id}
    return csv_file("audit", columns, in_parts(read, rows, by_id), filters)


@pages.get(f"{ORG}/members.csv")
@access(Permission.MEMBERS_READ)
def members_csv(org_id: uuid.UUID) -> ResponseReturnValue:
    """The members in the order they joined."""
    read = partial(members_page, org_id)
    return csv_file("members", MEMBERS, in_parts(read, _fields(MEMBERS), by_id))


@pages.get(f"{ORG}/members/invitations.csv")
@access(Permission.MEMBERS_READ)
def invitations_csv(org_id: uuid.UUID) -> ResponseReturnValue:
    """The invitations that nobody has accepted."""
    read = partial(invitations_page, org_id)
    return csv_file("invitations", INVITATIONS, in_parts(read, _fields(INVITATIONS), by_id))


@pages.get(f"{ORG}/api-keys.csv")
@access(Permission.API_KEYS)
def keys_csv(org_id: uuid.UUID) -> ResponseReturnValue:
    """The keys of people, those that are revoked last."""
    columns = (*KEYS, "scopes", "owner", "state")

    def rows(found: Sequence[ApiKey]) -> Rows:
        own = attrgetter(*KEYS)
        return [
            (*own(key), " ".join(key.scopes), key.user.name, key_mark(key).text)
            for key in found
            if key.user.is_person
        ]

    parts = (
        part
        for revoked in (False, True)
        for part in in_parts(partial(keys_page, org_id, revoked=revoked), rows, by_id)
    )
    return csv_file("api-keys", columns, parts)


@pages.get(f"{ORG}/api-keys/service-accounts.csv")
@access(Permission.SERVICE_ACCOUNTS)
def service_accounts_csv(org_id: uuid.UUID) -> ResponseReturnValue:
    """The service accounts, the oldest first."""
    read = partial(service_accounts_page, org_id)
    return csv_file("service-accounts", ACCOUNTS, in_parts(read, _fields(ACCOUNTS), by_id))


@pages.get(f"{ORG}/endpoints.csv")
@access(Permission.ENDPOINTS)
def endpoints_csv(org_id: uuid.UUID) -> ResponseReturnValue:
    """The endpoints, of their addresses the host alone, as on their page."""
    own = attrgetter(*ENDPOINTS)
    rows = [(*own(one), state_mark(one).text) for one in endpoints_of(org_id)]
    return csv_file("endpoints", (*ENDPOINTS, "state"), iter([rows]))


@pages.get(f"{ORG}/endpoints/<uuid:endpoint_id>/sent.csv")
@access(Permission.ENDPOINTS)
def sent_csv(org_id: uuid.UUID, endpoint_id: uuid.UUID) -> ResponseReturnValue:
    """What was sent to an endpoint, the newest first."""
    find_endpoint(org_id, endpoint_id)
    status = parsed(OutgoingStatus, request.args.get("status", ""))
    read = partial(sent_page, org_id, endpoint_id, status=status)
    return csv_file("sent", SENT, in_parts(read, _fields(SENT), by_id), {"status": status})
