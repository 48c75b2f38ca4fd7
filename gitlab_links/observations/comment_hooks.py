"""Which projects have a webhook whose comments count as mentions: one that this service created.

Only the secret of a project's own webhook proves of which project a comment is.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from gitlab_links.extensions import db
from gitlab_links.observations.hook_states import HookState
from gitlab_links.observations.models import GitLabHookSecret
from gitlab_links.observations.watched_projects import WatchedProject, watched_projects

# By the last check no event with the project's own secret arrives.
_SILENT = frozenset(
    {
        HookState.MISSING,
        HookState.ELSEWHERE,
        HookState.TEMPORARILY_DISABLED,
        HookState.DISABLED,
        HookState.UNPROVEN,
    }
)


@dataclass(frozen=True, slots=True)
class CommentHooks:
    """The paths of the watched projects whose comments arrive, and of the others."""

    working: Sequence[str]
    others: Sequence[str]


def comment_hooks(org_id: uuid.UUID, now: datetime) -> CommentHooks:
    """As stored: by the secrets of webhooks, and their last check. Two statements."""
    secret = GitLabHookSecret
    own = set(
        db.session.scalars(
            select(secret.project_id).where(secret.org_id == org_id, secret.ends_at.is_(None))
        )
    )
    seen = [
        (one.path, one.id in own and _sends_comments(one))
        for one in watched_projects(org_id, now)
        if one.seen
    ]
    return CommentHooks(
        working=[path for path, works in seen if works],
        others=[path for path, works in seen if not works],
    )


def _sends_comments(project: WatchedProject) -> bool:
    return project.hook_state not in _SILENT and "note_events" not in project.events_missing
