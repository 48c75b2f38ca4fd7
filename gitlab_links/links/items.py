"""Find or create the rows of an item and its project."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, select, tuple_
from sqlalchemy.exc import IntegrityError

from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemRef
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.storage.database import Base, insert_and_lock, is_orphan, new_id, upsert


def cached_item(org_id: uuid.UUID, base_url: str, ref: ItemRef) -> GitLabItem:
    """The cached item, created if needed, and locked so that nobody deletes it."""
    [item] = cached_items(org_id, base_url, [ref])
    return item


def cached_items(org_id: uuid.UUID, base_url: str, refs: Sequence[ItemRef]) -> list[GitLabItem]:
    """Like ``cached_item`` for several, in their order and with few statements.

    What is there is locked before anything is made, in one order, so that two callers never wait
    for each other: an INSERT, too, waits for whoever changes the row that it would repeat. A row
    may vanish in between: its project was renamed or merged, or the item's last link was removed.
    Then it is made anew, with the project's row if that is gone.
    """
    while True:
        projects = _project_ids(org_id, base_url, {ref.project_path for ref in refs})
        keys = [(projects[ref.project_path.lower()], ref.type.value, ref.iid) for ref in refs]
        found = _locked_by_key(keys)
        missing = sorted(set(keys) - found.keys())
        if missing:
            _make(org_id, missing)
            found |= _locked_by_key(missing)
        if all(key in found for key in keys):
            return [found[key] for key in keys]


def locked_item(
    org_id: uuid.UUID, project_id: uuid.UUID, gitlab_type: str, iid: int, **new: Any
) -> GitLabItem:
    """Like ``cached_item``, for a project of the org by its id. A new row has ``new`` values."""
    key = {"project_id": project_id, "type": gitlab_type, "iid": iid}
    return insert_and_lock(db.session, GitLabItem, key, org_id=org_id, **new)


def is_named(org_id: uuid.UUID, ref: ItemRef) -> ColumnElement[bool]:
    """Whether an item of the org has this reference, whichever GitLab it is of."""
    projects = select(GitLabProject.id).where(
        GitLabProject.org_id == org_id, GitLabProject.path_key == ref.project_path.lower()
    )
    named = (GitLabItem.type == ref.type.value, GitLabItem.iid == ref.iid)
    return and_(GitLabItem.project_id.in_(projects), *named)


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


Key = tuple[uuid.UUID, str, int]
KEY = ("project_id", "type", "iid")


def _locked_by_key(keys: Sequence[Key]) -> dict[Key, GitLabItem]:
    if not keys:
        return {}
    columns = [getattr(GitLabItem, name) for name in KEY]
    locked = db.session.scalars(
        select(GitLabItem)
        .where(tuple_(*columns).in_(keys))
        .order_by(GitLabItem.id)
        .with_for_update()
    )
    return {(item.project_id, item.type, item.iid): item for item in locked}


def _make(org_id: uuid.UUID, keys: Sequence[Key]) -> None:
    """Nothing if another transaction has deleted one of the projects."""
    rows = [{**dict(zip(KEY, key, strict=True)), "org_id": org_id} for key in keys]
    try:
        # Not the session's, whose end would count as a commit.
        with db.session.connection().begin_nested():
            _insert_unless_exist(GitLabItem, rows, KEY)
    except IntegrityError as error:
        if not is_orphan(error):
            raise


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
    while True:
        found = {key: project_id for key, project_id in db.session.execute(known) if key}
        missing = sorted(spelled.keys() - found.keys())
        if not missing:
            return found
        rows = [
            {"org_id": org_id, "base_url": base_url, "path_key": key, "path": spelled[key]}
            for key in missing
        ]
        _insert_unless_exist(GitLabProject, rows, ("org_id", "base_url", "path_key"))


def _insert_unless_exist(
    model: type[Base], rows: Sequence[Mapping[str, Any]], key: Sequence[str]
) -> None:
    insert = upsert(db.engine.dialect.name, model)
    values = [{"id": new_id(), **row} for row in rows]
    db.session.execute(insert.values(values).on_conflict_do_nothing(index_elements=key))
