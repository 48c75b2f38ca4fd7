"""Jobs over all orgs continue when one org's data makes a step fail."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import structlog
from rq.timeouts import JobTimeoutException

from gitlab_links.extensions import database_breaker, db

log = structlog.get_logger(__name__)


@contextmanager
def isolated(
    step: str, org_id: uuid.UUID | None = None, *, savepoint: bool = False
) -> Iterator[None]:
    """Roll back and log an error in the block; the code after the block runs. With ``savepoint``
    only what the block did is rolled back, and the caller's transaction goes on.

    Raises only what ends the whole job: its timeout, or a lost database. A statement that
    times out for one org does not.
    """
    try:
        with db.session.begin_nested() if savepoint else nullcontext():
            yield
    except JobTimeoutException:
        raise
    except Exception:
        if database_breaker().lost:
            raise
        if not savepoint:
            db.session.rollback()
        log.exception("job.step_failed", step=step, org_id=None if org_id is None else str(org_id))
