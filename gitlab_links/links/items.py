"""The rows that stand for an item of GitLab: found, or made for the first who needs them."""

import uuid

from sqlalchemy import select

from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemRef
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.storage.database import insert_unless_exists


def cached_item(org_id: uuid.UUID, base_url: str, ref: ItemRef) -> GitLabItem:
    """The cached item, made if need be, and locked: it cannot be forgotten meanwhile.

    What was there a moment ago may be gone: a project renamed or merged into another, an
    item whose last link went. Then it is made anew.
    """
    item = None
    while item is None:
        project_id = _project_id(org_id, base_url, ref.project_path)
        item = _made_or_found(org_id, project_id, ref.type.value, ref.iid)
    return item


def locked_item(org_id: uuid.UUID, project_id: uuid.UUID, gitlab_type: str, iid: int) -> GitLabItem:
    """The same of a project that is known to be the org's."""
    item = None
    while item is None:
        item = _made_or_found(org_id, project_id, gitlab_type, iid)
    return item


def _made_or_found(
    org_id: uuid.UUID, project_id: uuid.UUID, gitlab_type: str, iid: int
) -> GitLabItem | None:
    """None where its last link has gone between the two."""
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
