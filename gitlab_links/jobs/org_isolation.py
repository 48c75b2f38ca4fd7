"""Jobs over all orgs continue when one org's data makes a step fail."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from rq.timeouts import JobTimeoutException

from gitlab_links.extensions import database_breaker, db

log = structlog.get_logger(__name__)


@contextmanager
def isolated(step: str, org_id: uuid.UUID | None = None) -> Iterator[None]:
    """Roll back and log an error in the block; the code after the block runs.

    Raises only what ends the whole job: its timeout, or a lost database. A statement that
    times out for one org does not.
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
