"""What an *Undo* beside a removed link carries: the link, signed, so that nobody makes one up."""

import uuid
from datetime import datetime

from flask import current_app
from itsdangerous import BadData, URLSafeTimedSerializer

from gitlab_links.errors import Conflict
from gitlab_links.links.operations import Detached

GOOD_FOR_SECONDS = 24 * 3600


class UndoRefused(Conflict):
    """The undo is not one of ours, is another task's, or comes too late."""

    code = "undo_refused"


def undo_token(task_id: uuid.UUID, removed: Detached) -> str:
    """A text that brings the link back to this task, for a day."""
    maker = None if removed.created_by is None else str(removed.created_by)
    token = _serializer().dumps(
        [
            str(task_id),
            str(removed.link_id),
            str(removed.project_id),
            removed.gitlab_type,
            removed.gitlab_iid,
            removed.created_at.isoformat(),
            maker,
            removed.made_path,
            removed.made_iid,
        ]
    )
    return str(token)


def removed_link(task_id: uuid.UUID, token: str) -> Detached:
    """The link that a text of ours speaks of; raises :class:`UndoRefused`."""
    try:
        told = _serializer().loads(token, max_age=GOOD_FOR_SECONDS)
        task, link, project, kind, iid, created_at, maker, *made = told
    except BadData:
        task = None
    if task != str(task_id):
        raise UndoRefused("This can no longer be undone. Paste the address to link it again.")
    return Detached(
        link_id=uuid.UUID(link),
        project_id=uuid.UUID(project),
        gitlab_type=kind,
        gitlab_iid=iid,
        created_at=datetime.fromisoformat(created_at),
        created_by=None if maker is None else uuid.UUID(maker),
        made_path=made[0] if made else None,
        made_iid=made[1] if made else None,
    )


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or "", salt="undo of a removed link")
