"""Items that cannot be read: whether every project has some, and how they become due again."""

import uuid
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import case, func, or_, select, update

from gitlab_links.extensions import change_rows, db
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.gitlab.items import ItemType
from gitlab_links.links.freshness import ENDED, GONE
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.links.unreadable import is_unreadable

RETRIED_AT_ONCE = 10_000
# Codes that say why GitLab's API does not show an item.
_SAY_WHY_ABSENT = GONE | {ErrorCode.NOT_IN_API, ErrorCode.NOT_GIVEN}
_NEVER_GIVEN = (ErrorCode.NOT_FOUND, ErrorCode.NOT_GIVEN)

_item = GitLabItem


def all_projects_fail(org_id: uuid.UUID, base_url: str | None) -> bool:
    """Whether there are several projects, and each has an item that cannot be read.

    Projects with only closed items do not count: their items are rarely fetched.
    """
    fails = func.max(case((is_unreadable(), 1), else_=0))
    polled = or_(_item.error_code.is_not(None), _item.state.is_(None), _item.state.not_in(ENDED))
    projects = (
        select(fails.label("fails"))
        .join(GitLabProject, GitLabProject.id == _item.project_id)
        .where(
            _item.org_id == org_id,
            GitLabProject.base_url == base_url,
            polled,
            func.coalesce(_item.error_code, "").not_in(_NEVER_GIVEN),
        )
        .group_by(_item.project_id)
        .subquery()
    )
    count, failing = db.session.execute(
        select(func.count(), func.coalesce(func.sum(projects.c.fails), 0)).select_from(projects)
    ).one()
    return bool(count > 1 and failing == count)


def retry_unreadable(org_id: uuid.UUID, now: datetime, *, but: Collection[uuid.UUID]) -> None:
    """Make items due that could not be read, because GitLab answers again.

        Locked rows are skipped: another transaction is writing them. At most RETRIED_AT_ONCE
    items are changed, to limit the time of a round; the others wait for their own schedule.
    """
    found = (
        select(_item.id)
        .where(
            _item.org_id == org_id,
            is_unreadable(),
            _item.next_sync_at > now,
            _item.id.not_in(but),
        )
        .order_by(_item.id)
        .limit(RETRIED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    change_rows(update(_item).where(_item.id.in_(found)).values(next_sync_at=now, failures=0))


def stays_hidden(item: GitLabItem, code: str) -> bool:
    """Whether a failure leaves an issue hidden that GitLab has stopped showing.

    The issue may be confidential now. It is withheld until an answer shows it again.
    """
    hidden = item.type == ItemType.ISSUE and item.error_code in GONE
    return hidden and code not in _SAY_WHY_ABSENT
