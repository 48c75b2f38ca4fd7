"""What an *Undo* beside a removed link carries: the link, sealed, so that nobody makes one up,
and nobody reads in it where an issue was moved that is withheld from them.
"""

import base64
import json
import uuid
from datetime import datetime
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict
from gitlab_links.links.operations import Detached
from gitlab_links.security import digest

GOOD_FOR_SECONDS = 24 * 3600
# Written with so many digits: the length of the text does not tell the number's.
IID_DIGITS = 19


class UndoRefused(Conflict):
    """The undo is not one of ours, is another task's, or comes too late."""

    code = "undo_refused"


def undo_token(task_id: uuid.UUID, removed: Detached) -> str:
    """A text that brings the link back to this task, for a day."""
    maker = None if removed.created_by is None else str(removed.created_by)
    told = [
        str(removed.link_id),
        str(removed.project_id),
        removed.gitlab_type,
        f"{removed.gitlab_iid:0{IID_DIGITS}}",
        removed.created_at.isoformat(),
        maker,
        removed.made_path,
        removed.made_iid,
    ]
    sealed = _cipher(task_id).encrypt_at_time(json.dumps(told).encode(), _now())
    return sealed.decode("ascii")


def removed_link(task_id: uuid.UUID, token: str) -> Detached:
    """The link that a text of ours speaks of; raises :class:`UndoRefused`."""
    link, project, kind, iid, created_at, maker, made_path, made_iid = _opened(task_id, token)
    return Detached(
        link_id=uuid.UUID(link),
        project_id=uuid.UUID(project),
        gitlab_type=kind,
        gitlab_iid=int(iid),
        created_at=datetime.fromisoformat(created_at),
        created_by=None if maker is None else uuid.UUID(maker),
        made_path=made_path,
        made_iid=made_iid,
    )


def _opened(task_id: uuid.UUID, token: str) -> list[Any]:
    try:
        told: list[Any] = json.loads(
            _cipher(task_id).decrypt_at_time(token.encode(), GOOD_FOR_SECONDS, _now())
        )
    except (InvalidToken, UnicodeError):
        raise UndoRefused(
            "This can no longer be undone. Paste the address to link it again."
        ) from None
    return told


def _now() -> int:
    return int(utcnow().timestamp())


def _cipher(task_id: uuid.UUID) -> Fernet:
    """A key for each task: what was sealed for one opens for no other."""
    secret = digest("undo-of-a-removed-link", str(task_id))
    return Fernet(base64.urlsafe_b64encode(bytes.fromhex(secret)))
