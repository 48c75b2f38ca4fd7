"""Read a webhook request into an Event: what happened, to which item, and whether it matters.

No I/O, and no exception except for a body that is not usable JSON. A custom webhook template
can replace the whole body, so every shape is checked.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from gitlab_links.gitlab.comments import Comment, read_comment
from gitlab_links.gitlab.event_snapshot import Subject, snapshot_from_event
from gitlab_links.gitlab.fields import (
    Object,
    read_branch,
    read_id,
    read_object,
    read_project_path,
    read_text,
    read_word,
)
from gitlab_links.gitlab.item_text import read_item_text
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.json_body import parse_json
from gitlab_links.gitlab.pipelines import (
    BranchPipeline,
    ReportedPipeline,
    read_branch_pipeline,
    read_reported_pipeline,
)
from gitlab_links.gitlab.snapshot import ItemText, Snapshot

# The X-Gitlab-Event header of hooks that an administrator of the GitLab added.
SYSTEM_HOOK = "System Hook"
MAX_EVENT_NAME_LENGTH = 100
MAX_DEDUPE_KEY_LENGTH = 100

_VISIBLE_ASCII = re.compile(r"[!-~]+")
_WEB_PATH = re.compile(r"https?://[^/?#]+(/[^?#]*)")
_MR_PAGE = re.compile(r"/(.+?)(?:/-)?/merge_requests/[1-9][0-9]*/?")


@dataclass(frozen=True, slots=True)
class Event:
    """The content of one webhook request.

    ``relevant``: the event names an item (``item_type``, ``iid`` and the project's id or
    path), or it is the pipeline of a branch, for which GitLab names no item and which is in
    ``branch_pipeline``. ``project_id`` and ``project_path`` are those of the item: the target
    project for a merge request pipeline of a fork. ``default_branch`` is that of the project
    in the body. ``dedupe_key`` is at most
    MAX_DEDUPE_KEY_LENGTH visible ASCII characters, and the same in GitLab's retries and
    resends; None if two requests cannot be distinguished.
    """

    name: str | None
    object_kind: str | None
    action: str | None
    project_id: int | None
    project_path: str | None
    item_type: ItemType | None
    iid: int | None
    relevant: bool
    dedupe_key: str | None
    branch_pipeline: BranchPipeline | None
    default_branch: str | None
    _subject: Subject | None = field(repr=False, compare=False)
    comment: Comment | None = field(default=None, repr=False, compare=False)
    pipeline: ReportedPipeline | None = None

    @classmethod
    def from_request(cls, headers: Mapping[str, str], body: bytes) -> "Event":
        """Read a request; header names are case-insensitive.

        Raises InvalidJson, JsonTooDeep or BodyTooLarge if ``parse_json`` refuses the body.
        Any other body gives an Event.
        """
        lower = {name.lower(): value for name, value in headers.items()}
        payload = read_object(parse_json(body))
        kind = read_word(payload.get("object_kind")) or read_word(payload.get("event_name"))
        attributes = read_object(payload.get("object_attributes"))
        read_subject = _SUBJECT_READERS.get(kind or "")
        subject = read_subject(payload, attributes) if read_subject else None
        is_of_branch = subject is None and kind == "pipeline"
        branch_pipeline = read_branch_pipeline(payload) if is_of_branch else None
        return cls(
            name=read_text(
                lower.get("x-gitlab-event") or payload.get("event_name"), MAX_EVENT_NAME_LENGTH
            ),
            object_kind=kind,
            action=read_word(attributes.get("action")),
            project_id=subject.project_id if subject else _project_id(payload, attributes),
            project_path=subject.project_path if subject else _project_path(payload),
            item_type=subject.type if subject else None,
            iid=subject.iid if subject else None,
            relevant=subject is not None or branch_pipeline is not None,
            dedupe_key=_dedupe_key(lower, body),
            branch_pipeline=branch_pipeline,
            default_branch=read_branch(read_object(payload.get("project")).get("default_branch")),
            _subject=subject,
            comment=read_comment(attributes) if subject and kind == "note" else None,
            pipeline=read_reported_pipeline(payload) if kind == "pipeline" else None,
        )

    @classmethod
    def naming(cls, item_type: str | None, iid: int | None, project_path: str | None) -> "Event":
        """The event of a request whose body is not stored: only its item is known."""
        known = item_type is not None and iid is not None and project_path is not None
        known_type = ItemType(item_type) if known and item_type is not None else None
        return cls(
            name=None,
            object_kind=None,
            action=None,
            project_id=None,
            project_path=project_path,
            item_type=known_type,
            iid=iid if known else None,
            relevant=known,
            dedupe_key=None,
            branch_pipeline=None,
            default_branch=None,
            _subject=None,
        )

    @property
    def snapshot(self) -> Snapshot | None:
        """The item in the body; None if the body only names it. Read on each access."""
        return None if self._subject is None else snapshot_from_event(self._subject)

    @property
    def text(self) -> ItemText | None:
        """The texts of the item in the body; None if the body only names it. Cheap."""
        subject = self._subject
        if subject is None or subject.described is None:
            return None
        return read_item_text(subject.type, subject.described)


def _issue(body: Object, attributes: Object) -> Subject | None:
    return _subject(ItemType.ISSUE, body, attributes, people=body)


def _merge_request(body: Object, attributes: Object) -> Subject | None:
    if "iid" not in attributes:
        # GitLab 8 sends the keys of group hooks with a blank at the end.
        attributes = {key.strip(): value for key, value in attributes.items()}
    return _subject(ItemType.MERGE_REQUEST, body, attributes, people=body)


def _note(body: Object, attributes: Object) -> Subject | None:
    """The commented item. Commits and snippets have notes too, but are not items."""
    noteable = attributes.get("noteable_type")
    if noteable == "MergeRequest":
        subject = _subject(ItemType.MERGE_REQUEST, body, read_object(body.get("merge_request")))
        commenter = read_object(body.get("user"))
        return None if subject is None else replace(subject, commenter=commenter)
    if noteable in ("Issue", "WorkItem"):
        item = read_object(body.get("issue")) or read_object(body.get("work_item"))
        return _subject(ItemType.ISSUE, body, item)
    return None


def _pipeline(body: Object, _attributes: Object) -> Subject | None:
    """A pipeline of a fork runs in the fork; the merge request is in the target project."""
    merge_request = read_object(body.get("merge_request"))
    iid = read_id(merge_request.get("iid"))
    target_id = read_id(merge_request.get("target_project_id"))
    own_id, path = _project_id(body, {}), _project_path(body)
    if target_id is not None and target_id != own_id:
        path = _path_in_url(merge_request.get("url"), body)
    if iid is None or (target_id or own_id or path) is None:
        return None
    return Subject(ItemType.MERGE_REQUEST, iid, target_id or own_id, path, None, None)


_Reader = Callable[[Object, Object], Subject | None]
_SUBJECT_READERS: dict[str, _Reader] = {
    "issue": _issue,
    "work_item": _issue,
    "merge_request": _merge_request,
    "note": _note,
    "pipeline": _pipeline,
}


def _subject(
    item_type: ItemType, body: Object, item: Object, people: Object | None = None
) -> Subject | None:
    """None without an iid or a project; a group's epic has no project."""
    iid, project_id, path = read_id(item.get("iid")), _project_id(body, item), _project_path(body)
    if iid is None or (project_id is None and path is None):
        return None
    return Subject(item_type, iid, project_id, path, item, people)


