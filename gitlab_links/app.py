"""create_app puts the application together."""

from flask import Flask

from gitlab_links import api, cli, http, logs, ops, pages
from gitlab_links.config.settings import Settings
from gitlab_links.extensions import db, prepare_migrations
from gitlab_links.storage.database import engine_options, prepare_engine
from gitlab_links.storage.redis_pool import connect_redis


def create_app(settings: Settings) -> Flask:
    """The web application, command line and job context for these settings."""
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
    http.register(app)
    api.register(app)
    pages.register(app)
    cli.register(app)
    ops.register(app)
    return app


def _connect_database(app: Flask, seconds: float) -> None:
    from gitlab_links import models  # noqa: F401

    db.init_app(app)
    prepare_migrations(app)
    with app.app_context():
        app.extensions["database_breaker"] = prepare_engine(db.engine, seconds)
