"""Find the tasks that link an item by its reference or address, as a caller sees it."""

import re

from sqlalchemy import ColumnElement, select

from gitlab_links.errors import Invalid
from gitlab_links.extensions import settings
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.urls import parse_base_url, parse_item_url
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.links.sought_items import SoughtItem
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.tasks.models import Task

_SHORT = re.compile(r"([#!])([1-9][0-9]{0,17})")
# A project's name is the last part of its path.
_NAMED = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.-]*)" + _SHORT.pattern)


def is_short(text: str) -> bool:
    """Whether the text is a reference without a project: ``!5`` or ``#7``."""
    return _SHORT.fullmatch(text) is not None


def links_item_at(text: str, visibility: Visibility) -> ColumnElement[bool] | None:
    """Whether a task links the item named by ``!5``, ``#7``, ``app!5``, ``group/app!5`` or its
    address in the org's GitLab; None if the text names none.
    """
    sought = sought_at(text, visibility)
    if sought is None:
        return None
    return Task.id.in_(
        select(TaskGitLabLink.task_id)
        .join(GitLabItem, GitLabItem.id == TaskGitLabLink.item_id)
        .join(GitLabProject, GitLabProject.id == GitLabItem.project_id)
        .where(*sought.conditions(all_seen=visibility.sees_all))
    )


def sought_at(text: str, visibility: Visibility) -> SoughtItem | None:
    """The item that a text names as above."""
    base_url = visibility.connection.base_url
    if base_url is None:
        return None
    found = _SHORT.fullmatch(text) or _NAMED.fullmatch(text)
    if found is not None:
        *name, mark, number = found.groups()
        kind = ItemType.ISSUE if mark == "#" else ItemType.MERGE_REQUEST
        return SoughtItem(visibility.org_id, base_url, None, int(number), kind, "".join(name))
    if "/" not in text:
        return None
    try:
        ref = parse_item_url(text, parse_base_url(base_url, settings().gitlab_allowed_hosts))
    except Invalid:
        return None
    return SoughtItem(visibility.org_id, base_url, ref.project_path, ref.iid, ref.type)
