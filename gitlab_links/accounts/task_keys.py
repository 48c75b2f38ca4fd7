"""The prefix of an org's task references, and the prefixes it had before."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, select

from gitlab_links.accounts.models import FormerTaskKey, Org
from gitlab_links.clock import utcnow
from gitlab_links.errors import Invalid
from gitlab_links.extensions import change_rows, db
from gitlab_links.storage.database import insert_unless_exists

TASK_KEY = "^[A-Z][A-Z0-9]{0,9}$"
MESSAGE = "Use capital letters and digits, a letter first, 10 at most."
_KEY = re.compile(TASK_KEY)


def checked_task_key(text: str) -> str:
    """The key in capital letters; raises :class:`Invalid`."""
    key = text.strip().upper()
    if _KEY.fullmatch(key) is None:
        raise Invalid("The org was not changed.", errors={"task_key": [MESSAGE]})
    return key


def former_task_keys(org_id: uuid.UUID) -> Sequence[str]:
    """The keys that the org had before, the oldest first. Old references still use them."""
    ours = select(FormerTaskKey.key).where(FormerTaskKey.org_id == org_id)
    return db.session.scalars(ours.order_by(FormerTaskKey.id)).all()


@dataclass(frozen=True, slots=True)
class MentionChoices:
    """What mentions a task of an org: every key that it has or had, the present one first, and
    whether ``comments`` mention, too.
    """

    keys: tuple[str, ...]
    comments: bool


def mention_choices(org_id: uuid.UUID) -> MentionChoices:
    """The org's, in one SELECT."""
    rows = db.session.execute(_CHOICES, {"org_id": org_id}).all()
    present = {row.task_key for row in rows}
    former = (row.key for row in rows if row.key is not None)
    return MentionChoices((*present, *former), any(row.comments_mention for row in rows))


# Of tables and built once: each batch of deliveries executes it.
_orgs, _former = Org.__table__, FormerTaskKey.__table__
_CHOICES = (
    select(_orgs.c.task_key, _orgs.c.comments_mention, _former.c.key)
    .select_from(_orgs)
    .outerjoin(_former, _former.c.org_id == _orgs.c.id)
    .where(_orgs.c.id == bindparam("org_id"))
    .order_by(_former.c.id)
)


def change_task_key(org: Org, key: str) -> None:
    """Give the org another key; the present one becomes a former one."""
    change_rows(
        delete(FormerTaskKey).where(FormerTaskKey.org_id == org.id, FormerTaskKey.key == key)
    )
    former = {"org_id": org.id, "key": org.task_key, "created_at": utcnow()}
    insert_unless_exists(db.session, FormerTaskKey, former, "org_id", "key")
    org.task_key = key
