"""Who sees an item's content: confidential items are only for the roles that the org chose.

Others see that there is a link, and its reference, which they may have pasted. An issue that the
token no longer sees may be confidential now. GitLab's answer is the same as for a deleted issue,
so both are withheld.
"""

from sqlalchemy import ColumnElement, and_, func, or_

from gitlab_links.accounts.roles import Role
from gitlab_links.gitlab.items import ItemType
from gitlab_links.links.freshness import GONE, Connection
from gitlab_links.links.models import GitLabItem


def sees_all(connection: Connection, viewer: Role | None) -> bool:
    """Whether nothing is withheld from the role; None is a viewer without a role."""
    return viewer is not None and viewer in connection.confidential_roles


def is_withheld(*, confidential: bool, gitlab_type: str, error_code: str | None) -> bool:
    """Whether an item is withheld from viewers who do not see everything."""
    return confidential or (gitlab_type == ItemType.ISSUE and error_code in GONE)


def withheld(item: type[GitLabItem] = GitLabItem) -> ColumnElement[bool]:
    """:func:`is_withheld` in SQL; ``item`` may be an alias."""
    return or_(
        item.confidential,
        and_(
            item.type == ItemType.ISSUE.value,
            func.coalesce(item.error_code, "").in_(GONE),
        ),
    )


def maybe_withheld() -> ColumnElement[bool]:
    """Whether it is withheld, or was never fetched and may be withheld later. In SQL."""
    return or_(withheld(), GitLabItem.fetched_at.is_(None))
