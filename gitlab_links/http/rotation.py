"""Rotating the token from a door: GitLab is asked with no transaction open."""

import time
import uuid
from datetime import datetime

import structlog
from sqlalchemy.exc import DBAPIError

from gitlab_links.audit.operations import Actor
from gitlab_links.extensions import db
from gitlab_links.gitlab.answers import NewToken
from gitlab_links.hooks.repairs import OnStep, ignore_step
from gitlab_links.integrations.operations import find_integration
from gitlab_links.integrations.rotation import keep_rotated, prepare_rotation, rotate
from gitlab_links.integrations.validation import Question

# With the call to GitLab before it, less than a job may take.
KEEPING_SECONDS = 10.0

log = structlog.get_logger(__name__)


def rotate_now(org_id: uuid.UUID, actor: Actor, on_step: OnStep = ignore_step) -> datetime | None:
    """Replace the token and say when the new one expires; takes as long as GitLab: for workers,
    and one at a time for an org.

    Commits by itself: the former token is void from the moment that GitLab answers.
    """
    question = prepare_rotation(org_id)
    db.session.commit()
    on_step("asking_for_a_token")
    new = rotate(question)
    _keep(org_id, question, new, actor)
    integration = find_integration(org_id)
    return None if integration is None else integration.token_expires_at


def _keep(org_id: uuid.UUID, question: Question, new: NewToken, actor: Actor) -> None:
    """Nothing else has the new token: where the database is away just now, it is waited for."""
    ends_at = time.monotonic() + KEEPING_SECONDS
    while True:
        try:
            keep_rotated(org_id, question, new, actor)
            db.session.commit()
            return
        except DBAPIError:
            db.session.rollback()
            if time.monotonic() > ends_at:
                raise
            log.warning("token.not_kept_yet", org_id=str(org_id))
            time.sleep(0.5)
