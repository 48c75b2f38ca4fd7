"""Something done at the same time as what the test does."""

import threading
from collections.abc import Callable
from typing import Any

from flask import Flask

from gitlab_links.extensions import db
from tests.hanging import HANGS


class Beside:
    """Something done in a thread and a transaction of its own, and what it raised."""

    def __init__(self, app: Flask, what: Callable[[], Any]) -> None:
        self.raised: list[Exception] = []
        self._thread = threading.Thread(target=self._run, args=(app, what), daemon=True)
        self._thread.start()

    def _run(self, app: Flask, what: Callable[[], Any]) -> None:
        with app.app_context():
            try:
                what()
                db.session.commit()
            except Exception as error:
                self.raised.append(error)

    def end(self) -> list[Exception]:
        """Wait for it; what it raised, if anything."""
        self._thread.join(HANGS)
        assert not self._thread.is_alive(), "it hangs"
        return self.raised
