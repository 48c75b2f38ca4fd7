"""Links follow an issue that was moved to another project."""

from sqlalchemy import select

from gitlab_links.db import insert_unless_exists
from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemRef
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.sync.projects import links_of, move_links


def follow(item: GitLabItem, ref: ItemRef) -> None:
    """Have the links of a moved issue lead to what it is now, which is then fetched.

    The issue it was stays in GitLab, closed and pointing on, and is cached no longer.
    """
    project = db.session.get_one(GitLabProject, item.project_id)
    key = {
        "org_id": project.org_id,
        "base_url": project.base_url,
        "path_key": ref.project_path.lower(),
    }
    insert_unless_exists(db.session, GitLabProject, {**key, "path": ref.project_path}, *key)
    there = db.session.scalars(select(GitLabProject.id).filter_by(**key)).one()
    place = {"project_id": there, "type": ref.type.value, "iid": ref.iid}
    insert_unless_exists(db.session, GitLabItem, {**place, "org_id": project.org_id}, *place)
    target = db.session.scalars(select(GitLabItem).filter_by(**place).with_for_update()).one()
    if target.id == item.id:
        return
    move_links(links_of(item), target)
    db.session.delete(item)
    db.session.flush()
