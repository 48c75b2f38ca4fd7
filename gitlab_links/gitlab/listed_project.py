"""The projects that a person can choose from."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListedProject:
    """A project in GitLab's list; ``maintained``: the token's owner may create webhooks in it."""

    gitlab_id: int
    path: str
    maintained: bool = False

    @property
    def namespace(self) -> str:
        """The group it is in."""
        return self.path.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class ListedPage:
    """A page of the list; ``more``: there may be another one."""

    projects: Sequence[ListedProject]
    more: bool
