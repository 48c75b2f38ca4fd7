"""Which items could not be read when they were asked for last."""

from sqlalchemy import ColumnElement, or_

from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.links.models import GitLabItem


def is_unreadable() -> ColumnElement[bool]:
    """Whether GitLab did not give an item that is there, as far as is known. One that was
    deleted, or that never was, is not meant.
    """
    code = GitLabItem.error_code
    return or_(
        code.in_([ErrorCode.NETWORK_ERROR, ErrorCode.INSUFFICIENT_SCOPE]), code.startswith("http_")
    )
