"""rq-dashboard as a Flask application of its own, reading jobs as JSON and never as pickles.

Imported on first use, because importing it and RQ slows the start of a web process.
"""

from functools import cache, partial
from typing import Any

import rq
from flask import Flask
from rq.exceptions import NoSuchJobError
from rq.serializers import JSONSerializer
from rq_dashboard import blueprint, web

from gitlab_links.extensions import redis

# rq-dashboard raises these for an unknown job, instance, registry or page.
UNKNOWN = (NoSuchJobError, LookupError, ValueError, UnboundLocalError)


class _JsonJob(rq.job.Job):
    """A job read as JSON, also where the dashboard passes no serializer."""

    @classmethod
    def fetch(cls, id: str, connection: Any = None, serializer: Any = None) -> Any:  # noqa: ARG003
        return super().fetch(id, connection=connection, serializer=JSONSerializer)


class _JsonWorker(rq.Worker):
    """A worker whose current job is read as JSON, too."""

    @classmethod
    def all(cls, connection: Any = None, *_args: Any, **_options: Any) -> list[Any]:
        return super().all(connection=connection, job_class=_JsonJob, serializer=JSONSerializer)


@cache
def dashboard() -> Flask:
    """The application, made once. It has no login and trusts its caller."""
    web.config.serializer = JSONSerializer
    web.Job = _JsonJob
    web.Worker = _JsonWorker
    web.requeue_job = partial(rq.requeue_job, serializer=JSONSerializer)
    app = Flask("gitlab_links.queues", root_path=blueprint.root_path, static_folder="static")
    app.config.update(
        PROPAGATE_EXCEPTIONS=True,
        RQ_DASHBOARD_REDIS_URL=("Redis",),  # shown, so not the address with its password
        RQ_DASHBOARD_POLL_INTERVAL=2500,
    )
    app.register_blueprint(blueprint)
    return app


def use_present_redis(app: Flask) -> None:
    """Have the dashboard use the Redis connections of the calling application."""
    connection = redis()
    app.redis_conn = connection  # type: ignore[attr-defined]
    web.from_url = lambda *_args, **_options: (None, connection)
