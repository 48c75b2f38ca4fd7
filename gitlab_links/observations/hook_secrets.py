"""Secrets of single hooks: each hook that this service creates has its own secret.

Only hashes are stored, so this service cannot enter the org's shared secret into another hook,
and a new shared secret would invalidate the hooks in use.
"""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, or_, update

from gitlab_links.extensions import change_rows, db
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.integrations.webhook_secrets import ROTATION_WINDOW, hash_webhook_secret
from gitlab_links.observations.models import GitLabHookSecret, GitLabProjectWatch
from gitlab_links.security import WEBHOOK_SECRET_PREFIX, new_secret


def make_hook_secret(
    integration: OrgGitLabIntegration, project_id: uuid.UUID
) -> tuple[uuid.UUID, str]:
    """The id and the text of a new secret, which is valid after the caller's commit.

    Commit it before sending it to GitLab, so that no event arrives with an unknown secret.
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
    """The hook has the new secret. Its former ones stay valid for ``ROTATION_WINDOW``."""
    end_hook_secrets(project_id, now)
    ours = update(GitLabHookSecret).where(GitLabHookSecret.id == secret_id)
    db.session.execute(ours.values(ends_at=None))


def end_hook_secrets(project_id: uuid.UUID, now: datetime) -> None:
    """The project has no hook with these secrets any more: they end after ``ROTATION_WINDOW``."""
    lasting = update(GitLabHookSecret).where(
        GitLabHookSecret.project_id == project_id, GitLabHookSecret.ends_at.is_(None)
    )
    db.session.execute(lasting.values(ends_at=now + ROTATION_WINDOW))


def has_hook_secret(watch: GitLabProjectWatch, now: datetime) -> ColumnElement[bool]:
    """Whether a secret of the project's own hook is valid, as an SQL condition."""
    secret = GitLabHookSecret
    return exists().where(
        secret.project_id == watch.project_id, is_valid_secret(secret.ends_at, now)
    )


def is_valid_secret(ends_at: Any, moment: Any) -> ColumnElement[bool]:
    """Whether a secret that ends then, or never, is valid at a moment, as an SQL condition."""
    return or_(ends_at.is_(None), ends_at > moment)


def move_hook_secrets(source_id: uuid.UUID, target_id: uuid.UUID) -> None:
    """Move the secrets to the other row of the same project, so they stay valid."""
    change_rows(
        update(GitLabHookSecret)
        .where(GitLabHookSecret.project_id == source_id)
        .values(project_id=target_id)
    )


def forget_hook_secret(secret_id: uuid.UUID) -> None:
    """Delete a secret that GitLab did not accept."""
    db.session.execute(delete(GitLabHookSecret).where(GitLabHookSecret.id == secret_id))


def forget_hook_secrets(integration: OrgGitLabIntegration) -> None:
    """Delete the secrets of all hooks: the org has left that GitLab."""
    db.session.execute(
        delete(GitLabHookSecret).where(GitLabHookSecret.integration_id == integration.id)
    )


def forget_ended_secrets(now: datetime) -> None:
    """Delete secrets that have expired."""
    db.session.execute(delete(GitLabHookSecret).where(GitLabHookSecret.ends_at <= now))
