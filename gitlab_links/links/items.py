"""Find or create the rows of an item and its project."""

import uuid

from sqlalchemy import select

from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemRef
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.storage.database import insert_unless_exists


def cached_item(org_id: uuid.UUID, base_url: str, ref: ItemRef) -> GitLabItem:
    """The cached item, created if needed, and locked so that nobody deletes it.

    A row may vanish in between: its project was renamed or merged, or the item's last link
    was removed. Then it is created again.
    """
    item = None
    while item is None:
        project_id = _project_id(org_id, base_url, ref.project_path)
        item = _made_or_found(org_id, project_id, ref.type.value, ref.iid)
    return item


def locked_item(org_id: uuid.UUID, project_id: uuid.UUID, gitlab_type: str, iid: int) -> GitLabItem:
    """Like ``cached_item``, for a project of the org by its id."""
    item = None
    while item is None:
        item = _made_or_found(org_id, project_id, gitlab_type, iid)
    return item


def _made_or_found(
    org_id: uuid.UUID, project_id: uuid.UUID, gitlab_type: str, iid: int
) -> GitLabItem | None:
    """None if another transaction deleted the item between the two statements."""
    key = {"project_id": project_id, "type": gitlab_type, "iid": iid}
    insert_unless_exists(db.session, GitLabItem, {**key, "org_id": org_id}, *key)
    return db.session.scalars(select(GitLabItem).filter_by(**key).with_for_update()).one_or_none()


def _project_id(org_id: uuid.UUID, base_url: str, path: str) -> uuid.UUID:
    key = {"org_id": org_id, "base_url": base_url, "path_key": path.lower()}
    found: uuid.UUID | None = None
    while found is None:
        insert_unless_exists(db.session, GitLabProject, {**key, "path": path}, *key)
        found = db.session.scalars(select(GitLabProject.id).filter_by(**key)).one_or_none()
    return found
