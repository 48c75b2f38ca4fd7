"""The org of the tests of health; what a click does, and what GitLab then has."""

from gitlab_links.extensions import db
from gitlab_links.health.hook_check import check_now
from gitlab_links.health.hook_repair import repair_now
from gitlab_links.links.models import GitLabItem
from tests.health.conftest import (
    _service,
    connected,
    receiver,
    receiver_port,
    service,
    service_port,
)

__all__ = ["_service", "connected", "receiver", "receiver_port", "service", "service_port"]

SIGNING_TOKEN = "whsec_VGhpcyBpcyBub3QgYSByZWFsIHNpZ25pbmcga2V5ISE="


def repair(connected):
    with connected.app.app_context():
        return repair_now(connected.admin, connected.project_id)


def look(connected):
    """A look at the project's hook by somebody, and what the schedule makes of it."""
    with connected.app.app_context():
        check_now(connected.admin, connected.project_id)
    connected.watch()


def hooks(connected):
    return connected.gitlab.state.hooks.of(connected.project)


def retitle(connected, title, **how):
    connected.gitlab.state.items.edit(connected.issues[0], title=title, **how)


def titles(connected):
    with connected.app.app_context():
        return set(db.session.scalars(db.select(GitLabItem.title)))
