"""What an item is, in GitLab's own words."""

from dataclasses import dataclass
from enum import StrEnum

MAX_IID = 2**63 - 1  # what a bigint column holds; also the bound of GitLab's own ids


class ItemType(StrEnum):
    """The two kinds of item a link can follow; incidents and tasks are issues to the API."""

    ISSUE = "issue"
    MERGE_REQUEST = "merge_request"

    @property
    def sigil(self) -> str:
        """``#`` or ``!``, as GitLab writes it between project path and iid."""
        return "#" if self is ItemType.ISSUE else "!"


class ItemState(StrEnum):
    """Item states as GitLab's API spells them."""

    OPENED = "opened"
    CLOSED = "closed"
    MERGED = "merged"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class ItemRef:
    """An item as a URL names it. ``project_path`` keeps the spelling of the URL."""

    project_path: str
    type: ItemType
    iid: int

    def __str__(self) -> str:
        return f"{self.project_path}{self.type.sigil}{self.iid}"
