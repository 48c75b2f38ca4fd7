"""Who linked and unlinked what, in the org's audit log."""

import uuid

from gitlab_links.accounts.principal import Principal
from gitlab_links.audit.operations import Action, write_audit_event
from gitlab_links.gitlab.items import ItemRef


def audit_link(
    principal: Principal, action: Action, link_id: uuid.UUID, task: str, item: ItemRef
) -> None:
    """Write it into the caller's transaction: ``ACME-12``, ``group/app!5`` and no title."""
    write_audit_event(
        principal.org_id,
        principal.actor,
        action,
        target_type="link",
        target_id=link_id,
        detail={"task": task, "item": str(item)},
    )
