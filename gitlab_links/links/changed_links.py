"""Find the links that were made, or that show something else, since a time."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, and_, false, or_, select, union_all

from gitlab_links.links.confidentiality import withheld
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink

_link, _item, _project = TaskGitLabLink, GitLabItem, GitLabProject


@dataclass(frozen=True, slots=True)
class ChangedLinks:
    """The links of an org that changed at ``since`` or later."""

    org_id: uuid.UUID
    since: datetime

    def is_met(self, *, all_seen: bool) -> ColumnElement[bool]:
        """The SQL condition, over links joined with items and projects: for one link.

        A withheld link counts only when it is made: when its item changes is a hint too.
        """
        shown = or_(_item.changed_at >= self.since, _project.renamed_at >= self.since)
        return or_(_link.created_at >= self.since, shown if all_seen else and_(~withheld(), shown))

    def by_index(self, *, all_seen: bool) -> CompoundSelect[Any]:
        """The ids of all links of the org that meet it, by an index for each part."""
        hidden = false() if all_seen else withheld()
        links = select(_link.id)
        of_items = links.join(_item, _item.id == _link.item_id).where(~hidden)
        made = links.where(_link.org_id == self.org_id, _link.created_at >= self.since)
        changed = of_items.where(_item.org_id == self.org_id, _item.changed_at >= self.since)
        renamed = of_items.join(_project, _project.id == _item.project_id).where(
            _project.org_id == self.org_id, _project.renamed_at >= self.since
        )
        return union_all(made, changed, renamed)
