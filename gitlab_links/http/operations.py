"""Asking for operations from a door: what can be refused at once is."""

import uuid

from gitlab_links.accounts.principal import Principal
from gitlab_links.hooks.watching import require_watch
from gitlab_links.integrations.credentials import credentials_of
from gitlab_links.integrations.operations import find_integration
from gitlab_links.integrations.rotation import prepare_rotation
from gitlab_links.operations.models import Operation, OperationKind
from gitlab_links.operations.queue import ask_for


def ask_for_repair(principal: Principal, project_row: uuid.UUID) -> Operation:
    """Have a worker make or repair the hook of a project.

    Raises :class:`NotFound` and what ``credentials_of`` raises.
    """
    _, project = require_watch(principal.org_id, project_row)
    credentials_of(find_integration(principal.org_id))
    kind = OperationKind.REPAIR_HOOK
    return ask_for(principal, kind, target=project_row, subject=project.path)


def ask_for_rotation(principal: Principal) -> Operation:
    """Have a worker replace the token; raises what ``prepare_rotation`` raises."""
    prepare_rotation(principal.org_id)
    return ask_for(principal, OperationKind.ROTATE_TOKEN)
