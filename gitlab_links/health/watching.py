"""Watching projects: the webhooks of all with one request, and ending the watch of one.

A project with links is watched in any case; a chosen one is watched without.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from gitlab_links.accounts.principal import Principal
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.errors import NotFound
from gitlab_links.integrations.changes import find_integration
from gitlab_links.integrations.credentials import credentials_of
from gitlab_links.observations.hook_states import HookState
from gitlab_links.observations.project_watches import find_watch, is_linked
from gitlab_links.observations.watched_projects import WatchedProject, watched_projects
from gitlab_links.operations.models import Operation, OperationKind
from gitlab_links.operations.queue import ask_for, withdraw

# Of one request; the next one takes the rest.
MOST_AT_ONCE = 100
_WORKING = frozenset({HookState.OK, HookState.ELSEWHERE})


def lacks_hook(project: WatchedProject) -> bool:
    """Whether its webhook has to be created or repaired, as far as is known."""
    return project.seen and project.hook_state not in _WORKING


def make_all_hooks(principal: Principal, now: datetime) -> list[Operation]:
    """Have the webhooks of all watched projects created or repaired that do not work.

    Returns an operation for each, those requested before included. Raises what
    ``credentials_of`` raises.
    """
    credentials_of(find_integration(principal.org_id))
    lacking = [one for one in watched_projects(principal.org_id, now) if lacks_hook(one)]
    kind = OperationKind.MAKE_HOOK
    return [
        ask_for(principal, kind, target=one.id, subject=one.path) for one in lacking[:MOST_AT_ONCE]
    ]


@dataclass(frozen=True, slots=True)
class Unwatched:
    """A project whose watch has ended; ``is_linked``: it stays in the list for its links."""

    path: str
    is_linked: bool


def unwatch(principal: Principal, project_row: uuid.UUID) -> Unwatched:
    """Stop watching a chosen project. A webhook that is still to be created is not. If nothing
    of the project is linked, a worker deletes the one that there is.

    Raises :class:`NotFound` if it was not chosen.
    """
    found = find_watch(principal.org_id, project_row)
    if found is None or found[0].picked_at is None:
        raise NotFound
    watch, path = found
    watch.picked_at = None
    withdraw(principal.org_id, OperationKind.MAKE_HOOK, project_row)
    write_audit_event(
        principal.org_id, principal.actor, Action.PROJECT_UNWATCHED, project_row, {"project": path}
    )
    stays = is_linked(project_row)
    if not stays and watch.hook_id is not None:
        ask_for(principal, OperationKind.REMOVE_HOOK, target=project_row, subject=path)
    return Unwatched(path, stays)
