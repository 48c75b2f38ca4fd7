"""Puts the application together, for web processes and commands, or for workers."""

from flask import Flask

from gitlab_links import logs
from gitlab_links.config.settings import Settings
from gitlab_links.extensions import db, prepare_migrations
from gitlab_links.storage.database import engine_options, prepare_engine
from gitlab_links.storage.redis_pool import connect_redis


def create_app(settings: Settings) -> Flask:
    """The web application and command line for these settings, which can also run jobs."""
    from gitlab_links import api, cli, http, ops, pages

    app = create_job_app(settings)
    http.register(app)
    api.register(app)
    pages.register(app)
    cli.register(app)
    ops.register(app)
    return app


def create_job_app(settings: Settings) -> Flask:
    """The context of jobs: settings, database and Redis.

    Without routes and commands a worker starts faster and takes less memory.
    """
    logs.configure(settings.log_level)
    app = Flask("gitlab_links", static_folder=None, template_folder="pages/templates")
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings.database_url),
    )
    app.extensions["settings"] = settings
    app.extensions["redis"] = connect_redis(settings.redis_url)
    _connect_database(app, settings.database_timeout)
    return app


def _connect_database(app: Flask, seconds: float) -> None:
    from gitlab_links import models  # noqa: F401

    db.init_app(app)
    prepare_migrations(app)
    with app.app_context():
        app.extensions["database_breaker"] = prepare_engine(db.engine, seconds)
