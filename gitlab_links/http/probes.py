"""The probes: is the process alive, and can it do its work?"""

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue
from redis.exceptions import RedisError

from gitlab_links import __version__, schema_revision
from gitlab_links.extensions import db, redis
from gitlab_links.http import transactions
from gitlab_links.http.access import public
from gitlab_links.storage.database import require_writable
from gitlab_links.storage.redis_pool import refusal_of_writes


def register(app: Flask) -> None:
    """Add the two probes."""
    app.add_url_rule("/healthz", view_func=healthz)
    app.add_url_rule("/readyz", view_func=readyz)


@public("probes have no credentials; the response contains nothing about any org")
def healthz() -> ResponseReturnValue:
    """200 while the process answers; checks nothing else."""
    return jsonify(status="ok", version=__version__)


@public("probes have no credentials; the response contains nothing about any org")
def readyz() -> ResponseReturnValue:
    """200 if the database answers, takes writes and is migrated, else 503. The state of Redis is
    shown but does not matter: webhooks are stored and processed later.
    """
    transactions.begin()
    require_writable(db.session.connection())
    behind = schema_revision.is_behind(schema_revision.found())
    answer = jsonify(
        status="unavailable" if behind else "ok",
        database="not migrated" if behind else "ok",
        redis=_redis_state(),
    )
    answer.status_code = 503 if behind else 200
    return answer


def _redis_state() -> str:
    try:
        return "ok" if refusal_of_writes(redis()) is None else "takes no writes"
    except RedisError:
        return "unavailable"