def _project_id(body: Object, item: Object) -> int | None:
    return (
        read_id(read_object(body.get("project")).get("id"))
        or read_id(body.get("project_id"))
        or read_id(item.get("target_project_id"))
        or read_id(item.get("project_id"))
    )


def _project_path(body: Object) -> str | None:
    return read_project_path(
        read_object(body.get("project")).get("path_with_namespace")
    ) or read_project_path(body.get("path_with_namespace"))


def _path_in_url(url: object, body: Object) -> str | None:
    """The project path in a merge request's URL, without the instance's relative root.

    The root is what precedes the path in the URL of the pipeline's own project.
    """
    match = _WEB_PATH.match(url) if isinstance(url, str) else None
    page = None if match is None else match.group(1)
    own = _WEB_PATH.match(str(read_object(body.get("project")).get("web_url")))
    own_path = _project_path(body)
    if page is None or own is None or own_path is None:
        return None
    root = own.group(1).removesuffix("/").removesuffix(f"/{own_path}")
    found = _MR_PAGE.fullmatch(page.removeprefix(root))
    return None if found is None else read_project_path(found.group(1))


def _dedupe_key(headers: Mapping[str, str], body: bytes) -> str | None:
    key = headers.get("webhook-id") or headers.get("idempotency-key")
    if key:
        if len(key) <= MAX_DEDUPE_KEY_LENGTH and _VISIBLE_ASCII.fullmatch(key) is not None:
            return key
        return "sha256:" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    uuid = headers.get("x-gitlab-event-uuid")
    if not uuid:
        return None
    # Recursive hooks share the UUID, so only UUID and body together identify a request.
    digest = hashlib.sha256(body)
    digest.update(uuid.encode("utf-8", "surrogatepass"))
    return "sha256:" + digest.hexdigest()
