"""The other tasks that link the same items as a task."""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, select, true
from sqlalchemy.orm import aliased

from gitlab_links.accounts.models import Org
from gitlab_links.extensions import db
from gitlab_links.links.confidentiality import maybe_withheld
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.tasks.models import Task
from gitlab_links.tasks.summaries import task_reference

SHOWN = 3

_other = aliased(TaskGitLabLink)


@dataclass(frozen=True, slots=True)
class OtherTasks:
    """The first other tasks of an item as ``ACME-10``, and how many ``more`` there are."""

    references: Sequence[str]
    more: int


def others_of_links(
    link_ids: Sequence[uuid.UUID], *, all_seen: bool
) -> Mapping[uuid.UUID, OtherTasks]:
    """The other tasks of each link's item, by link, in one statement. A link without has none.

    Without ``all_seen`` an item that is or may be withheld has none: that two links are of one
    item is its content, too.
    """
    rows = db.session.execute(_others(all_seen=all_seen), {"link_ids": link_ids})
    found: defaultdict[uuid.UUID, list[str]] = defaultdict(list)
    totals = {}
    for row in rows:
        found[row.id].append(task_reference(row.task_key, row.number))
        totals[row.id] = row.total
    return {
        link_id: OtherTasks(references, totals[link_id] - len(references))
        for link_id, references in found.items()
    }


@cache
def _others(*, all_seen: bool) -> Select[*tuple[Any, ...]]:
    ranked = (
        select(
            TaskGitLabLink.id,
            Org.task_key,
            Task.number,
            func.count().over(partition_by=TaskGitLabLink.id).label("total"),
            func.row_number()
            .over(partition_by=TaskGitLabLink.id, order_by=Task.number)
            .label("place"),
        )
        .join(_other, _same_item())
        .join(GitLabItem, GitLabItem.id == TaskGitLabLink.item_id)
        .join(Task, Task.id == _other.task_id)
        .join(Org, Org.id == Task.org_id)
        .where(
            TaskGitLabLink.id.in_(bindparam("link_ids", expanding=True)),
            _seen(all_seen=all_seen),
        )
        .subquery()
    )
    return select(ranked).where(ranked.c.place <= SHOWN).order_by(ranked.c.id, ranked.c.place)


def version_of_others(*, all_seen: bool) -> tuple[ColumnElement[int], ...]:
    """Scalar subqueries that change with the other tasks of the items of a task, ``task_id``."""
    found = (
        select(func.count(), func.max(_other.created_at))
        .select_from(TaskGitLabLink)
        .join(_other, _same_item())
        .join(GitLabItem, GitLabItem.id == TaskGitLabLink.item_id)
        .where(TaskGitLabLink.task_id == bindparam("task_id"), _seen(all_seen=all_seen))
    )
    return tuple(
        found.with_only_columns(column).scalar_subquery() for column in found.selected_columns
    )


def _same_item() -> ColumnElement[bool]:
    return and_(_other.item_id == TaskGitLabLink.item_id, _other.task_id != TaskGitLabLink.task_id)


def _seen(*, all_seen: bool) -> ColumnElement[bool]:
    return true() if all_seen else ~maybe_withheld()
