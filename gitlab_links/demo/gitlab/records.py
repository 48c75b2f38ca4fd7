"""What the simulated GitLab keeps: users, tokens, projects and the items in them.

The records are mutable and shared; whoever changes one holds the lock of the state.
"""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

LISTED_TYPES = ("issue", "incident", "task")
GUEST, REPORTER, DEVELOPER, MAINTAINER, OWNER = 10, 20, 30, 40, 50

DRAFT_TITLE = re.compile(r"^\s*(?:draft:|\[draft\]|\(draft\))\s*", re.IGNORECASE)


@dataclass(eq=False)
class User:
    """A GitLab account."""

    id: int
    username: str
    name: str
    created_at: datetime
    state: str = "active"
    is_admin: bool = False
    bot: bool = False
    address: str = ""

    @property
    def email(self) -> str:
        return self.address or f"{self.username}@example.com"


@dataclass(eq=False)
class Token:
    """An access token; ``value`` is the secret itself.

    A fine-grained one has ``permissions`` as ``Work Item: Read``, and its scopes are
    ``granular``; ``projects`` are the paths it reaches, None for all of its owner's.
    """

    id: int
    name: str
    value: str
    user: User
    scopes: list[str]
    created_at: datetime
    expires_at: date | None = None
    revoked: bool = False
    last_used_at: datetime | None = None
    description: str | None = None
    permissions: frozenset[str] | None = None
    projects: frozenset[str] | None = None

    def active(self, today: date) -> bool:
        """Neither revoked nor expired."""
        return not self.revoked and not self.expired(today)

    def expired(self, today: date) -> bool:
        """GitLab stops taking a token at the start of the day it expires on."""
        return self.expires_at is not None and self.expires_at <= today


@dataclass(eq=False)
class Label:
    """A label of a project."""

    id: int
    name: str
    color: str
    project_id: int
    created_at: datetime

    @property
    def text_color(self) -> str:
        """Dark on light and white on dark, with the two colours GitLab uses."""
        red, green, blue = (int(self.color[i : i + 2], 16) for i in (1, 3, 5))
        light = (red * 299 + green * 587 + blue * 114) / 1000 > 150
        return "#1F1E24" if light else "#FFFFFF"


@dataclass(eq=False)
class Milestone:
    """A milestone of a project."""

    id: int
    iid: int
    title: str
    project_id: int
    created_at: datetime
    due_date: date | None = None


@dataclass(eq=False)
class Pipeline:
    """A CI pipeline run for a branch."""

    id: int
    iid: int
    project_id: int
    status: str
    ref: str
    sha: str
    user: User
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    source: str = "push"


@dataclass(eq=False)
class Note:
    """A comment on an item, or what GitLab itself notes (``system``).

    ``about`` is a project that the note names: who may not read it does not see the note.
    """

    id: int
    text: str
    author: User
    created_at: datetime
    system: bool = False
    about: "Project | None" = None


@dataclass(eq=False, kw_only=True)
class Item:
    """What issues and merge requests share."""

    id: int
    iid: int
    project: "Project"
    title: str
    author: User
    created_at: datetime
    updated_at: datetime
    description: str = ""
    state: str = "opened"
    labels: list[Label] = field(default_factory=list)
    assignees: list[User] = field(default_factory=list)
    milestone: Milestone | None = None
    notes: list[Note] = field(default_factory=list)
    closed_at: datetime | None = None
    closed_by: User | None = None
    updated_by: User | None = None
    last_edited_at: datetime | None = None
    last_edited_by: User | None = None


@dataclass(eq=False, kw_only=True)
class Issue(Item):
    """An issue or another work item; its ``type`` is one of ``edits.ISSUE_TYPES``."""

    type: str = "issue"
    confidential: bool = False
    due_date: date | None = None
    moved_to_id: int | None = None
    severity: str = "unknown"

    @property
    def is_listed(self) -> bool:
        """Whether the list of issues has it, and the single form."""
        return self.type in LISTED_TYPES

    @property
    def is_work_item(self) -> bool:
        """Whether its webhooks speak of a ``work_item``."""
        return self.type != "issue"


UNREVIEWED, RE_REQUESTED = "unreviewed", "re-requested"


