"""Links follow an issue that was moved to another project."""

from sqlalchemy import update

from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemRef
from gitlab_links.links.items import cached_item
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.sync.succession import move_links_to


def follow(item: GitLabItem, ref: ItemRef) -> None:
    """Have the links of a moved issue lead to what it is now, which is then fetched.

    The issue it was stays in GitLab, closed and pointing on, and is cached no longer.
    """
    project = db.session.get_one(GitLabProject, item.project_id)
    target = cached_item(project.org_id, project.base_url, ref)
    if target.id == item.id:
        return
    _keep_reference(item, project.path)
    move_links_to(target.id, TaskGitLabLink.item_id == item.id)
    db.session.delete(item)
    db.session.flush()


def _keep_reference(item: GitLabItem, path: str) -> None:
    """Where the issue went is not for everybody: its links keep how they were made."""
    link = TaskGitLabLink
    db.session.execute(
        update(link)
        .where(link.item_id == item.id, link.made_path.is_(None))
        .values(made_path=path, made_iid=item.iid)
        .execution_options(synchronize_session=False)
    )
