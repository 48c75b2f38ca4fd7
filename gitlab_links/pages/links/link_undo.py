"""The token of an *Undo* button: the removed link, encrypted.

Encrypted so that nobody can forge a link, or read where a confidential issue was moved to.
"""

import json
import uuid
from datetime import datetime
from typing import Any

from cryptography.fernet import InvalidToken

from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict
from gitlab_links.links.changes import Detached
from gitlab_links.security import fernet_for

KEY, GOOD_FOR_SECONDS = "undo-of-a-removed-link", 24 * 3600
# Padded, so that the length of the token does not reveal the number of digits.
IID_DIGITS = 19


# The fields after the maker. Tokens of the version before have only the first two.
_REST = ("made_path", "made_iid", "made_by_person", "mentioned_in", "closes", "backfilled")


class UndoRefused(Conflict, code="undo_refused"):
    """The undo token is forged, belongs to another task, or has expired."""


def undo_token(task_id: uuid.UUID, removed: Detached) -> str:
    """A token that restores the link on this task, valid for a day."""
    maker = None if removed.created_by is None else str(removed.created_by)
    fields = [
        str(removed.link_id),
        str(removed.project_id),
        removed.gitlab_type,
        f"{removed.gitlab_iid:0{IID_DIGITS}}",
        removed.created_at.isoformat(),
        maker,
        removed.made_path,
        removed.made_iid,
        removed.made_by_person,
        removed.mentioned_in,
        removed.closes,
        removed.backfilled,
    ]
    # A key for each task: a token of one task is invalid for another.
    fernet = fernet_for(KEY, str(task_id))
    return fernet.encrypt_at_time(json.dumps(fields).encode(), _now()).decode("ascii")


def removed_link(task_id: uuid.UUID, token: str) -> Detached:
    """The link in an undo token; raises :class:`UndoRefused`."""
    link, project, kind, iid, created_at, maker, *rest = _opened(task_id, token)
    return Detached(
        link_id=uuid.UUID(link),
        project_id=uuid.UUID(project),
        gitlab_type=kind,
        gitlab_iid=int(iid),
        created_at=datetime.fromisoformat(created_at),
        created_by=None if maker is None else uuid.UUID(maker),
        **dict(zip(_REST, rest, strict=False)),
    )


def _opened(task_id: uuid.UUID, token: str) -> list[Any]:
    try:
        fernet = fernet_for(KEY, str(task_id))
        fields: list[Any] = json.loads(
            fernet.decrypt_at_time(token.encode(), GOOD_FOR_SECONDS, _now())
        )
    except (InvalidToken, UnicodeError):
        raise UndoRefused(
            "This can no longer be undone. Paste the address to link it again."
        ) from None
    return fields


def _now() -> int:
    return int(utcnow().timestamp())
