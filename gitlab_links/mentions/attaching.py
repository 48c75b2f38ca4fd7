"""Make the links of tasks what the stored mentions of items say. Nothing here commits."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, or_, select, update

from gitlab_links.accounts.models import Org
from gitlab_links.audit.changes import SERVICE, Action, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.events.models import EventType
from gitlab_links.extensions import change_rows, db
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.links.changes import delete_unlinked
from gitlab_links.links.link_events import record_links, rows_of_links
from gitlab_links.links.models import DismissedMention, GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.mentions.pattern import TaskName
from gitlab_links.mentions.pending import Place, forget_crowded, note_pending
from gitlab_links.mentions.reading import Mention, all_names, has_too_many, mentions_of
from gitlab_links.rule_states.marking import mark_tasks
from gitlab_links.storage.database import insert_unless_exists
from gitlab_links.tasks.models import Task
from gitlab_links.tasks.summaries import task_reference


class MentionChanges:
    """Remembers what the items of a transaction mention, to find at its end what has changed."""

    def __init__(self, items: Iterable[GitLabItem]) -> None:
        self._before = [(item, item.mentions or {}) for item in items]

    def attach(self, org_id: uuid.UUID, *new: GitLabItem) -> Sequence[GitLabItem]:
        """Make and remove links for the items whose mentions have changed since, and for the
        ``new`` ones; returns these items.
        """
        changed = [
            item
            for item, before in self._before
            if (item.mentions or {}) != before and item in db.session
        ]
        changed += new
        if changed:
            attach_mentioned(org_id, changed)
        return changed


@dataclass(slots=True)
class _Known:
    """What the database has about some items and the tasks that they name."""

    tasks: Mapping[TaskName, uuid.UUID]
    references: Mapping[uuid.UUID, str]
    places: Mapping[uuid.UUID, Place]
    links: Mapping[uuid.UUID, Sequence[TaskGitLabLink]]
    dismissed: Mapping[uuid.UUID, set[uuid.UUID]]
    made: list[uuid.UUID] = field(default_factory=list)
    removed: list[uuid.UUID] = field(default_factory=list)
    touched: set[uuid.UUID] = field(default_factory=set)
    bereft: set[uuid.UUID] = field(default_factory=set)


def attach_mentioned(
    org_id: uuid.UUID, items: Sequence[GitLabItem], *, backfilled: bool = False
) -> int:
    """Make the links that the items' stored mentions ask for, and remove those that only a
    mention made which is gone. Returns how many links were made.

    The caller has locked the items. A number of statements that does not depend on how many
    items there are, and one for each link that is made.
    """
    db.session.flush()
    known = _known_of(org_id, items)
    for item in items:
        _attach(org_id, item, known, backfilled=backfilled)
    _note_pending(org_id, items, known)
    db.session.flush()
    _record(org_id, known, backfilled=backfilled)
    _mark_tasks(known.touched)
    if known.touched:
        of_rules = select(Task.id).where(Task.id.in_(known.touched))
        mark_tasks(org_id, of_rules, utcnow(), quietly=backfilled)
    if known.bereft:
        _delete_unlinked([item for item in items if item.id in known.bereft])
    return len(known.made)


def _note_pending(org_id: uuid.UUID, items: Sequence[GitLabItem], known: _Known) -> None:
    read = [(known.places[item.id], item.mentions or {}) for item in items]
    forget_crowded(org_id, (place for place, stored in read if not has_too_many(stored)))
    note_pending(org_id, read, known.tasks)


def _delete_unlinked(items: Sequence[GitLabItem]) -> None:
    """Delete them, and take them out of the session: nobody may change them any more."""
    gone = delete_unlinked(*sorted(item.id for item in items))
    for item in items:
        if item.id in gone:
            db.session.expunge(item)


def _attach(org_id: uuid.UUID, item: GitLabItem, known: _Known, *, backfilled: bool) -> None:
    wanted = mentions_of(item.mentions or {}, known.tasks)
    linked = {link.task_id: link for link in known.links[item.id]}
    for task_id, link in linked.items():
        _update(item, link, wanted.get(task_id), known)
    _forget_dismissed(item, wanted, known)
    new = wanted.keys() - linked.keys() - known.dismissed[item.id]
    for task_id in sorted(new):
        _make(org_id, item, task_id, wanted[task_id], known, backfilled=backfilled)


def _update(item: GitLabItem, link: TaskGitLabLink, mention: Mention | None, known: _Known) -> None:
    """Note where a linked item mentions its task; without a mention or a person, unlink it."""
    if mention is None and link.mentioned_in is None:
        return
    if mention is None and not link.made_by_person:
        known.removed.append(link.id)
        known.bereft.add(item.id)
        _audit(Action.LINK_REMOVED, link, item, known)
    else:
        fields = None if mention is None else list(mention.fields)
        closes = mention is not None and mention.closes
        if (link.mentioned_in, link.closes) == (fields, closes):
            return
        link.mentioned_in, link.closes = fields, closes
        item.changed_at = utcnow()
    known.touched.add(link.task_id)


def _make(
    org_id: uuid.UUID,
    item: GitLabItem,
    task_id: uuid.UUID,
    mention: Mention,
    known: _Known,
    *,
    backfilled: bool,
) -> None:
    values: dict[str, Any] = {
        "org_id": org_id,
        "task_id": task_id,
        "item_id": item.id,
        "made_path": known.places[item.id].ref.project_path,
        "made_iid": item.iid,
        "made_by_person": False,
        "mentioned_in": list(mention.fields),
        "closes": mention.closes,
        "backfilled": backfilled,
    }
    link_id = insert_unless_exists(db.session, TaskGitLabLink, values, "task_id", "item_id")
    if link_id is not None:
        known.made.append(link_id)
        known.touched.add(task_id)
        _audit(Action.LINK_CREATED, TaskGitLabLink(id=link_id, **values), item, known)


def _forget_dismissed(item: GitLabItem, wanted: Collection[uuid.UUID], known: _Known) -> None:
    """A mention that is gone may come back: then it links again."""
    gone = known.dismissed[item.id] - set(wanted)
    if not gone:
        return
    dismissed = DismissedMention
    change_rows(delete(dismissed).where(dismissed.item_id == item.id, dismissed.task_id.in_(gone)))
    known.bereft.add(item.id)


def _known_of(org_id: uuid.UUID, items: Sequence[GitLabItem]) -> _Known:
    ids = [item.id for item in items]
    links: defaultdict[uuid.UUID, list[TaskGitLabLink]] = defaultdict(list)
    found = db.session.scalars(
        select(TaskGitLabLink)
        .where(TaskGitLabLink.item_id.in_(ids))
        .execution_options(populate_existing=True)
    )
    for link in found:
        links[link.item_id].append(link)
    dismissed: defaultdict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    one = DismissedMention
    for row in db.session.execute(select(one.item_id, one.task_id).where(one.item_id.in_(ids))):
        dismissed[row.item_id].add(row.task_id)
    names = {name for item in items for name in all_names(item.mentions or {})}
    linked = {link.task_id for some in links.values() for link in some}
    tasks, references = tasks_named(org_id, names, linked)
    return _Known(tasks, references, _places(items), links, dismissed)


def _places(items: Iterable[GitLabItem]) -> Mapping[uuid.UUID, Place]:
    one = GitLabProject
    found = db.session.execute(
        select(one.id, one.path, one.base_url).where(
            one.id.in_({item.project_id for item in items})
        )
    )
    projects = {row.id: row for row in found}
    return {
        item.id: Place(
            projects[item.project_id].base_url,
            ItemRef(projects[item.project_id].path, ItemType(item.type), item.iid),
        )
        for item in items
    }


def tasks_named(
    org_id: uuid.UUID, names: Iterable[TaskName], ids: Iterable[uuid.UUID] = ()
) -> tuple[dict[TaskName, uuid.UUID], dict[uuid.UUID, str]]:
    """The org's tasks of these names, by name; and their references, with those of ``ids``."""
    numbers = {name for name in names if isinstance(name, int)}
    by_id = {*ids, *(uuid.UUID(name) for name in names if isinstance(name, str))}
    if not numbers and not by_id:
        return {}, {}
    rows = db.session.execute(
        select(Task.id, Task.number, Org.task_key)
        .join(Org, Org.id == Task.org_id)
        .where(Task.org_id == org_id, or_(Task.number.in_(numbers), Task.id.in_(by_id)))
    ).all()
    tasks: dict[TaskName, uuid.UUID] = {row.number: row.id for row in rows}
    tasks |= {str(row.id): row.id for row in rows}
    return tasks, {row.id: task_reference(row.task_key, row.number) for row in rows}


