"""Read an issue or merge request from GitLab's REST API into a Snapshot."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from gitlab_links.gitlab.fields import (
    Object,
    read_bool,
    read_branch,
    read_count,
    read_draft,
    read_given,
    read_id,
    read_labels,
    read_merge_status,
    read_milestone,
    read_object,
    read_people,
    read_person,
    read_pipeline_path,
    read_project_path,
    read_sha,
    read_state,
    read_title,
    read_word,
)
from gitlab_links.gitlab.item_text import read_item_text
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.snapshot import UNKNOWN, Milestone, Person, Snapshot, Unknown
from gitlab_links.gitlab.times import parse_date, parse_time

T = TypeVar("T")


class NotAnItemError(ValueError):
    """An answer without an iid, which is neither an issue nor a merge request."""


def snapshot_from_api(item_type: ItemType, item: Mapping[str, Any]) -> Snapshot:
    """The snapshot of one object from a list or a single GET, of any GitLab since 9.

    A field that is missing or of the wrong type is UNKNOWN. The list form of a merge
    request leaves ``pipeline_status`` UNKNOWN. Labels have a colour only in lists that were
    requested with ``with_labels_details``; elsewhere they are bare names.

    Raises NotAnItemError if the iid is missing.
    """
    is_merge_request = item_type is ItemType.MERGE_REQUEST
    milestone = read_given(item, "milestone", read_milestone)
    labels = item.get("labels")
    return Snapshot(
        type=item_type,
        iid=_iid(item, item_type),
        project_id=read_id(item.get("project_id")),
        project_path=_project_path(item),
        title=read_title(item),
        state=read_state(item.get("state")),
        draft=read_draft(item) if is_merge_request else False,
        confidential=False if is_merge_request else read_bool(item.get("confidential")),
        labels=read_labels(labels) if isinstance(labels, list) else UNKNOWN,
        assignees=_assignees(item),
        reviewers=_people(item.get("reviewers")) if is_merge_request else (),
        reviews=UNKNOWN if is_merge_request else (),
        author=read_given(item, "author", read_person),
        milestone_id=milestone.id if isinstance(milestone, Milestone) else milestone,
        milestone=milestone,
        due_date=None if is_merge_request else read_given(item, "due_date", parse_date),
        merge_status=read_merge_status(item) if is_merge_request else None,
        pipeline_status=_pipeline(item, "status", read_word) if is_merge_request else None,
        pipeline_path=_pipeline(item, "web_url", read_pipeline_path) if is_merge_request else None,
        comments=read_given(item, "user_notes_count", read_count),
        moved_to_id=None if is_merge_request else read_given(item, "moved_to_id", read_id),
        created_at=read_given(item, "created_at", parse_time),
        updated_at=read_given(item, "updated_at", parse_time),
        closed_at=read_given(item, "closed_at", parse_time),
        merged_at=read_given(item, "merged_at", parse_time) if is_merge_request else None,
        source_project_id=_of_merge_request(item, item_type, "source_project_id", read_id),
        source_branch=_of_merge_request(item, item_type, "source_branch", read_branch),
        head_sha=_of_merge_request(item, item_type, "sha", read_sha),
        target_branch=_of_merge_request(item, item_type, "target_branch", read_branch),
        merged_by=_merged_by(item) if is_merge_request else None,
        text=read_item_text(item_type, item),
        gitlab_id=read_id(item.get("id")),
    )


def _iid(item: Object, item_type: ItemType) -> int:
    iid = read_id(item.get("iid"))
    if iid is None:
        raise NotAnItemError(f"The answer is not of type {item_type.value}: it has no iid.")
    return iid


def _of_merge_request(
    item: Object, item_type: ItemType, field: str, reader: Callable[[object], T | None]
) -> T | Unknown | None:
    """A field that only merge requests have; None for an issue."""
    return read_given(item, field, reader) if item_type is ItemType.MERGE_REQUEST else None


def _merged_by(item: Object) -> Person | Unknown | None:
    """``merge_user`` since GitLab 14.7, ``merged_by`` before."""
    field = "merge_user" if "merge_user" in item else "merged_by"
    return read_given(item, field, read_person)


def _project_path(item: Object) -> str | None:
    full = read_object(item.get("references")).get("full")
    if not isinstance(full, str):
        return None
    return read_project_path(re.split("[#!]", full, maxsplit=1)[0])


def _people(values: object) -> tuple[Person, ...] | Unknown:
    return read_people(values) if isinstance(values, list) else UNKNOWN


def _assignees(item: Object) -> tuple[Person, ...] | Unknown:
    """GitLab before 11 sends one ``assignee`` of a merge request and no list."""
    if isinstance(item.get("assignees"), list):
        return read_people(item["assignees"])
    return read_people([item["assignee"]]) if "assignee" in item else UNKNOWN


def _pipeline(
    item: Object, name: str, reader: Callable[[object], str | None]
) -> str | Unknown | None:
    """``head_pipeline`` since GitLab 12, ``pipeline`` before; null means there is none."""
    for field in ("head_pipeline", "pipeline"):
        if field in item:
            return reader(read_object(item[field]).get(name))
    return UNKNOWN
