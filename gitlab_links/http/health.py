"""Is the process alive, and can it do its work?"""

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue
from redis.exceptions import RedisError
from sqlalchemy import text

from gitlab_links.extensions import db, redis
from gitlab_links.http.access import public


def register(app: Flask) -> None:
    """Add the two probes."""
    app.add_url_rule("/healthz", view_func=healthz)
    app.add_url_rule("/readyz", view_func=readyz)


@public("probes carry no credentials; the answer says nothing of any org")
def healthz() -> ResponseReturnValue:
    """200 while the process answers at all; asks nobody else."""
    return jsonify(status="ok")


@public("probes carry no credentials; the answer says nothing of any org")
def readyz() -> ResponseReturnValue:
    """200 when the database answers, else 503. Redis away is told and no reason to stop:
    webhooks are stored and processed later.
    """
    db.session.execute(text("SELECT 1"))
    return jsonify(status="ok", database="ok", redis="ok" if _redis_answers() else "unavailable")


def _redis_answers() -> bool:
    try:
        return bool(redis().ping())
    except RedisError:
        return False
