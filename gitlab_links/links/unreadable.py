"""Find items whose last fetch failed."""

from sqlalchemy import ColumnElement, or_

from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.links.models import GitLabItem


def is_unreadable() -> ColumnElement[bool]:
    """Whether the last fetch of an item failed. Deleted items, and items that never existed, do
    not count.
    """
    code = GitLabItem.error_code
    return or_(
        code.in_([ErrorCode.NETWORK_ERROR, ErrorCode.INSUFFICIENT_SCOPE]), code.startswith("http_")
    )
