"""Applications with settings of a test's own, kept for the next test that wants the same."""

from typing import Any

from flask import Flask

from gitlab_links.config.settings import Settings
from gitlab_links.extensions import db
from tests import databases


class KeptApps:
    """The last ``LIMIT`` that were asked for: making one takes longer than most tests.

    A file's tests ask for few, one after the other.
    """

    LIMIT = 6

    def __init__(self) -> None:
        self._kept: dict[Settings, tuple[Flask, dict[str, Any]]] = {}

    def get(self, settings: Settings) -> Flask:
        """An application with these settings, without what it has learnt in earlier tests."""
        app, extensions = self._kept.pop(settings, None) or self._make(settings)
        app.extensions = extensions.copy()
        self._kept[settings] = app, extensions
        while len(self._kept) > self.LIMIT:
            disconnect(self._kept.pop(next(iter(self._kept)))[0])
        return app

    def disconnect(self) -> None:
        """Close what connections to databases they hold."""
        for app, _ in self._kept.values():
            disconnect(app)

    def _make(self, settings: Settings) -> tuple[Flask, dict[str, Any]]:
        app = databases.make_application(settings)
        return app, app.extensions


def disconnect(app: Flask) -> None:
    """Close an application's connections to the database; it opens others when it needs them."""
    with app.app_context():
        db.engine.dispose()
