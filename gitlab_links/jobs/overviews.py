"""Counting the overviews of large orgs."""

import uuid

from gitlab_links.extensions import db
from gitlab_links.http.transactions import begin_reading
from gitlab_links.overview.queries import count_again


def count_overview(org_id: uuid.UUID) -> None:
    """Count what is late of an org. Safe to run twice, which finds nothing late, or never: the
    next viewer triggers it again.
    """
    begin_reading()  # on SQLite, a second of counting must not keep others from writing
    count_again(org_id)
    db.session.rollback()