def _record(org_id: uuid.UUID, known: _Known, *, backfilled: bool) -> None:
    """Record the links that were made, and remove those that have no mention any more."""
    cause = {"kind": "backfill" if backfilled else "mention"}
    record_links(org_id, SERVICE, EventType.LINK_CREATED, rows_of_links(known.made), cause)
    if known.removed:
        gone = rows_of_links(known.removed)
        record_links(org_id, SERVICE, EventType.LINK_REMOVED, gone, {"kind": "mention"})
        change_rows(delete(TaskGitLabLink).where(TaskGitLabLink.id.in_(known.removed)))


def _mark_tasks(task_ids: set[uuid.UUID]) -> None:
    """Note that the links of these tasks changed.

    A task that somebody else holds is passed over: they may wait for one of our items, and
    they note a change of the same task at the same time.
    """
    if not task_ids:
        return
    free = (
        select(Task.id)
        .where(Task.id.in_(task_ids))
        .order_by(Task.id)
        .with_for_update(skip_locked=True, key_share=True)
    )
    ids = db.session.scalars(free).all()
    change_rows(
        update(Task)
        .where(Task.id.in_(ids))
        .values(links_changed_at=utcnow(), updated_at=Task.updated_at)
    )


def _audit(action: Action, link: TaskGitLabLink, item: GitLabItem, known: _Known) -> None:
    detail = {
        "task": known.references.get(link.task_id, ""),
        "item": str(known.places[item.id].ref),
        "mentioned_in": link.mentioned_in,
    }
    write_audit_event(link.org_id, SERVICE, action, link.id, detail)


def drop_unmentioned(items: Iterable[GitLabItem]) -> None:
    """Delete those items that an event announced and that have no link after their first answer:
    as GitLab has them they mention no task, or GitLab does not show them.
    """
    answered = [
        item
        for item in items
        if item in db.session and item.announced and (item.fetched_at or item.failures)
    ]
    for item in answered:
        item.announced = False
    if answered:
        db.session.flush()
        _delete_unlinked(answered)
