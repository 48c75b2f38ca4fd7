"""Waiting until somebody waits: PostgreSQL says which sessions stand before a lock."""

import time

from sqlalchemy import text

from gitlab_links.extensions import db
from tests.hanging import HANGS


def wait_for_somebody_to_wait() -> None:
    """Return once a session of this database waits for a lock."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    deadline = time.monotonic() + HANGS
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as beside:
        while not beside.scalar(waiting):
            assert time.monotonic() < deadline
            time.sleep(0.02)
