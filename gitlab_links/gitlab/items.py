"""The identity, type and state of an item, and the name of a project, in GitLab's terms."""

from dataclasses import dataclass
from enum import StrEnum

MAX_IID = 2**63 - 1  # the largest bigint, also for GitLab's own ids


class ItemType(StrEnum):
    """The two types of item that can be linked; to the API, incidents and tasks are issues."""

    ISSUE = "issue"
    MERGE_REQUEST = "merge_request"

    @property
    def sigil(self) -> str:
        """``#`` or ``!``, as GitLab writes it between project path and iid."""
        return "#" if self is ItemType.ISSUE else "!"

    @property
    def plural(self) -> str:
        """As GitLab writes it in the paths of its API and pages."""
        return f"{self.value}s"


class ItemState(StrEnum):
    """Item states as GitLab's API spells them."""

    OPENED = "opened"
    CLOSED = "closed"
    MERGED = "merged"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class ItemRef:
    """An item named by a URL. ``project_path`` has the spelling of the URL."""

    project_path: str
    type: ItemType
    iid: int

    def __str__(self) -> str:
        return f"{self.project_path}{self.type.sigil}{self.iid}"


def address_in_api(gitlab_id: int | None, path: str) -> int | str:
    """What names a project in a call: GitLab's id, or the path while that is unknown."""
    return path if gitlab_id is None else gitlab_id
