"""What GitLab lists for somebody to pick from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListedProject:
    """A project as GitLab lists it."""

    gitlab_id: int
    path: str
