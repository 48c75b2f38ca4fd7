"""Find or create the rows of an item and its project."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import CompoundSelect, Select, select, tuple_
from sqlalchemy.exc import IntegrityError

from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemRef
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.storage.database import Base, insert_and_lock, is_orphan, new_id, upsert

M = TypeVar("M", bound=Base)


def cached_item(org_id: uuid.UUID, base_url: str, ref: ItemRef) -> GitLabItem:
    """The cached item, created if needed, and locked so that nobody deletes it."""
    [item] = cached_items(org_id, base_url, [ref])
    return item


def cached_items(org_id: uuid.UUID, base_url: str, refs: Sequence[ItemRef]) -> list[GitLabItem]:
    """Like ``cached_item`` for several, in their order and with few statements; see
    :func:`locked_items`. A project that was renamed or merged meanwhile is made anew.
    """
    while True:
        projects = _project_ids(org_id, base_url, {ref.project_path for ref in refs})
        keys = [(projects[ref.project_path.lower()], ref.type.value, ref.iid) for ref in refs]
        try:
            found = locked_items(org_id, keys)
        except IntegrityError as error:
            if not is_orphan(error):
                raise
        else:
            return [found[key] for key in keys]


Key = tuple[uuid.UUID, str, int]
KEY = ("project_id", "type", "iid")


def locked_items(org_id: uuid.UUID, keys: Sequence[Key], **new: Any) -> dict[Key, GitLabItem]:
    """The items of these projects, types and numbers, locked until the commit. What is not there
    is made with ``new`` values; raises IntegrityError if its project is gone.

    What is there is locked before anything is made, in one order, so that two callers never wait
    for each other: an INSERT, too, waits for whoever changes the row that it would repeat. A row
    may vanish in between, with the item's last link; then it is made anew.
    """
    found = _locked(keys)
    while missing := sorted(set(keys) - found.keys()):
        found |= _made(org_id, missing, new)
        found |= _locked(sorted(set(missing) - found.keys()))
    return found


def locked_item(
    org_id: uuid.UUID, project_id: uuid.UUID, gitlab_type: str, iid: int, **new: Any
) -> GitLabItem:
    """Like ``cached_item``, for a project of the org by its id. A new row has ``new`` values."""
    key = {"project_id": project_id, "type": gitlab_type, "iid": iid}
    return insert_and_lock(db.session, GitLabItem, key, org_id=org_id, **new)


def ids_of(org_id: uuid.UUID, refs: Collection[ItemRef]) -> set[uuid.UUID]:
    """The ids of the org's items with these references, whichever GitLab they are of."""
    if not refs:
        return set()
    keys = [(ref.project_path.lower(), ref.type.value, ref.iid) for ref in refs]
    key = tuple_(GitLabProject.path_key, GitLabItem.type, GitLabItem.iid)
    numbers = {ref.iid for ref in refs}
    found = (
        select(GitLabItem.id)
        .join(GitLabProject, GitLabProject.id == GitLabItem.project_id)
        # The numbers once more, or all items of each project are read.
        .where(GitLabProject.org_id == org_id, key.in_(keys), GitLabItem.iid.in_(numbers))
    )
    return set(db.session.scalars(found))


def lock_items(item_ids: Select[uuid.UUID] | CompoundSelect[uuid.UUID]) -> None:
    """Lock the items of some links, which ``item_ids`` selects, before the links are changed:
    whoever moves links has locked the items first, and each could wait for the other. A link may
    follow a moved issue meanwhile.
    """
    items = select(GitLabItem.id).where(GitLabItem.id.in_(item_ids)).order_by(GitLabItem.id)
    locked: set[uuid.UUID] = set()
    while True:
        locked.update(db.session.scalars(items.with_for_update()))
        if locked.issuperset(db.session.scalars(item_ids)):
            return


def _locked(keys: Sequence[Key]) -> dict[Key, GitLabItem]:
    if not keys:
        return {}
    rows = db.session.scalars(
        select(GitLabItem)
        .where(tuple_(*(getattr(GitLabItem, name) for name in KEY)).in_(keys))
        .order_by(GitLabItem.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return _by_key(rows)


def _made(org_id: uuid.UUID, keys: Sequence[Key], new: Mapping[str, Any]) -> dict[Key, GitLabItem]:
    """Without those that somebody else made meanwhile."""
    rows = [{**dict(zip(KEY, key, strict=True)), "org_id": org_id, **new} for key in keys]
    # Not the session's, whose end would count as a commit.
    with db.session.connection().begin_nested():
        return _by_key(_inserted(GitLabItem, rows, KEY))


def _by_key(items: Iterable[GitLabItem]) -> dict[Key, GitLabItem]:
    return {(item.project_id, item.type, item.iid): item for item in items}


def _project_ids(
    org_id: uuid.UUID, base_url: str, paths: Collection[str]
) -> Mapping[str, uuid.UUID]:
    """The rows of projects by their paths in lower case, created if needed."""
    spelled = {path.lower(): path for path in sorted(paths)}
    known = select(GitLabProject.path_key, GitLabProject.id).where(
        GitLabProject.org_id == org_id,
        GitLabProject.base_url == base_url,
        GitLabProject.path_key.in_(spelled),
    )
    found = {key: project_id for key, project_id in db.session.execute(known) if key}
    while missing := sorted(spelled.keys() - found.keys()):
        rows = [
            {"org_id": org_id, "base_url": base_url, "path_key": key, "path": spelled[key]}
            for key in missing
        ]
        made = _inserted(GitLabProject, rows, ("org_id", "base_url", "path_key"))
        found |= {project.path_key: project.id for project in made if project.path_key}
        if len(made) < len(missing):
            found |= {key: project_id for key, project_id in db.session.execute(known) if key}
    return found


def _inserted(model: type[M], rows: Sequence[Mapping[str, Any]], key: Sequence[str]) -> Sequence[M]:
    """The new rows, without those that were there already."""
    values = [{"id": new_id(), **row} for row in rows]
    insert = upsert(db.engine.dialect.name, model).values(values)
    new = insert.on_conflict_do_nothing(index_elements=key).returning(model.__table__)
    return db.session.scalars(select(model).from_statement(new)).all()
