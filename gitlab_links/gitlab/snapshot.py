"""The fields of an item at one moment, from GitLab's API or from a webhook body."""

from dataclasses import dataclass, field, fields
from datetime import date, datetime
from enum import Enum
from typing import Any

from gitlab_links.gitlab.items import ItemState, ItemType


class Unknown(Enum):
    """Marks a field that the source does not have; ``None`` means that GitLab sent null."""

    UNKNOWN = "unknown"

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown.UNKNOWN


@dataclass(frozen=True, slots=True)
class Person:
    """A GitLab account."""

    username: str
    name: str


@dataclass(frozen=True, slots=True)
class Review:
    """How far a reviewer of a merge request is, by GitLab's own word, such as ``unreviewed``.

    ``re_requested``: they are asked to look again.
    """

    username: str
    state: str
    re_requested: bool


@dataclass(frozen=True, slots=True)
class Label:
    """A label with its colours as ``#rrggbb``; None if the source has only its name."""

    name: str
    color: str | None
    text_color: str | None


@dataclass(frozen=True, slots=True)
class Milestone:
    """A milestone by GitLab's global id. Webhooks have only the id, not the title."""

    id: int
    title: str


@dataclass(frozen=True, slots=True)
class ItemText:
    """The texts in which a task may be mentioned; None means that there is none."""

    title: str | Unknown | None = UNKNOWN
    description: str | Unknown | None = UNKNOWN
    source_branch: str | Unknown | None = UNKNOWN


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Facts about one item. A field is ``UNKNOWN`` if the source does not have it.

    Times are aware and in UTC. ``milestone_id`` comes from both sources, ``milestone`` only
    from the API. ``updated_at`` is by GitLab's own clock, unchanged. ``source_branch`` is
    the branch of a merge request, in the project ``source_project_id``; ``head_sha`` is its
    newest commit; ``target_branch`` is where it goes, and ``merged_by`` who merged it.
    ``pipeline_path`` is the path of its newest pipeline's page on GitLab's host. ``comments`` is
    the number of comments by people.
    ``gitlab_id`` is GitLab's id of the item across all projects. ``text`` is read for mentions of
    tasks and not stored. ``reviews`` are those that the source has; only webhooks have any.

    ``detailed``: the single form of a merge request was fetched too. ``pushed``: the webhook
    reports new commits.
    """

    type: ItemType
    iid: int
    project_id: int | None
    project_path: str | None
    title: str | Unknown = UNKNOWN
    state: ItemState | Unknown = UNKNOWN
    draft: bool | Unknown = UNKNOWN
    confidential: bool | Unknown = UNKNOWN
    labels: tuple[Label, ...] | Unknown = UNKNOWN
    assignees: tuple[Person, ...] | Unknown = UNKNOWN
    reviewers: tuple[Person, ...] | Unknown = UNKNOWN
    reviews: tuple[Review, ...] | Unknown = UNKNOWN
    author: Person | Unknown | None = UNKNOWN
    milestone_id: int | Unknown | None = UNKNOWN
    milestone: Milestone | Unknown | None = UNKNOWN
    due_date: date | Unknown | None = UNKNOWN
    merge_status: str | Unknown | None = UNKNOWN
    pipeline_status: str | Unknown | None = UNKNOWN
    pipeline_path: str | Unknown | None = UNKNOWN
    comments: int | Unknown | None = UNKNOWN
    moved_to_id: int | Unknown | None = UNKNOWN
    created_at: datetime | Unknown | None = UNKNOWN
    updated_at: datetime | Unknown | None = UNKNOWN
    closed_at: datetime | Unknown | None = UNKNOWN
    merged_at: datetime | Unknown | None = UNKNOWN
    source_project_id: int | Unknown | None = UNKNOWN
    source_branch: str | Unknown | None = UNKNOWN
    head_sha: str | Unknown | None = UNKNOWN
    target_branch: str | Unknown | None = UNKNOWN
    merged_by: Person | Unknown | None = UNKNOWN
    text: ItemText = field(default_factory=ItemText, repr=False)
    gitlab_id: int | None = None
    detailed: bool = False
    pushed: bool = False

    def known(self) -> dict[str, Any]:
        """The known fields by name, without the identity (type, iid, project, GitLab's id)."""
        return {name: value for name in _FACTS if (value := getattr(self, name)) is not UNKNOWN}

    def unknown_fields(self) -> set[str]:
        """The names of the fields that are UNKNOWN."""
        return {name for name in _FACTS if getattr(self, name) is UNKNOWN}


_NO_FACTS = {
    *("type", "iid", "project_id", "project_path", "gitlab_id", "detailed", "pushed", "text"),
}
_FACTS = tuple(one.name for one in fields(Snapshot) if one.name not in _NO_FACTS)
