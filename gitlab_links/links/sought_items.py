"""Find the links of one item: each is found under the reference that it is shown with."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, case, func, select, union_all

from gitlab_links.gitlab.items import ItemType
from gitlab_links.links.confidentiality import maybe_withheld
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink

_link, _item, _project = TaskGitLabLink, GitLabItem, GitLabProject


@dataclass(frozen=True, slots=True)
class SoughtItem:
    """An item by its project and number. ``project`` is a path in upper or lower case, or
    GitLab's id of the project; None is any project, or any whose path ends with ``name``.
    Without ``type``, an issue and a merge request may match.
    """

    org_id: uuid.UUID
    base_url: str
    project: str | int | None
    iid: int
    type: ItemType | None = None
    name: str = ""

    def conditions(self, *, all_seen: bool) -> Iterator[ColumnElement[bool]]:
        """The SQL conditions, over links joined with items and projects.

        A link that is withheld from the viewer, or may be later, is found only by the reference
        that it was made with: by another, its item's present place would be revealed.
        """
        yield _link.id.in_(union_all(*self._candidates(all_seen=all_seen)))
        yield _project.base_url == self.base_url
        if self.type is not None:
            yield _item.type == self.type.value
        path, iid = _shown(all_seen=all_seen)
        yield iid == self.iid
        if self.name:
            yield func.lower(path).endswith(f"/{self.name.lower()}", autoescape=True)
        if isinstance(self.project, str):
            yield func.lower(path) == self.project.lower()
        elif self.project is not None:
            yield _project.gitlab_id == self.project
            yield func.lower(path) == func.lower(_project.path)

    def _candidates(self, *, all_seen: bool) -> Iterator[Select[uuid.UUID]]:
        """What indexes find: few links, among which are all that match."""
        ids = select(_link.id).where(_link.org_id == self.org_id)
        by_item = ids.join(_item, _item.id == _link.item_id)
        here = by_item.join(_project, _project.id == _item.project_id).where(
            _project.org_id == self.org_id,
            _project.base_url == self.base_url,
            _item.iid == self.iid,
        )
        if isinstance(self.project, int):
            yield here.where(_project.gitlab_id == self.project)
            return
        if self.project is None:
            yield by_item.where(_item.org_id == self.org_id, _item.iid == self.iid)
        else:
            yield here.where(_project.path_key == self.project.lower())
        if all_seen:
            yield by_item.where(_item.org_id == self.org_id, _item.moved_iid == self.iid)
        else:
            yield ids.where(_link.made_iid == self.iid)


def _shown(*, all_seen: bool) -> tuple[ColumnElement[str], ColumnElement[int]]:
    """Path and number as ``link_views`` shows them."""
    if all_seen:
        return (
            func.coalesce(_item.moved_path, _project.path),
            func.coalesce(_item.moved_iid, _item.iid),
        )
    hidden = maybe_withheld()
    return (
        case((hidden, func.coalesce(_link.made_path, _project.path)), else_=_project.path),
        case((hidden, func.coalesce(_link.made_iid, _item.iid)), else_=_item.iid),
    )
