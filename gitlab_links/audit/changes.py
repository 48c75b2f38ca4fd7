"""Writing the audit log."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gitlab_links.audit.models import ActorKind, AuditEvent
from gitlab_links.extensions import db

# The first words of actions on a person's account.
OF_USERS = frozenset({"password", "account", "identity"})


class Action(StrEnum):
    """Everything that is audited."""

    ORG_CREATED = "org.created"
    ORG_UPDATED = "org.updated"
    ORG_EXPORTED = "org.exported"
    ORG_IMPORTED = "org.imported"
    MEMBER_ADDED = "member.added"
    MEMBER_CHANGED = "member.changed"
    MEMBER_REMOVED = "member.removed"
    MEMBER_LEFT = "member.left"
    PERSON_ERASED = "user.erased"
    INVITATION_CREATED = "invitation.created"
    INVITATION_RESENT = "invitation.resent"
    INVITATION_REVOKED = "invitation.revoked"
    PASSWORD_CHANGED = "password.changed"
    IDENTITY_LINKED = "identity.linked"
    IDENTITY_UNLINKED = "identity.unlinked"
    ADDRESS_CHANGED = "account.address_changed"
    PASSWORD_LINK_CREATED = "password.link_created"
    PASSWORD_SET_BY_LINK = "password.set_by_link"
    PASSWORD_RESET = "password.reset"
    API_KEY_CREATED = "api_key.created"
    API_KEY_ROTATED = "api_key.rotated"
    API_KEY_REVOKED = "api_key.revoked"
    SERVICE_ACCOUNT_CREATED = "service_account.created"
    SERVICE_ACCOUNT_CHANGED = "service_account.changed"
    SERVICE_ACCOUNT_DELETED = "service_account.deleted"
    TASK_CREATED = "task.created"
    TASK_UPDATED = "task.updated"
    TASK_DELETED = "task.deleted"
    VIEW_CREATED = "view.created"
    VIEW_CHANGED = "view.changed"
    VIEW_DELETED = "view.deleted"
    RULES_CHANGED = "rules.changed"
    LINK_CREATED = "link.created"
    LINK_REMOVED = "link.removed"
    LINK_KEPT = "link.kept"
    LINK_LEFT = "link.left_to_mentions"
    BACKFILL_STARTED = "backfill.started"
    BACKFILL_LINKED = "backfill.linked"
    INTEGRATION_UPDATED = "integration.updated"
    INTEGRATION_DELETED = "integration.deleted"
    INTEGRATION_MOVED = "integration.moved"
    INTEGRATION_VALIDATED = "integration.validated"
    WEBHOOK_SECRET_GENERATED = "integration.webhook_secret_generated"
    POLICY_UPDATED = "integration.policy_updated"
    TOKEN_ROTATED = "integration.token_rotated"
    HOOK_CREATED = "hook.created"
    HOOK_REPAIRED = "hook.repaired"
    HOOK_REMOVED = "hook.removed"
    TRACKER_SET = "project.tracker_set"
    PROJECT_WATCHED = "project.watched"
    PROJECT_UNWATCHED = "project.unwatched"
    HEALTH_PROBLEM = "health.problem"
    HEALTH_RECOVERED = "health.recovered"
    ENDPOINT_CREATED = "endpoint.created"
    ENDPOINT_UPDATED = "endpoint.updated"
    ENDPOINT_DELETED = "endpoint.deleted"
    ENDPOINT_SECRET_ROTATED = "endpoint.secret_rotated"
    ENDPOINT_REPLAYED = "endpoint.replayed"
    DELIVERY_REPLAYED = "delivery.replayed"

    @property
    def target_type(self) -> str:
        """The kind of target: the action's first word, with some exceptions."""
        kind = self.partition(".")[0]
        return "user" if kind in OF_USERS else {"hook": "project"}.get(kind, kind)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change: a user, perhaps with an API key, or the operator, the service or
    a rule.
    """

    user_id: uuid.UUID | None = None
    api_key_id: uuid.UUID | None = None
    kind: ActorKind = ActorKind.PERSON


OPERATOR = Actor(kind=ActorKind.OPERATOR)
SERVICE = Actor(kind=ActorKind.SERVICE)
RULE = Actor(kind=ActorKind.RULE)


def write_audit_event(
    org_id: uuid.UUID,
    actor: Actor,
    action: Action,
    target_id: uuid.UUID,
    detail: Mapping[str, Any],
) -> None:
    """Add an event to the caller's transaction, so that both commit or neither.

    ``detail`` must be JSON and must never contain a secret or a part of one.
    """
    db.session.add(
        AuditEvent(
            org_id=org_id,
            actor_user_id=actor.user_id,
            actor_api_key_id=actor.api_key_id,
            actor_kind=actor.kind.value,
            action=action.value,
            target_type=action.target_type,
            target_id=str(target_id),
            detail=dict(detail),
        )
    )
