"""Everything that happens to issues and merge requests, and the events it causes."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from gitlab_links.demo.gitlab.bodies import Json
from gitlab_links.demo.gitlab.edits import Edits
from gitlab_links.demo.gitlab.people import People
from gitlab_links.demo.gitlab.projects import Projects
from gitlab_links.demo.gitlab.records import Issue, Item, MergeRequest, Note, Project, User
from gitlab_links.demo.gitlab.sending import Publisher
from gitlab_links.demo.gitlab.timing import Clock

Actor = User | str | None

# The fields that GitLab sends in `changes` if they differ; it sends no others.
CHANGES_SENT = (
    "closed_at", "confidential", "description", "draft", "due_date",
    "head_pipeline_id", "last_edited_at", "last_edited_by_id", "merge_commit_sha",
    "merge_status", "merge_user_id", "milestone_id", "moved_to_id", "severity", "state_id",
    "target_branch", "title", "type", "updated_at", "updated_by_id", "labels", "assignees",
    "reviewers",
)  # fmt: skip
SENT_WHEN_NEW = (
    "author_id", "created_at", "description", "id", "iid", "project_id", "source_branch",
    "source_project_id", "target_branch", "target_project_id", "title", "updated_at",
)  # fmt: skip
TICK = timedelta(milliseconds=1)
TEXT = {"title", "description", "draft"}


class Items:
    """Operations on items. ``by`` is who does it, by default the item's author.

    ``at`` sets GitLab's clock for that one change, to make ties and skew. Each operation
    holds the lock of the instance and leaves its events in the sender's queue.
    """

    def __init__(
        self,
        lock: threading.RLock,
        *,
        next_id: Callable[[], int],
        clock: Clock,
        people: People,
        projects: Projects,
        publisher: Publisher,
    ) -> None:
        self._lock = lock
        self._next_id = next_id
        self._clock = clock
        self._people = people
        self._projects = projects
        self._publisher = publisher
        self._edits = Edits(people, projects)

    def find(self, project: Project, kind: str, iid: int) -> Item:
        """The item by ``issue`` or ``merge_request`` and iid; KeyError if there is none."""
        return project.issues[iid] if kind == "issue" else project.merge_requests[iid]

    def add_issue(
        self,
        project: Project | str | int,
        title: str,
        *,
        author: User | str,
        notify: bool = True,
        **fields: Any,
    ) -> Issue:
        """A new issue with the next iid; ``fields`` as in ``edit``."""
        with self._lock:
            home = self._projects.get(project)
            home.last_issue_iid += 1
            now = self._clock.now()
            issue = Issue(
                id=self._next_id(),
                iid=home.last_issue_iid,
                project=home,
                title=title,
                author=self._people.user(author),
                created_at=now,
                updated_at=now,
            )
            self._edits.apply(issue, fields)
            home.issues[issue.iid] = issue
            self._announce(issue, notify=notify)
            return issue

    def add_merge_request(
        self,
        project: Project | str | int,
        title: str,
        *,
        author: User | str,
        source_branch: str,
        fork: Project | str | int | None = None,
        notify: bool = True,
        **fields: Any,
    ) -> MergeRequest:
        """A new merge request with the next iid; ``fields`` as in ``edit``. Its branch is in
        ``fork``, by default in the project itself.
        """
        with self._lock:
            home = self._projects.get(project)
            home.last_merge_request_iid += 1
            now = self._clock.now()
            mr = MergeRequest(
                id=self._next_id(),
                iid=home.last_merge_request_iid,
                project=home,
                title=title,
                author=self._people.user(author),
                created_at=now,
                updated_at=now,
                source_branch=source_branch,
                fork=None if fork is None else self._projects.get(fork),
            )
            self._edits.apply(mr, fields)
            home.merge_requests[mr.iid] = mr
            self._announce(mr, notify=notify)
            return mr

    def edit(
        self,
        item: Item,
        *,
        by: Actor = None,
        at: datetime | None = None,
        notify: bool = True,
        action: str = "update",
        **fields: Any,
    ) -> bool:
        """Set fields and send webhooks, unless ``notify=False``. Returns whether anything differed.

        Fields: title, description, labels, add_labels, assignees, milestone; issues:
        due_date, confidential, type, severity; merge requests: reviewers, reviews
        (states by user name), draft, target_branch, mergeability, approvals_required.
        """
        with self._lock:
            before = self._attributes(item)
            self._edits.apply(item, fields)
            if action == "update" and not self._differs(before, item):
                return False
            user = self._touch(item, by, at)
            if TEXT & fields.keys():
                item.last_edited_at, item.last_edited_by = item.updated_at, user
            if notify:
                self._publish(item, action, user, before)
            return True

    def close(self, item: Item, *, by: Actor = None, at: datetime | None = None) -> None:
        self._change_state(item, "close", "closed", by, at)

    def reopen(self, item: Item, *, by: Actor = None, at: datetime | None = None) -> None:
        self._change_state(item, "reopen", "opened", by, at)

    def merge(self, mr: MergeRequest, *, by: Actor = None, at: datetime | None = None) -> None:
        self._change_state(mr, "merge", "merged", by, at)

    def push(self, mr: MergeRequest, *, by: Actor = None, notify: bool = True) -> None:
        """New commits on the source branch: an update with ``oldrev``."""
        with self._lock:
            before, oldrev = self._attributes(mr), mr.sha
            mr.pushes += 1
            mr.unchecked = True
            user = self._touch(mr, by, None)
            if notify:
                self._publish(mr, "update", user, before, oldrev=oldrev)

    def comment(self, item: Item, text: str, *, by: Actor = None) -> Note:
        with self._lock:
            user = self._actor(item, by)
            note = Note(self._next_id(), text, user, self._next_moment(item))
            item.notes.append(note)
            item.updated_at = note.created_at
            self._publisher.note(note, item)
            return note

    def move(self, issue: Issue, to: Project | str | int, *, by: Actor = None) -> Issue:
        """Move an issue: a new one there, the old one closed and pointing to it by global id."""
        with self._lock:
            copy = self.add_issue(
                to,
                issue.title,
                author=issue.author,
                description=issue.description,
                type=issue.type,
                confidential=issue.confidential,
                assignees=issue.assignees,
                labels=[label.name for label in issue.labels],
                due_date=issue.due_date,
            )
            issue.moved_to_id = copy.id
            self._note_move(issue, "to", copy, by)
            self._note_move(copy, "from", issue, by)
            self.close(issue, by=by)
            return copy

    def _note_move(self, item: Issue, direction: str, other: Issue, by: Actor) -> None:
        """Within a namespace GitLab leaves it out of the reference."""
        here, there = (one.project.path_with_namespace for one in (item, other))
        namespace, _, name = there.rpartition("/")
        path = name if here.rpartition("/")[0] == namespace else there
        text = f"moved {direction} {path}#{other.iid}"
        user, now = self._actor(item, by), self._clock.now()
        note = Note(self._next_id(), text, user, now, system=True, about=other.project)
        item.notes.append(note)

    def delete(self, item: Item) -> None:
        """Remove an item. GitLab sends nothing, and the iid is not used again."""
        with self._lock:
            items: dict[int, Any] = (
                item.project.issues if isinstance(item, Issue) else item.project.merge_requests
            )
            del items[item.iid]

    def _change_state(
        self, item: Item, action: str, state: str, by: Actor, at: datetime | None
    ) -> None:
        with self._lock:
            if item.state == state:
                return
            before = self._attributes(item)
            user = self._touch(item, by, at)
            item.state = state
            closed = state == "closed"
            item.closed_at = item.updated_at if closed else None
            item.closed_by = user if closed else None
            if isinstance(item, MergeRequest) and state == "merged":
                item.merged_at, item.merged_by = item.updated_at, user
                item.merge_commit_sha = item.sha[::-1]
            self._publish(item, action, user, before)

    def _actor(self, item: Item, by: Actor) -> User:
        return item.author if by is None else self._people.user(by)

    def _touch(self, item: Item, by: Actor, at: datetime | None) -> User:
        user = self._actor(item, by)
        item.updated_at, item.updated_by = at or self._next_moment(item), user
        return user

    def _next_moment(self, item: Item) -> datetime:
        # Calls in this process can be faster than the clock's millisecond; in a real GitLab
        # each change is a request of its own and never as old as the one before it.
        now = self._clock.now()
        ahead = item.updated_at - now
        return item.updated_at + TICK if timedelta() <= ahead < 1_000 * TICK else now

    def _announce(self, item: Item, *, notify: bool) -> None:
        if notify:
            attributes = self._publisher.bodies.item_attributes(item)
            changes: Json = {
                name: {"previous": None, "current": attributes[name]}
                for name in SENT_WHEN_NEW
                if attributes.get(name) is not None
            }
            self._publisher.item(item, action="open", by=item.author, changes=changes)

    def _attributes(self, item: Item) -> Json:
        bodies = self._publisher.bodies
        attributes = bodies.item_attributes(item)
        attributes["assignees"] = [bodies.user(user) for user in item.assignees]
        if isinstance(item, MergeRequest):
            attributes["reviewers"] = bodies.reviewers(item)
        return {name: attributes[name] for name in CHANGES_SENT if name in attributes}

    def _differs(self, before: Json, item: Item) -> bool:
        return before != self._attributes(item)

    def _publish(
        self, item: Item, action: str, user: User, before: Json, oldrev: str | None = None
    ) -> None:
        changes = {
            name: {"previous": before[name], "current": value}
            for name, value in self._attributes(item).items()
            if before[name] != value
        }
        self._publisher.item(item, action=action, by=user, changes=changes, oldrev=oldrev)
