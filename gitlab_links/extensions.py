"""The Flask extensions, created once and bound to an application in ``create_app``."""

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy
from redis import Redis
from sqlalchemy import Delete, Update
from werkzeug.local import LocalProxy

from gitlab_links.config.settings import Settings
from gitlab_links.installed_files import MIGRATIONS
from gitlab_links.storage.circuit_breaker import CircuitBreaker
from gitlab_links.storage.database import Base

db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False})
_building = threading.Lock()
T = TypeVar("T")


def prepare_migrations(app: Flask) -> None:
    """Bind Flask-Migrate when a command first uses it.

    It imports Alembic, 10 MB and 0.1 s that no web process and no worker needs.
    """
    app.extensions["migrate"] = LocalProxy(lambda: bind_migrations(app))


def bind_migrations(app: Flask) -> Any:
    """Flask-Migrate's configuration. Its commands are added to the application's."""
    # Its plugins would be logged one by one when it is imported.
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)
    from flask_migrate import Migrate

    Migrate(app, db, directory=str(MIGRATIONS), render_as_batch=True, compare_type=True)
    return app.extensions["migrate"]


def this_app() -> Flask:
    """The current application itself: what a thread keeps, or lasts longer than the request."""
    return cast("LocalProxy[Flask]", current_app)._get_current_object()


def settings() -> Settings:
    """The settings of the current application."""
    found: Settings = current_app.extensions["settings"]
    return found


def redis() -> Redis:
    """The Redis of the current application. It is only for triggers, so every wait is short."""
    found: Redis = current_app.extensions["redis"]
    return found


def database_breaker() -> CircuitBreaker:
    """Whether the database of the current application can be reached."""
    found: CircuitBreaker = current_app.extensions["database_breaker"]
    return found


def built_once(app: Flask, name: str, build: Callable[[], T]) -> T:
    """What the application keeps under ``name``, built when the first thread asks for it."""
    if name not in app.extensions:
        with _building:
            if name not in app.extensions:
                app.extensions[name] = build()
    found: T = app.extensions[name]
    return found


def change_rows(statement: Update | Delete) -> int:
    """Execute without updating the session's objects; returns the number of matched rows."""
    result = db.session.execute(statement.execution_options(synchronize_session=False))
    return int(result.rowcount)  # type: ignore[attr-defined]
