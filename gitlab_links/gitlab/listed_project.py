"""The projects that a person can choose from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListedProject:
    """A project in GitLab's list."""

    gitlab_id: int
    path: str
