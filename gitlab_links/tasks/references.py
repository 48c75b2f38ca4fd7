"""References of tasks: ``ACME-12``, and within an org ``#12`` or ``12``."""

import re
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, exists, func, or_, select

from gitlab_links.accounts.models import FormerTaskKey, Org
from gitlab_links.tasks.models import Task

_REFERENCE = re.compile(r"(?:([A-Za-z][A-Za-z0-9]{0,9})-|#)?([1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True)
class Reference:
    """A task's number; ``key`` is the org's key, None if it was left out."""

    key: str | None
    number: int


def parse_reference(text: str) -> Reference | None:
    """Parse a reference, ignoring case; None if the text is not one."""
    found = _REFERENCE.fullmatch(text)
    return None if found is None else Reference(found[1], int(found[2]))


def is_referred_to(reference: Reference) -> ColumnElement[bool]:
    """The SQL condition for a reference: the number, and a key of the org, present or former,
    if given.
    """
    same_number = Task.number == reference.number
    if reference.key is None:
        return same_number
    wanted = reference.key.upper()
    key = select(func.upper(Org.task_key)).where(Org.id == Task.org_id).correlate(Task)
    former = exists().where(FormerTaskKey.org_id == Task.org_id, FormerTaskKey.key == wanted)
    return and_(same_number, or_(key.scalar_subquery() == wanted, former.correlate(Task)))
