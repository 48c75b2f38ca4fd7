"""``/metrics``: the figures in the text format of Prometheus.

Requires ``METRICS_TOKEN``. Without the token, or if none is set, the answer is 404. The caller's
IP address would not protect it: behind a proxy every request comes from the proxy.
"""

import hmac
from collections.abc import Iterator, Mapping
from datetime import datetime

from flask import Flask, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from gitlab_links import __version__
from gitlab_links.clock import utcnow
from gitlab_links.errors import NotFound
from gitlab_links.extensions import settings
from gitlab_links.http.access import public
from gitlab_links.ops import metric_sources
from gitlab_links.ops.metric_sources import Backlog

PREFIX = "gitlab_links_"


def register(app: Flask) -> None:
    """Add the route."""
    app.add_url_rule("/metrics", view_func=metrics)


@public("requires a token of its own: Prometheus has neither a session nor an org")
def metrics() -> Response:
    """All figures, read now with a few queries."""
    _require_token()
    registry = CollectorRegistry()
    registry.register(_Figures())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _require_token() -> None:
    token = settings().metrics_token
    offered = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
    if not token or not hmac.compare_digest(offered, f"Bearer {token}".encode()):
        raise NotFound


class _Figures(Collector):
    def collect(self) -> Iterator[Metric]:
        now = utcnow()
        yield InfoMetricFamily(f"{PREFIX}build", "What runs", value={"version": __version__})
        yield from _webhooks(now)
        yield from _backlog("deliveries", metric_sources.delivery_backlog(now))
        yield from _backlog("items", metric_sources.item_backlog(now))
        yield from _backlog("outgoing_events", metric_sources.outgoing_backlog(now))
        yield from _gitlab(now)
        yield from _redis()


def _webhooks(now: datetime) -> Iterator[Metric]:
    yield _by_label(
        "deliveries_recent",
        "Webhook deliveries received within the last 5 minutes, by current status",
        "status",
        metric_sources.deliveries_of_late(now),
    )
    yield _by_label(
        "webhooks_refused_today",
        "Webhooks refused since midnight UTC, by the header that was wrong last",
        "header",
        metric_sources.refused_today(now),
    )
    yield _single(
        "webhooks_turned_away_today",
        "Webhooks since midnight UTC that this service could not store",
        metric_sources.turned_away_today(now),
    )


def _gitlab(now: datetime) -> Iterator[Metric]:
    connections = metric_sources.connections(now)
    yield _by_label(
        "integrations",
        "Orgs' GitLab connections, by state or error code",
        "state",
        connections.states,
    )
    yield _by_label(
        "connections",
        "Connected orgs by the verdict on their connection",
        "status",
        metric_sources.verdicts(),
    )
    yield _by_label(
        "gitlab_calls_last_hour",
        "Calls to all GitLabs within the last full hour, by what they were for",
        "kind",
        metric_sources.calls_of_the_hour(now),
    )
    yield _by_label(
        "gitlab_projects_read",
        "Projects by how what changed in them is read",
        "way",
        metric_sources.projects_read(now),
    )
    yield _single(
        "tokens_expiring",
        "GitLab tokens that expire within 30 days, or a day if replaced automatically",
        connections.expiring,
    )
    yield _single(
        "rate_limit_headroom_ratio",
        "The smallest remaining fraction of a GitLab's rate limit in any org",
        connections.headroom,
    )


def _redis() -> Iterator[Metric]:
    queues = metric_sources.queue_figures()
    yield _single("redis_up", "Whether Redis answers", queues is not None)
    if queues is None:
        return
    yield _by_label("jobs_queued", "Jobs waiting in Redis", "queue", queues.queued)
    yield _single("jobs_failed", "Jobs that raised an error, until Redis drops them", queues.failed)
    yield _single("workers", "Registered RQ workers", queues.workers)
    yield _single("schedule_ticks", "Whether a worker.py ran within some seconds", queues.ticks)


def _backlog(what: str, backlog: Backlog) -> Iterator[Metric]:
    yield _single(f"{what}_waiting", f"{what.capitalize()} that are not done", backlog.count)
    yield _single(
        f"{what}_late_seconds", f"How late the oldest of the {what} is", backlog.late_seconds
    )


def _single(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, text, value=value)


def _by_label(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(PREFIX + name, text, labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family
