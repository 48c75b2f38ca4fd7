"""The overview as a caller sees it: counted now, or, in a large org, a short time ago.

The figures of a large org are kept in Redis and counted again by a job: see docs/adr. Losing
them costs one slow request.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from redis.exceptions import RedisError

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.extensions import redis
from gitlab_links.job_triggers import JobKind, trigger
from gitlab_links.overview.counting import count_figures, is_small
from gitlab_links.overview.figures import Figures
from gitlab_links.rollup.sight import Sight

FRESH = timedelta(seconds=60)
KEPT = timedelta(hours=1)
_ANYBODY = uuid.UUID(int=0)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Overview:
    """The figures. ``kept``: they were counted at their time, not for this caller;
    ``counting``: a job counts them anew.
    """

    figures: Figures
    kept: bool = False
    counting: bool = False


def overview_for(sight: Sight) -> Overview:
    """What the caller sees: six statements, one if the figures are kept."""
    now = utcnow()
    if is_small(sight, now):
        return Overview(count_figures(sight, now))
    kept = _read(sight)
    if kept is None:
        return Overview(_count(sight, now), kept=True)
    late = _is_late(kept, now)
    if late:
        trigger(JobKind.COUNT_OVERVIEW, sight.org_id)
    return Overview(kept, kept=True, counting=late)


def count_again(org_id: uuid.UUID) -> None:
    """Count what is kept of an org and late, for each group of viewers that looked at it."""
    now = utcnow()
    done = set()
    for role in Role:
        sight = Sight.of(Principal(org_id, _ANYBODY, role))
        name = _name(sight)
        if name in done:
            continue
        done.add(name)
        kept = _read(sight)
        if kept is not None and _is_late(kept, now):
            _count(sight, now)


def _is_late(kept: Figures, now: datetime) -> bool:
    return now - kept.computed_at >= FRESH or kept.computed_at > now


def _count(sight: Sight, now: datetime) -> Figures:
    figures = count_figures(sight, now)
    try:
        redis().set(_name(sight), figures.as_json(), ex=KEPT)
    except RedisError as error:
        log.warning("overview.not_kept", error=str(error))
    return figures


def _read(sight: Sight) -> Figures | None:
    try:
        kept = redis().get(_name(sight))
    except RedisError as error:
        log.warning("overview.not_read", error=str(error))
        return None
    return Figures.from_json(kept) if isinstance(kept, bytes) else None


def _name(sight: Sight) -> str:
    """The key of the figures of everybody who sees the same."""
    seen = "tasks" if not sight.sees_links else "all" if sight.sees_all else "unwithheld"
    return f"gitlab_links:overview:{sight.org_id}:{seen}"
