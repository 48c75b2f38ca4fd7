"""The overview as a caller sees it: counted now, or, in a large org, a short time ago.

The figures of a large org are kept in Redis and counted by a job, since counting takes a second:
see docs/adr. Losing them costs a wait of a few seconds.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

import structlog
from redis.exceptions import RedisError

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.errors import DomainError
from gitlab_links.extensions import redis
from gitlab_links.job_triggers import JobKind, trigger
from gitlab_links.overview.counting import count_figures, is_small
from gitlab_links.overview.figures import Figures
from gitlab_links.rollup.visibility import Visibility

FRESH = timedelta(seconds=60)
KEPT = timedelta(hours=1)
# Kept instead of figures while somebody waits for the first ones.
_ASKED_FOR = b""
_ANYBODY = uuid.UUID(int=0)

log = structlog.get_logger(__name__)


class BeingCounted(DomainError, status=HTTPStatus.SERVICE_UNAVAILABLE, code="being_counted"):
    """There are no figures of a large org yet (503)."""


@dataclass(frozen=True, slots=True)
class Overview:
    """The figures, or None if there are none yet. ``kept``: they were counted at their time, not
    for this caller; ``counting``: a job counts them, or counts them anew.
    """

    figures: Figures | None
    kept: bool = False
    counting: bool = False


def overview_for(visibility: Visibility) -> Overview:
    """What the caller sees: six statements, one in a large org, for which a job counts. Without
    Redis there is no job: then all orgs are counted at once.
    """
    now = utcnow()
    if is_small(visibility, now):
        return Overview(count_figures(visibility, now))
    try:
        kept = _read(visibility)
        if kept is None:
            redis().set(_name(visibility), _ASKED_FOR, ex=KEPT, nx=True)
    except RedisError as error:
        log.warning("overview.not_read", error=str(error))
        return Overview(count_figures(visibility, now), kept=True)
    late = kept is None or _is_late(kept, now)
    if late:
        trigger(JobKind.COUNT_OVERVIEW, visibility.org_id)
    return Overview(kept, kept=True, counting=late)


def count_again(org_id: uuid.UUID) -> None:
    """Count what is late of an org, or not there yet, for each group of viewers that looked at
    it.
    """
    now = utcnow()
    done = set()
    for role in Role:
        visibility = Visibility.of(Principal(org_id, _ANYBODY, role))
        name = _name(visibility)
        if name in done or not redis().exists(name):
            continue
        done.add(name)
        kept = _read(visibility)
        if kept is None or _is_late(kept, now):
            redis().set(name, count_figures(visibility, now).as_json(), ex=KEPT)


def _is_late(kept: Figures, now: datetime) -> bool:
    return now - kept.computed_at >= FRESH or kept.computed_at > now


def _read(visibility: Visibility) -> Figures | None:
    kept = redis().get(_name(visibility))
    return Figures.from_json(kept) if isinstance(kept, bytes) and kept != _ASKED_FOR else None


def _name(visibility: Visibility) -> str:
    """The key of the figures of everybody who sees the same."""
    seen = "tasks" if not visibility.sees_links else "all" if visibility.sees_all else "unwithheld"
    # 2: the version before cannot read these figures.
    return f"gitlab_links:overview:2:{visibility.org_id}:{seen}"
