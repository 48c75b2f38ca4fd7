"""create_app: wiring and nothing else."""

from flask import Flask
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from gitlab_links import admin, api, cli, http, logs, ops
from gitlab_links.config import Settings
from gitlab_links.db import engine_options, prepare_engine
from gitlab_links.extensions import db, migrate

REDIS_WAIT_SECONDS = 0.5


def create_app(settings: Settings) -> Flask:
    """The web application, command line and job context for these settings."""
    logs.configure(settings.log_level)
    app = Flask("gitlab_links", static_folder=None, template_folder="admin/templates")
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings.database_url),
    )
    app.extensions["settings"] = settings
    app.extensions["redis"] = connect_redis(settings.redis_url)
    _connect_database(app)
    http.register(app)
    api.register(app)
    admin.register(app)
    cli.register(app)
    ops.register(app)
    return app


def connect_redis(url: str) -> Redis:
    """A client that gives up quickly: no request waits for the doorbell."""
    return Redis.from_url(
        url,
        socket_timeout=REDIS_WAIT_SECONDS,
        socket_connect_timeout=REDIS_WAIT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def _connect_database(app: Flask) -> None:
    from gitlab_links import models  # noqa: F401

    db.init_app(app)
    migrate.init_app(app, db)
    with app.app_context():
        prepare_engine(db.engine)
