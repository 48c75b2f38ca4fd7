"""Rotating the token from a door: GitLab is asked with no transaction open."""

from datetime import datetime

from gitlab_links.accounts.principal import Principal
from gitlab_links.extensions import db
from gitlab_links.http.gitlab_waits import waiting_for_gitlab
from gitlab_links.integrations.operations import find_integration
from gitlab_links.integrations.rotation import keep_rotated, prepare_rotation, rotate


def rotate_now(principal: Principal) -> datetime | None:
    """Replace the token and say when the new one expires; takes as long as GitLab.

    Commits by itself: the former token is void from the moment that GitLab answers.
    """
    question = prepare_rotation(principal.org_id)
    db.session.commit()
    with waiting_for_gitlab(principal.org_id):
        new = rotate(question)
    keep_rotated(principal.org_id, question, new, principal.actor)
    db.session.commit()
    integration = find_integration(principal.org_id)
    return None if integration is None else integration.token_expires_at
