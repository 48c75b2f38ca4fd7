"""Choose the cheapest way to learn what changed, by what each cost last time. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

PAGE = 100
# From so many projects on, the list of their group is read, which also has those of others.
GROUP_AT = 3
# How likely a project that had no change last time has one now: a list costs as much more.
CHANGED_WHEN_QUIET = 0.1


class Way(StrEnum):
    """``many``: one call says what changed in up to a hundred projects, and lists are read of
    those with something new. ``group``: one list for the projects of a group. ``list``: one list
    for each project and type. ``items``: the changed linked items alone.
    """

    MANY = "many"
    GROUP = "group"
    LIST = "list"
    ITEMS = "items"


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of a project's changes: how many the last reading found, linked or not."""

    changes: int = 0

    @property
    def pages(self) -> int:
        """How many calls its list takes, if it is as busy as last time."""
        return max(1, -(-self.changes // PAGE))


def choose_first(due: Sequence[Source], *, answers_many: bool) -> Way:
    """How to find out whether there is something new. ``answers_many``: GitLab answers about
    many projects in one call.
    """
    if not answers_many:
        return Way.LIST
    by_lists = sum(source.pages for source in due)
    with_changes = sum(
        source.pages * (1 if source.changes else CHANGED_WHEN_QUIET) for source in due
    )
    return Way.MANY if 1 + with_changes < by_lists else Way.LIST


def choose_for_group(wanting: int, *, verified: bool) -> Way:
    """How to read the lists of ``wanting`` projects of a group that have something new.

    ``verified``: GitLab has just shown each of them. Only then is the group's list enough: it
    says nothing of a project that the token may not see, or that has left the group.
    """
    return Way.GROUP if verified and wanting >= GROUP_AT else Way.LIST


def choose_for_outdated(
    source: Source, *, outdated: int, unlinked: int, reads_unlinked: bool
) -> Way:
    """How to read what is new in a project: ``outdated`` linked items, and ``unlinked`` others.

    Its list also has the unlinked ones, which may mention a task. A list of many pages costs
    more than the few linked items alone.
    """
    wants_list = unlinked and reads_unlinked
    if wants_list or outdated == 0:
        return Way.LIST
    by_items = -(-outdated // PAGE)
    changes = max(source.changes, outdated + unlinked)
    return Way.ITEMS if by_items < Source(changes).pages else Way.LIST
