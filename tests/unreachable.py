"""A GitLab that cannot be reached, as the service notes what happens to its calls."""

import uuid

from flask import Flask

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.integrations.changes import find_integration
from gitlab_links.sync.pausing import BREAKER_OPENS_AT, note_failure


def lose_gitlab(app: Flask, org_id: uuid.UUID) -> None:
    """Fail as many calls in a row as open the breaker."""
    with app.app_context():
        integration = find_integration(org_id)
        assert integration is not None
        for _ in range(BREAKER_OPENS_AT):
            note_failure(integration, GitLabFailure("network_error", "no route"), utcnow())
        db.session.commit()
