"""The links of tasks as the rules see them: one query, however many there are."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, select

from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemRef, ItemState, ItemType
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.confidentiality import is_withheld
from gitlab_links.links.freshness import GONE
from gitlab_links.links.link_views import is_from_fork
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.rules.wanted import LinkFacts, Strength
from gitlab_links.storage.given_values import is_among


@dataclass(frozen=True, slots=True)
class RuleLink:
    """One link of a task: what the rules see, and what explains it to people.

    ``made_reference`` is the reference that whoever linked it saw; it is shown while the item
    is ``withheld`` from some roles.
    """

    link_id: uuid.UUID
    item_id: uuid.UUID
    facts: LinkFacts
    reference: str
    made_reference: str
    withheld: bool
    merged_at: datetime | None
    merged_by: str | None


_LINKS = (
    select(
        TaskGitLabLink.task_id,
        TaskGitLabLink.id,
        TaskGitLabLink.made_path,
        TaskGitLabLink.made_iid,
        TaskGitLabLink.made_by_person,
        TaskGitLabLink.closes,
        TaskGitLabLink.item_id,
        GitLabItem.type,
        GitLabItem.iid,
        GitLabItem.state,
        GitLabItem.draft,
        GitLabItem.confidential,
        GitLabItem.error_code,
        GitLabItem.unproven_since,
        GitLabItem.moved_to_id,
        GitLabItem.moved_iid,
        GitLabItem.target_branch,
        GitLabItem.source_project_id,
        GitLabItem.merged_at,
        GitLabItem.merged_by,
        GitLabProject.path,
        GitLabProject.gitlab_id,
        GitLabProject.default_branch,
        and_(
            OrgGitLabIntegration.base_url.is_not(None),
            OrgGitLabIntegration.base_url == GitLabProject.base_url,
        ).label("is_connected"),
    )
    .join(GitLabItem, GitLabItem.id == TaskGitLabLink.item_id)
    .join(GitLabProject, GitLabProject.id == GitLabItem.project_id)
    .outerjoin(OrgGitLabIntegration, OrgGitLabIntegration.org_id == TaskGitLabLink.org_id)
    .order_by(TaskGitLabLink.task_id, TaskGitLabLink.id)
)


def links_of_tasks(task_ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Sequence[RuleLink]]:
    """The links by task, in the order they were made; a task without links is left out."""
    these = is_among(db.engine.dialect.name, TaskGitLabLink.task_id, task_ids)
    found: defaultdict[uuid.UUID, list[RuleLink]] = defaultdict(list)
    for row in db.session.execute(_LINKS.where(these)):
        found[row.task_id].append(_link(row))
    return found


def _link(row: Row[*tuple[Any, ...]]) -> RuleLink:
    gitlab_type = ItemType(row.type)
    merger = row.merged_by or {}
    return RuleLink(
        link_id=row.id,
        item_id=row.item_id,
        facts=_facts(row, gitlab_type),
        reference=str(ItemRef(row.path, gitlab_type, row.iid)),
        made_reference=str(
            ItemRef(row.made_path or row.path, gitlab_type, row.made_iid or row.iid)
        ),
        withheld=is_withheld(
            confidential=row.confidential, gitlab_type=row.type, error_code=row.error_code
        ),
        merged_at=row.merged_at,
        merged_by=merger.get("name"),
    )


def _facts(row: Row[*tuple[Any, ...]], gitlab_type: ItemType) -> LinkFacts:
    return LinkFacts(
        type=gitlab_type,
        state=None if row.state is None else ItemState(row.state),
        draft=bool(row.draft),
        strength=_strength(made_by_person=row.made_by_person, closes=row.closes),
        from_fork=is_from_fork(row.type, row.source_project_id, row.gitlab_id),
        unseen=row.error_code in GONE or not row.is_connected,
        unproven=row.unproven_since is not None,
        # A confidential issue that was moved shows the content of its new place.
        moved=row.moved_to_id is not None and row.moved_iid is None,
        target_branch=row.target_branch,
        default_branch=row.default_branch,
    )


def _strength(*, made_by_person: bool, closes: bool) -> Strength:
    if made_by_person:
        return Strength.PERSON
    return Strength.CLOSES if closes else Strength.MENTIONS
