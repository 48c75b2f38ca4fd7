"""The audit log: who changed what in the org, the newest first."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.models import ApiKey, User
from gitlab_links.accounts.people import names_by_id, people_in_audit_log
from gitlab_links.accounts.roles import Permission
from gitlab_links.audit.changes import Action
from gitlab_links.audit.models import ActorKind, AuditEvent
from gitlab_links.audit.queries import AuditFilter, audit_page
from gitlab_links.http.access import access
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import parsed
from gitlab_links.pages.orgs.audit_details import details_of
from gitlab_links.pages.paging import part_behind

WORDS: dict[str, str] = {
    Action.ORG_CREATED: "Created the org",
    Action.ORG_UPDATED: "Changed the org",
    Action.ORG_EXPORTED: "Exported everything of the org",
    Action.ORG_IMPORTED: "Imported the org from another installation",
    Action.MEMBER_ADDED: "Added a member",
    Action.MEMBER_CHANGED: "Changed a member's role",
    Action.MEMBER_REMOVED: "Removed a member",
    Action.MEMBER_LEFT: "Left the org",
    Action.PERSON_ERASED: "Deleted the account of a member",
    Action.INVITATION_CREATED: "Invited a person",
    Action.INVITATION_RESENT: "Sent an invitation again",
    Action.INVITATION_REVOKED: "Revoked an invitation",
    Action.PASSWORD_CHANGED: "Changed their password",
    Action.IDENTITY_LINKED: "Linked an account of an issuer to sign in with",
    Action.IDENTITY_UNLINKED: "Unlinked an account of an issuer",
    Action.ADDRESS_CHANGED: "Changed the e-mail address of an account",
    Action.PASSWORD_LINK_CREATED: "Made a link for a member to set a new password",
    Action.PASSWORD_SET_BY_LINK: "Set a new password by a link",
    Action.PASSWORD_RESET: "Set a new password for a member",
    Action.API_KEY_CREATED: "Created an API key",
    Action.API_KEY_ROTATED: "Replaced the secret of an API key",
    Action.API_KEY_REVOKED: "Revoked an API key",
    Action.SERVICE_ACCOUNT_CREATED: "Created a service account",
    Action.SERVICE_ACCOUNT_CHANGED: "Changed a service account",
    Action.SERVICE_ACCOUNT_DELETED: "Deleted a service account",
    Action.TASK_CREATED: "Created a task",
    Action.TASK_UPDATED: "Changed a task",
    Action.TASK_DELETED: "Deleted a task",
    Action.VIEW_CREATED: "Shared a view of the tasks",
    Action.VIEW_CHANGED: "Changed a shared view of the tasks",
    Action.VIEW_DELETED: "Deleted a shared view of the tasks",
    Action.RULES_CHANGED: "Changed the status rules",
    Action.LINK_CREATED: "Linked an item to a task",
    Action.LINK_REMOVED: "Removed a link from a task",
    Action.LINK_KEPT: "Kept a link that a mention had made",
    Action.LINK_LEFT: "Left a link to mentions",
    Action.BACKFILL_STARTED: "Looked back for mentions of tasks",
    Action.BACKFILL_LINKED: "Linked what a look back found",
    Action.INTEGRATION_UPDATED: "Changed the GitLab connection",
    Action.INTEGRATION_DELETED: "Disconnected GitLab",
    Action.INTEGRATION_VALIDATED: "Validated the GitLab connection",
    Action.WEBHOOK_SECRET_GENERATED: "Generated a webhook secret",
    Action.DELIVERY_REPLAYED: "Replayed a delivery",
    Action.ENDPOINT_CREATED: "Created an endpoint",
    Action.ENDPOINT_UPDATED: "Changed an endpoint",
    Action.ENDPOINT_DELETED: "Deleted an endpoint",
    Action.ENDPOINT_SECRET_ROTATED: "Replaced the secret of an endpoint",
    Action.ENDPOINT_REPLAYED: "Sent an event to an endpoint again",
    Action.POLICY_UPDATED: "Changed privacy and alerts",
    Action.INTEGRATION_MOVED: "Moved the links to another address of the same GitLab",
    Action.TOKEN_ROTATED: "Rotated the access token",
    Action.HOOK_CREATED: "Created a webhook in GitLab",
    Action.HOOK_REPAIRED: "Repaired a webhook in GitLab",
    Action.HOOK_REMOVED: "Deleted a webhook in GitLab",
    Action.TRACKER_SET: "Made keys clickable in a project",
    Action.PROJECT_WATCHED: "Chose a project to watch",
    Action.PROJECT_UNWATCHED: "Stopped watching a project",
    Action.HEALTH_PROBLEM: "Found a problem",
    Action.HEALTH_RECOVERED: "A problem ended",
}


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One change in words. ``who`` is a person, the operator, or this service."""

    at: datetime
    who: str
    through_key: str | None
    what: str
    details: Sequence[tuple[str, str]]


@pages.get("/orgs/<uuid:org_id>/audit")
@access(Permission.AUDIT)
def audit_log(org_id: uuid.UUID) -> ResponseReturnValue:
    """One page of changes, filtered by action and person."""
    wanted = filter_in(request.args)
    filters = {"action": wanted.action, "actor": wanted.actor_user_id}
    read = partial(audit_page, org_id, wanted)
    events, around = part_behind("pages.audit_log", org_id, filters, read)
    return render_template(
        "audit/list.html",
        rows=rows_of(events),
        actions=[("", "Anything"), *((action.value, _words(action.value)) for action in Action)],
        actors=[
            ("", "Anybody"),
            *((str(person.id), person.name) for person in people_in_audit_log(org_id)),
        ],
        **around,
    )


def filter_in(args: Mapping[str, str]) -> AuditFilter:
    """Read the query string; a value that the form does not offer is ignored."""
    return AuditFilter(
        action=parsed(Action, args.get("action", "")),
        actor_user_id=parsed(uuid.UUID, args.get("actor", "")),
    )


def rows_of(events: Sequence[AuditEvent]) -> list[AuditRow]:
    """The changes in words."""
    users = names_by_id(User, (event.actor_user_id for event in events))
    keys = names_by_id(ApiKey, (event.actor_api_key_id for event in events))
    return [
        AuditRow(
            at=event.created_at,
            who=_who(event, users),
            through_key=keys.get(event.actor_api_key_id, "deleted")
            if event.actor_api_key_id
            else None,
            what=_words(event.action),
            details=details_of(event.detail),
        )
        for event in events
    ]


def _who(event: AuditEvent, users: Mapping[Any, str]) -> str:
    if event.actor_user_id in users:
        return users[event.actor_user_id]
    match event.kind:
        case ActorKind.OPERATOR:
            return "The operator"
        case ActorKind.SERVICE:
            return "This service"
        case ActorKind.RULE:
            return "A status rule"
    return "Deleted user"


def _words(action: str) -> str:
    return WORDS.get(action, action.replace(".", " ").replace("_", " ").capitalize())
