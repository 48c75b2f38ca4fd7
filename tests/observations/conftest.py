"""The org of the tests of health, clicks on its page, and the state of its GitLab."""

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


def check_hook(connected):
    """Check the project's hook like a click, and run the schedule."""
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
