"""Secrets of single hooks: each hook that this service makes has one of its own.

Only hashes are kept, so that the org's one secret cannot be entered into another hook, and
a new one would end those that are in use.
"""

import uuid
from datetime import datetime

from sqlalchemy import delete, update

from gitlab_links.extensions import change_rows, db
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.integrations.webhook_secrets import ROTATION_WINDOW, hash_webhook_secret
from gitlab_links.observations.models import GitLabHookSecret
from gitlab_links.security import WEBHOOK_SECRET_PREFIX, new_secret


def make_hook_secret(
    integration: OrgGitLabIntegration, project_id: uuid.UUID
) -> tuple[uuid.UUID, str]:
    """The id and the text of a new secret, good once the caller has committed.

    Committed before GitLab is told it: no event can come with a secret not known here.
    """
    secret = new_secret(WEBHOOK_SECRET_PREFIX)
    row = GitLabHookSecret(
        org_id=integration.org_id,
        integration_id=integration.id,
        project_id=project_id,
        secret_hash=hash_webhook_secret(integration.org_id, secret),
    )
    db.session.add(row)
    db.session.flush()
    return row.id, secret


def finish_hook_secret(secret_id: uuid.UUID, project_id: uuid.UUID, now: datetime) -> None:
    """The hook has the new secret: its former ones end, after a while for what is under way."""
    db.session.execute(
        update(GitLabHookSecret)
        .where(
            GitLabHookSecret.project_id == project_id,
            GitLabHookSecret.id != secret_id,
            GitLabHookSecret.ends_at.is_(None),
        )
        .values(ends_at=now + ROTATION_WINDOW)
    )


def move_hook_secrets(source_id: uuid.UUID, target_id: uuid.UUID) -> None:
    """Two rows have turned out to be one project: secrets of its hooks go on proving it."""
    change_rows(
        update(GitLabHookSecret)
        .where(GitLabHookSecret.project_id == source_id)
        .values(project_id=target_id)
    )


def forget_hook_secret(secret_id: uuid.UUID) -> None:
    """GitLab has not taken the secret: nobody has it."""
    db.session.execute(delete(GitLabHookSecret).where(GitLabHookSecret.id == secret_id))


def forget_hook_secrets(integration: OrgGitLabIntegration) -> None:
    """The org has left that GitLab: no hook there is believed any more."""
    db.session.execute(
        delete(GitLabHookSecret).where(GitLabHookSecret.integration_id == integration.id)
    )


def forget_ended_secrets(now: datetime) -> None:
    """Delete those whose time is over."""
    db.session.execute(delete(GitLabHookSecret).where(GitLabHookSecret.ends_at <= now))
