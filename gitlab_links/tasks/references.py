"""How people refer to a task: ``ACME-12``, and within an org ``#12`` or ``12``."""

import re
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, or_, select

from gitlab_links.accounts.models import Org
from gitlab_links.tasks.models import Task

_REFERENCE = re.compile(r"(?:([A-Za-z][A-Za-z0-9]{0,9})-|#)?([1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True)
class Reference:
    """A number of a task; ``key`` is the org's key, None where it was left out."""

    key: str | None
    number: int


def parse_reference(text: str) -> Reference | None:
    """Read a reference, in any case; None where the text is none."""
    found = _REFERENCE.fullmatch(text)
    return None if found is None else Reference(found[1], int(found[2]))


def is_referred_to(reference: Reference) -> ColumnElement[bool]:
    """The condition that a task is the one: by its number, and its org's key where one is named."""
    same_number = Task.number == reference.number
    if reference.key is None:
        return same_number
    key = select(func.upper(Org.task_key)).where(Org.id == Task.org_id).correlate(Task)
    return and_(same_number, key.scalar_subquery() == reference.key.upper())


def matches(words: str) -> ColumnElement[bool]:
    """The condition of a search: in title or description, in any case, or the reference."""
    found = [column.icontains(words, autoescape=True) for column in (Task.title, Task.description)]
    reference = parse_reference(words)
    if reference is not None:
        found.append(is_referred_to(reference))
    return or_(*found)