@dataclass(eq=False, kw_only=True)
class MergeRequest(Item):
    """A merge request. ``fork`` is where its branch is, if that is another project.

    ``unchecked`` until somebody has asked whether it can be merged. ``reviews`` are the states
    of reviewers by their id; ``RE_REQUESTED`` is one who is asked again. ``approved_by`` are user
    names; a rule may want so many as ``approvals_required``.
    """

    source_branch: str
    target_branch: str = "main"
    reviewers: list[User] = field(default_factory=list)
    reviews: dict[int, str] = field(default_factory=dict)
    approved_by: list[str] = field(default_factory=list)
    approvals_required: int = 0
    mergeability: str = "mergeable"
    merged_at: datetime | None = None
    merged_by: User | None = None
    merge_commit_sha: str | None = None
    head_pipeline: Pipeline | None = None
    pushes: int = 1
    fork: "Project | None" = None
    unchecked: bool = False

    @property
    def source_project(self) -> "Project":
        """Where the source branch is."""
        return self.fork or self.project

    @property
    def draft(self) -> bool:
        """GitLab keeps the draft mark in the title and nowhere else."""
        return bool(DRAFT_TITLE.match(self.title))

    @property
    def sha(self) -> str:
        return fake_sha(f"{self.source_project.id}:{self.source_branch}:{self.pushes}")

    @property
    def pipeline(self) -> Pipeline | None:
        """The one of the newest commit: none from a push until its pipeline begins."""
        found = self.head_pipeline
        return found if found is not None and found.sha == self.sha else None

    @property
    def detailed_merge_status(self) -> str:
        if self.state != "opened":
            return "not_open"
        if self.unchecked:
            return "unchecked"
        return "draft_status" if self.draft else self.mergeability

    @property
    def merge_status(self) -> str:
        if self.unchecked:
            return "unchecked"
        return "cannot_be_merged" if self.mergeability == "conflict" else "can_be_merged"


@dataclass(eq=False)
class Project:
    """A project; ``members`` maps user ids to access levels, ``old_paths`` redirect.

    Of an ``archived`` one, lists of its group show nothing unless asked to.
    """

    id: int
    path_with_namespace: str
    name: str
    created_at: datetime
    visibility: str = "private"
    description: str = ""
    default_branch: str = "main"
    merge_requests_access: str = "enabled"
    pipelines_access: str = "enabled"
    archived: bool = False
    old_paths: set[str] = field(default_factory=set)
    members: dict[int, int] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    milestones: list[Milestone] = field(default_factory=list)
    issues: dict[int, Issue] = field(default_factory=dict)
    merge_requests: dict[int, MergeRequest] = field(default_factory=dict)
    pipelines: list[Pipeline] = field(default_factory=list)
    integrations: dict[str, dict[str, Any]] = field(default_factory=dict)
    last_issue_iid: int = 0
    last_merge_request_iid: int = 0

    @property
    def path(self) -> str:
        return self.path_with_namespace.rpartition("/")[2]

    @property
    def namespace(self) -> str:
        return self.path_with_namespace.rpartition("/")[0]

    def access_level(self, user: User) -> int:
        """0 for somebody who is no member."""
        return OWNER if user.is_admin else self.members.get(user.id, 0)

    def readable_by(self, user: User) -> bool:
        return self.visibility != "private" or self.access_level(user) >= GUEST

    def issue_readable_by(self, issue: Issue, user: User) -> bool:
        """A confidential issue is for reporters and up, its author and its assignees."""
        if not issue.confidential or self.access_level(user) >= REPORTER:
            return True
        return user is issue.author or user in issue.assignees

    def pipelines_readable_by(self, user: User) -> bool:
        if self.pipelines_access == "disabled":
            return False
        return self.pipelines_access == "enabled" or self.access_level(user) >= DEVELOPER

    def merge_requests_readable_by(self, user: User) -> bool:
        if self.merge_requests_access == "disabled":
            return False
        restricted = self.visibility == "private" or self.merge_requests_access == "private"
        return not restricted or self.access_level(user) >= REPORTER


def fake_sha(seed: str) -> str:
    """A commit hash that stays the same for the same seed."""
    return hashlib.sha1(seed.encode(), usedforsecurity=False).hexdigest()
