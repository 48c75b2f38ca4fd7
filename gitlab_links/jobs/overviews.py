"""Counting the overviews of large orgs."""

import uuid

from gitlab_links.extensions import db
from gitlab_links.overview.queries import count_again


def count_overview(org_id: uuid.UUID) -> None:
    """Count what is late of an org. Safe to run twice, which finds nothing late, or never: the
    next viewer triggers it again.
    """
    count_again(org_id)
    db.session.rollback()
