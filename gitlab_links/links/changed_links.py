"""Find the links that were made, or that show something else, since a time."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, false, select, union_all

from gitlab_links.links.confidentiality import withheld
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink

_link, _item, _project = TaskGitLabLink, GitLabItem, GitLabProject


@dataclass(frozen=True, slots=True)
class ChangedLinks:
    """The links of an org that changed at ``since`` or later."""

    org_id: uuid.UUID
    since: datetime

    def condition(self, *, all_seen: bool) -> ColumnElement[bool]:
        """The SQL condition, each part of which has an index.

        A withheld link counts only when it is made: when its item changes is a hint too.
        """
        hidden = false() if all_seen else withheld()
        links = select(_link.id)
        of_items = links.join(_item, _item.id == _link.item_id).where(~hidden)
        made = links.where(_link.org_id == self.org_id, _link.created_at >= self.since)
        changed = of_items.where(_item.org_id == self.org_id, _item.changed_at >= self.since)
        renamed = of_items.join(_project, _project.id == _item.project_id).where(
            _project.org_id == self.org_id, _project.renamed_at >= self.since
        )
        return _link.id.in_(union_all(made, changed, renamed))
