"""Removing the hook of a project that is no longer watched. Several calls: for workers only."""

import uuid

from gitlab_links.accounts.principal import Principal
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.gitlab.error_codes import in_words
from gitlab_links.health.background_calls import background_client
from gitlab_links.health.hook_repair import HookNotRepaired
from gitlab_links.health.our_hooks import delete_hooks, our_hooks
from gitlab_links.health.reached_projects import reached_project
from gitlab_links.integrations.summaries import webhook_url
from gitlab_links.observations.project_watches import is_linked, note_hook_removed
from gitlab_links.operations.steps import OnStep

WHOLE_SECONDS = 15.0


def remove_hook_now(principal: Principal, project_row: uuid.UUID, on_step: OnStep) -> bool:
    """Delete our hooks in GitLab; returns whether there was one.

    Nothing is deleted if the project is watched or linked again. Commits before the calls. Raises
    ``HookNotRepaired`` and what ``reached_project`` raises.
    """
    reached = reached_project(principal.org_id, project_row)
    project = reached.project
    if reached.watch.picked_at is not None or is_linked(project_row):
        return False
    where = project.address_in_api
    path = project.path
    db.session.commit()
    from gitlab_links.gitlab.hook_client import MaintainingClient

    try:
        with background_client(
            principal.org_id, reached.credentials, MaintainingClient, whole_seconds=WHOLE_SECONDS
        ) as client:
            on_step("looking_for_the_webhook")
            found = our_hooks(client.hooks(where), webhook_url(principal.org_id))
            if found:
                on_step("deleting_the_webhook")
                delete_hooks(client, where, found)
    except GitLabFailure as failure:
        raise HookNotRepaired(
            f"{in_words(failure.code, failure.reason)} Delete the webhook of {path} in GitLab."
        ) from None
    note_hook_removed(project_row, utcnow())
    if found:
        detail = {"project": path}
        write_audit_event(
            principal.org_id, principal.actor, Action.HOOK_REMOVED, project_row, detail
        )
    return bool(found)
