"""Jobs over all orgs go on where one org's data makes a step fail."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from rq.timeouts import JobTimeoutException

from gitlab_links.extensions import database_breaker, db

log = structlog.get_logger(__name__)


@contextmanager
def isolated(step: str, org_id: uuid.UUID | None = None) -> Iterator[None]:
    """Roll back and log what goes wrong in the block; the code after it runs.

    Raised are only the ends of the whole job: its time is up, or the database is away. A
    statement that times out for one org is that org's trouble.
    """
    try:
        yield
    except JobTimeoutException:
        raise
    except Exception:
        if database_breaker().lost:
            raise
        db.session.rollback()
        log.exception("job.step_failed", step=step, org_id=None if org_id is None else str(org_id))
