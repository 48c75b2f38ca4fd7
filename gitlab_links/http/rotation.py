"""Rotating the token from a door: GitLab is asked with no transaction open."""

from datetime import datetime

from gitlab_links.accounts.principal import Principal
from gitlab_links.extensions import db
from gitlab_links.hooks.repairs import OnStep, ignore_step
from gitlab_links.integrations.operations import find_integration
from gitlab_links.integrations.rotation import keep_rotated, prepare_rotation, rotate


def rotate_now(principal: Principal, on_step: OnStep = ignore_step) -> datetime | None:
    """Replace the token and say when the new one expires; takes as long as GitLab: for workers.

    Commits by itself: the former token is void from the moment that GitLab answers.
    """
    question = prepare_rotation(principal.org_id)
    db.session.commit()
    on_step("asking_for_a_token")
    new = rotate(question)
    on_step("keeping_the_token")
    keep_rotated(principal.org_id, question, new, principal.actor)
    db.session.commit()
    integration = find_integration(principal.org_id)
    return None if integration is None else integration.token_expires_at
