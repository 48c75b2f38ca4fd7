"""What doors do with hooks: GitLab is asked with no transaction open."""

import uuid
from collections.abc import Sequence

from gitlab_links.accounts.principal import Principal
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db, settings
from gitlab_links.gitlab.listed import ListedProject
from gitlab_links.hooks.checks import Look, keep_look, look_at
from gitlab_links.hooks.repairs import (
    OnStep,
    Repaired,
    ignore_step,
    keep_refusal,
    keep_repair,
    prepare_repair,
    repair,
)
from gitlab_links.hooks.watching import require_watch
from gitlab_links.http.gitlab_waits import waiting_for_gitlab
from gitlab_links.integrations.credentials import credentials_of
from gitlab_links.integrations.operations import find_integration
from gitlab_links.integrations.views import webhook_url
from gitlab_links.sync.pausing import note_refused_account


def repair_now(
    principal: Principal, project_row: uuid.UUID, on_step: OnStep = ignore_step
) -> Repaired:
    """Make or repair the hook of a project; takes several calls to GitLab: for workers.

    Raises :class:`NotFound`, ``HookNotAllowed``, ``HookNotRepaired`` and what
    ``credentials_of`` raises. Commits by itself: GitLab has changed by then, or knows a
    secret that must not be forgotten.
    """
    wanted = prepare_repair(principal.org_id, project_row)
    db.session.commit()
    done = repair(wanted, on_step)
    if isinstance(done, Look):
        refusal = keep_refusal(wanted, done, utcnow())
        _note_account(principal.org_id, done)
        db.session.commit()
        raise refusal
    keep_repair(principal, wanted, done, utcnow())
    db.session.commit()
    return done


def projects_now(principal: Principal, search: str) -> tuple[str, Sequence[ListedProject]]:
    """The address of the org's GitLab, and the projects it lists for picking.

    Raises GitLabFailure, and what ``credentials_of`` and ``waiting_for_gitlab`` raise.
    """
    from gitlab_links.gitlab.listing import ListingClient

    base, token = credentials_of(find_integration(principal.org_id))
    db.session.commit()
    whole, options = settings().gitlab_timeout, settings().gitlab_client
    with (
        waiting_for_gitlab(principal.org_id),
        ListingClient(base, token, whole_seconds=whole, **options) as client,
    ):
        return str(base), client.projects(search)


def look_now(principal: Principal, project_row: uuid.UUID) -> Look:
    """Look at the hook of a project in GitLab, and keep what was seen.

    Raises :class:`NotFound` and what ``credentials_of`` raises; a failure of GitLab's is
    in the answer.
    """
    from gitlab_links.gitlab.maintaining import MaintainingClient

    org_id = principal.org_id
    watch, project = require_watch(org_id, project_row)
    base, token = credentials_of(find_integration(org_id))
    known = project.path if project.gitlab_id is None else project.gitlab_id
    db.session.commit()
    whole, options = settings().gitlab_timeout, settings().gitlab_client
    with (
        waiting_for_gitlab(org_id),
        MaintainingClient(base, token, whole_seconds=whole, **options) as client,
    ):
        look = look_at(client, known, webhook_url(org_id))
    keep_look(watch.id, look, utcnow())
    _note_account(org_id, look)
    db.session.commit()
    return look


def _note_account(org_id: uuid.UUID, look: Look) -> None:
    """What GitLab refuses the token's account is the connection's, whoever came upon it."""
    if look.of_account and look.failure is not None:
        note_refused_account(org_id, look.failure, utcnow())
