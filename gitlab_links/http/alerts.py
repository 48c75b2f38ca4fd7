"""A test of where an org's health alerts go, sent from a door with no transaction open."""

import uuid

from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict
from gitlab_links.extensions import db
from gitlab_links.health.notices import note_delivery, notify_url, test_body
from gitlab_links.http.gitlab_waits import waiting_for_gitlab
from gitlab_links.integrations.operations import find_integration


class NoAlertAddress(Conflict):
    """The org has not said where its health alerts go."""

    code = "no_alert_address"


def send_test_alert(org_id: uuid.UUID) -> str | None:
    """Send a test to the stored address; gives None once it was taken, else the reason.

    Raises :class:`NoAlertAddress`, and what ``waiting_for_gitlab`` raises.
    """
    # requests is slow to import, and not for the web process's way of a webhook.
    from gitlab_links.health.sending import send

    to = notify_url(find_integration(org_id))
    if to is None:
        raise NoAlertAddress("No address for health alerts is stored, or it cannot be read.")
    body = test_body(org_id)
    db.session.commit()
    with waiting_for_gitlab(org_id):
        failure = send(to, body)
    note_delivery(org_id, utcnow(), failure)
    return failure
