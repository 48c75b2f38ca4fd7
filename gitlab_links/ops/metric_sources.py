"""Figures over all orgs, for metrics and doctor, read from index ranges.

They come from the database and Redis, so every process returns the same. Nothing here commits,
and nothing names an org.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis.exceptions import RedisError
from sqlalchemy import ColumnElement, case, func, or_, select

from gitlab_links.deliveries.authenticity import Refusal
from gitlab_links.deliveries.models import DeliveryStatus, GitLabWebhookDelivery
from gitlab_links.deltas.models import BY_TIME, GitLabDeltaMark
from gitlab_links.extensions import db, redis
from gitlab_links.health.report import HealthColour
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.integrations.summaries import EXPIRY_WARNING, LAST_DAY
from gitlab_links.job_triggers import queue_names
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.observations.call_counts import CallKind
from gitlab_links.observations.models import GitLabCallCount, GitLabWebhookTally, TallyKind
from gitlab_links.outgoing.models import OutgoingDelivery, OutgoingEndpoint
from gitlab_links.storage.database import first_id_at
from gitlab_links.sync.due_items import connected

_integration = OrgGitLabIntegration

RECENT = timedelta(minutes=5)
_CONNECTED = [colour.value for colour in HealthColour if colour is not HealthColour.GRAY]


@dataclass(frozen=True, slots=True)
class Backlog:
    """Work that is not done: how much, and how many seconds the oldest is late."""

    count: int
    late_seconds: float


@dataclass(frozen=True, slots=True)
class Connections:
    """The orgs' integrations.

    ``states`` counts them by ``ok``, ``paused``, ``not_configured`` or the error code;
    ``expiring`` counts tokens that expire soon or have expired; ``headroom`` is the smallest
    remaining fraction of any rate limit, 1.0 if none is known.
    """

    states: Mapping[str, int]
    expiring: int
    headroom: float


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """The state of Redis: jobs by queue, registered workers, whether the schedule ticks, jobs that
    raised an error. A worker that was killed stays registered for minutes.
    """

    queued: Mapping[str, int]
    workers: int
    ticks: bool
    failed: int


def deliveries_of_late(now: datetime) -> Mapping[str, int]:
    """Deliveries received within ``RECENT``, by their current status.

    Ids begin with their time, so this is a range of the primary key.
    """
    delivery = GitLabWebhookDelivery
    first = first_id_at(now - RECENT)
    counted = db.session.execute(
        select(delivery.status, func.count()).where(delivery.id >= first).group_by(delivery.status)
    )
    return {status.value: 0 for status in DeliveryStatus} | {row[0]: row[1] for row in counted}


def refused_today(now: datetime) -> Mapping[str, int]:
    """Webhooks refused since midnight UTC, by the header that was wrong last."""
    tally = GitLabWebhookTally
    rows = db.session.execute(
        select(tally.count.label("times"), tally.detail).where(
            tally.kind == TallyKind.REFUSED.value, tally.day == now.date()
        )
    )
    counts = dict.fromkeys((reason.value for reason in Refusal), 0)
    for row in rows:
        counts[str(row.detail.get("header"))] += row.times
    return counts


def turned_away_today(now: datetime) -> int:
    """Webhooks since midnight UTC that this service answered with an error of its own."""
    tally = GitLabWebhookTally
    counted = select(func.sum(tally.count)).where(
        tally.kind == TallyKind.TURNED_AWAY.value, tally.day == now.date()
    )
    return int(db.session.scalar(counted) or 0)


def delivery_backlog(now: datetime) -> Backlog:
    """Deliveries that are not done, including those that wait for a retry."""
    due_at = GitLabWebhookDelivery.due_at
    count, first = db.session.execute(
        select(func.count(), func.min(due_at)).where(due_at.is_not(None))
    ).one()
    return Backlog(count, _lateness(first, now))


def item_backlog(now: datetime) -> Backlog:
    """Items that are due for a fetch, of orgs whose GitLab may be called now."""
    count, first = db.session.execute(
        select(func.count(), func.min(GitLabItem.next_sync_at))
        .join(_integration, _integration.org_id == GitLabItem.org_id)
        .where(connected(now), GitLabItem.next_sync_at <= now)
    ).one()
    return Backlog(count, _lateness(first, now))


def outgoing_backlog(now: datetime) -> Backlog:
    """Events that are due at endpoints which are on and not paused."""
    one, endpoint = OutgoingDelivery, OutgoingEndpoint
    count, first = db.session.execute(
        select(func.count(), func.min(one.due_at))
        .join(endpoint, endpoint.id == one.endpoint_id)
        .where(
            one.due_at <= now,
            endpoint.enabled,
            or_(endpoint.paused_until.is_(None), endpoint.paused_until <= now),
        )
    ).one()
    return Backlog(count, _lateness(first, now))


def connections(now: datetime) -> Connections:
    """The state of all integrations, counted by the database."""
    state = state_at(now)
    counted = db.session.execute(select(state, func.count()).group_by(state))
    left = _integration.rate_limit_remaining * 1.0 / func.nullif(_integration.rate_limit, 0)
    expires_at, reset_at = _integration.token_expires_at, _integration.rate_limit_reset_at
    # One that is replaced automatically is so in time.
    warned_until = case(
        (_integration.token_auto_rotate, now + LAST_DAY), else_=now + EXPIRY_WARNING
    )
    headroom = db.session.scalar(select(func.min(left)).where(reset_at > now))
    return Connections(
        states={"ok": 0} | {row[0]: row[1] for row in counted},
        expiring=db.session.scalar(select(func.count()).where(expires_at < warned_until)) or 0,
        headroom=1.0 if headroom is None else float(headroom),
    )


def verdicts() -> Mapping[str, int]:
    """Connected orgs by the verdict stored last, which is the one that their page shows.

    Orgs connected within the last half minute may be missing.
    """
    counted = db.session.execute(
        select(_integration.health_status, func.count())
        .where(
            _integration.base_url.is_not(None),
            _integration.token_ciphertext.is_not(None),
            _integration.health_status.in_(_CONNECTED),
        )
        .group_by(_integration.health_status)
    )
    return dict.fromkeys(_CONNECTED, 0) | {str(row[0]): row[1] for row in counted}


def calls_of_the_hour(now: datetime) -> Mapping[str, int]:
    """The calls to all GitLabs within the last full hour, by what they were for."""
    hour = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    rows = db.session.execute(
        select(GitLabCallCount.kind, func.sum(GitLabCallCount.calls))
        .where(GitLabCallCount.hour == hour)
        .group_by(GitLabCallCount.kind)
    )
    return {kind.value: 0 for kind in CallKind} | {str(kind): int(calls) for kind, calls in rows}


def projects_read(now: datetime) -> Mapping[str, int]:
    """Projects by how their changes are read: every TTL, every hour because their webhooks are
    proven, or item by item because GitLab does not say what changed.
    """
    mark, project = GitLabDeltaMark, GitLabProject
    by_item = or_(func.max(mark.failures) > 0, func.max(mark.proven_at).is_(None))
    way = case((by_item, "by_item"), (project.trusted_until > now, "every_hour"), else_="every_ttl")
    ways = (
        select(way.label("way"))
        .select_from(mark)
        .join(project, project.id == mark.project_id)
        .where(mark.kind.in_(BY_TIME))
        .group_by(project.id, project.trusted_until)
        .subquery()
    )
    rows = db.session.execute(select(ways.c.way, func.count()).group_by(ways.c.way))
    return {"every_ttl": 0, "every_hour": 0, "by_item": 0} | {row[0]: row[1] for row in rows}


def queue_figures() -> QueueFigures | None:
    """The state of Redis; None while it does not answer."""
    from rq import Queue, Worker
    from rq.registry import FailedJobRegistry

    from gitlab_links.job_triggers import SCHEDULE_QUEUE as QUEUE
    from gitlab_links.jobs.slots import has_ticked

    connection = redis()
    names = [QUEUE, *queue_names()]
    registries = [FailedJobRegistry(name, connection=connection) for name in names]
    try:
        return QueueFigures(
            queued={name: Queue(name, connection=connection).count for name in names},
            workers=Worker.count(connection=connection),
            ticks=has_ticked(time.time()),
            failed=sum(registry.get_job_count(cleanup=False) for registry in registries),
        )
    except RedisError:
        return None


def state_at(now: datetime) -> ColumnElement[str]:
    """The state of an integration as an SQL expression: see ``Connections.states``."""
    missing = or_(_integration.base_url.is_(None), _integration.token_ciphertext.is_(None))
    return case(
        (missing, "not_configured"),
        (_integration.error_code.is_not(None), _integration.error_code),
        (_integration.paused_until > now, "paused"),
        else_="ok",
    )


def _lateness(due_at: datetime | None, now: datetime) -> float:
    return 0.0 if due_at is None else max(0.0, (now - due_at).total_seconds())
