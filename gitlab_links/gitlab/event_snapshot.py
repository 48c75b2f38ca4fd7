"""Read the item in a webhook body into a Snapshot."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitlab_links.gitlab.fields import (
    Object,
    read_bool,
    read_branch,
    read_draft,
    read_given,
    read_id,
    read_labels,
    read_merge_status,
    read_object,
    read_people,
    read_person,
    read_reviews,
    read_sha,
    read_state,
    read_title,
)
from gitlab_links.gitlab.item_text import read_item_text
from gitlab_links.gitlab.items import ItemState, ItemType
from gitlab_links.gitlab.snapshot import UNKNOWN, Label, Person, Review, Snapshot, Unknown
from gitlab_links.gitlab.times import parse_date, parse_time


@dataclass(frozen=True, slots=True)
class Subject:
    """The item of an event, and the parts of the body that describe it.

    ``described`` is None if the body only names the item. ``people`` is the object with
    ``assignees`` and ``reviewers``, or None if the body has neither. ``commenter`` is the
    account that wrote the comment, in the event of one.
    """

    type: ItemType
    iid: int
    project_id: int | None
    project_path: str | None
    described: Object | None
    people: Object | None
    commenter: Object | None = None


def snapshot_from_event(subject: Subject) -> Snapshot | None:
    """The snapshot of an event's subject; None if the body only names it.

    A body never has the author (``user`` is the person who acted), the title of a milestone,
    the pipeline or the number of comments.
    """
    item = subject.described
    if item is None:
        return None
    is_merge_request = subject.type is ItemType.MERGE_REQUEST
    state = read_state(item.get("state"), item.get("state_id"))
    milestone_id = read_given(item, "milestone_id", read_id)
    return Snapshot(
        type=subject.type,
        iid=subject.iid,
        project_id=subject.project_id,
        project_path=subject.project_path,
        title=read_title(item),
        state=state,
        draft=read_draft(item) if is_merge_request else False,
        confidential=False if is_merge_request else read_bool(item.get("confidential")),
        labels=_labels(item, subject.people),
        assignees=_assignees(item, subject.people),
        reviewers=_reviewers(item, subject.people) if is_merge_request else (),
        reviews=_reviews(item, subject) if is_merge_request else (),
        milestone_id=milestone_id,
        milestone=None if milestone_id is None else UNKNOWN,
        due_date=None if is_merge_request else read_given(item, "due_date", parse_date),
        merge_status=read_merge_status(item) if is_merge_request else None,
        pipeline_status=UNKNOWN if is_merge_request else None,
        pipeline_path=UNKNOWN if is_merge_request else None,
        moved_to_id=None if is_merge_request else read_given(item, "moved_to_id", read_id),
        created_at=read_given(item, "created_at", parse_time),
        updated_at=read_given(item, "updated_at", parse_time),
        closed_at=_closed_at(item, state),
        merged_at=_merged_at(item, state) if is_merge_request else None,
        merged_by=_merged_by(item, subject, state) if is_merge_request else None,
        text=read_item_text(subject.type, item),
        gitlab_id=read_id(item.get("id")),
        **(_source(item) if is_merge_request else _NO_SOURCE),
    )


# Not GitLab's own word, which has none for an account that has only commented.
COMMENTED = "commented"
# GitLab says ``approval`` where more approvals are required.
_BY_ACTION = {
    "approved": "approved",
    "approval": "approved",
    "unapproved": "unapproved",
    "unapproval": "unapproved",
}
_NO_SOURCE: dict[str, Any] = {
    "source_project_id": None,
    "source_branch": None,
    "head_sha": None,
    "target_branch": None,
}


def _source(item: Object) -> dict[str, Any]:
    """The branches of a merge request. A body has ``oldrev`` only after a push."""
    return {
        "source_project_id": read_given(item, "source_project_id", read_id),
        "source_branch": read_given(item, "source_branch", read_branch),
        "head_sha": read_given(read_object(item.get("last_commit")), "id", read_sha),
        "target_branch": read_given(item, "target_branch", read_branch),
        "pushed": read_sha(item.get("oldrev")) is not None,
    }


def _labels(item: Object, body: Object | None) -> tuple[Label, ...] | Unknown:
    for source in (body or {}, item):
        labels = source.get("labels")
        if isinstance(labels, list):
            return read_labels(labels)
    return UNKNOWN


def _assignees(item: Object, body: Object | None) -> tuple[Person, ...] | Unknown:
    """Absent if there are none; GitLab before 11 sends one ``assignee`` and no list."""
    if body is None:
        return UNKNOWN
    if isinstance(body.get("assignees"), list):
        return read_people(body["assignees"])
    for source in (body, item):
        if read_object(source.get("assignee")):
            return read_people([source["assignee"]])
    unnamed = item.get("assignee_ids") or item.get("assignee_id")
    return UNKNOWN if unnamed else ()


def _reviewers(item: Object, body: Object | None) -> tuple[Person, ...] | Unknown:
    """Absent if there are none, and before GitLab 13.8, which has no reviewers."""
    if body is None:
        return UNKNOWN
    if isinstance(body.get("reviewers"), list):
        return read_people(body["reviewers"])
    return UNKNOWN if item.get("reviewer_ids") else ()


def _reviews(item: Object, subject: Subject) -> tuple[Review, ...] | Unknown:
    """The states of all reviewers since GitLab 17, and what the event's own account did, which
    need be none of them.
    """
    if subject.commenter is not None:
        return _one_review(subject.commenter, COMMENTED) or UNKNOWN
    body = subject.people or {}
    listed = body.get("reviewers")
    found = read_reviews(listed) if isinstance(listed, list) else ()
    done = _BY_ACTION.get(str(item.get("action")))
    own = () if done is None else _one_review(body.get("user"), done)
    listed_names = {review.username.lower() for review in found}
    others = [one for one in own if one.username.lower() not in listed_names]
    return (*found, *others) or UNKNOWN


def _one_review(account: object, state: str) -> tuple[Review, ...]:
    person = read_person(account)
    return () if person is None else (Review(person.username, state, False),)


# Bodies of merge requests have neither time. GitLab before 12 leaves the closing time in the
# body of a reopened issue. The API clears both.
def _closed_at(item: Object, state: ItemState | Unknown) -> datetime | Unknown | None:
    if state in (ItemState.OPENED, ItemState.LOCKED, ItemState.MERGED):
        return None
    return read_given(item, "closed_at", parse_time)


def _merged_at(item: Object, state: ItemState | Unknown) -> datetime | Unknown | None:
    return read_given(item, "merged_at", parse_time) if _may_be_merged(state) else None


def _merged_by(
    item: Object, subject: Subject, state: ItemState | Unknown
) -> Person | Unknown | None:
    """The event's own account, if the event is the merge; bodies have no other word of it."""
    if not _may_be_merged(state):
        return None
    if state is not ItemState.MERGED or item.get("action") != "merge":
        return UNKNOWN
    return read_person((subject.people or {}).get("user")) or UNKNOWN


def _may_be_merged(state: ItemState | Unknown) -> bool:
    return state not in (ItemState.OPENED, ItemState.CLOSED)
