"""The lists of the GitLab pages as CSV files: projects, and mentions that link or make no link."""

import uuid
from collections.abc import Sequence
from functools import partial
from operator import attrgetter

from flask.typing import ResponseReturnValue

from gitlab_links.accounts.roles import Permission
from gitlab_links.backfills.queries import FoundItem, found_items, latest_backfill
from gitlab_links.clock import utcnow
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.links.queries import connection_of
from gitlab_links.mentions.queries import PendingView, pending_mentions
from gitlab_links.observations.watched_projects import watched_projects
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.connection.integration import PATH
from gitlab_links.pages.csv.files import Rows, by_id, csv_file, in_parts

PROJECTS = (
    *("path", "former_path", "links", "picked", "seen", "hook_state", "hook_id", "hook_wanted"),
    *("disabled_until", "checked_at", "last_event_at", "changes_by_webhook", "changes_by_sweep"),
    *("unreadable", "unreadable_code", "reason", "id"),
)
MENTIONS = ("reference", "url", "title", "tasks", "id")
PENDING = ("reference", "url", "task", "noted_at", "id")


@pages.get(f"{PATH}/projects.csv")
@access(Permission.INTEGRATION)
def projects_csv(org_id: uuid.UUID) -> ResponseReturnValue:
    """The projects with links and the watched ones, by path."""
    own = attrgetter(*PROJECTS)
    rows = [own(project) for project in watched_projects(org_id, utcnow())]
    return csv_file("projects", PROJECTS, iter([rows]))


@pages.get(f"{PATH}/mentions.csv")
@access(Permission.INTEGRATION)
def mentions_csv(org_id: uuid.UUID) -> ResponseReturnValue:
    """What the newest look back found, in the order of finding it."""
    backfill, role = latest_backfill(org_id), current_principal().role
    if backfill is None:
        return csv_file("mentions", MENTIONS, iter([()]))

    def rows(found: Sequence[FoundItem]) -> Rows:
        return [(one.reference, one.url, one.title, " ".join(one.tasks), one.id) for one in found]

    read = partial(found_items, org_id, backfill.id, role, connection_of(org_id))
    return csv_file("mentions", MENTIONS, in_parts(read, rows, by_id))


@pages.get(f"{PATH}/pending-mentions.csv")
@access(Permission.INTEGRATION)
def pending_mentions_csv(org_id: uuid.UUID) -> ResponseReturnValue:
    """The mentions that make no link, the newest first."""
    own, role, connection = attrgetter(*PENDING), current_principal().role, connection_of(org_id)

    def rows(found: Sequence[PendingView]) -> Rows:
        return [own(one) for one in found]

    read = partial(pending_mentions, org_id, role, connection)
    return csv_file("pending-mentions", PENDING, in_parts(read, rows, by_id))
