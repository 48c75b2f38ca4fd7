"""Something done at the same time as what the test does."""

import threading
from collections.abc import Callable
from typing import Any

from flask import Flask

from gitlab_links.extensions import db


class Beside:
    """Something done in a thread and a transaction of its own, and what it raised."""

    def __init__(self, app: Flask, what: Callable[[], Any]) -> None:
        self.raised: list[Exception] = []
        self._thread = threading.Thread(target=self._run, args=(app, what))
        self._thread.start()

    def _run(self, app: Flask, what: Callable[[], Any]) -> None:
        with app.app_context():
            try:
                what()
                db.session.commit()
            except Exception as error:
                self.raised.append(error)

    def end(self) -> list[Exception]:
        self._thread.join()
        return self.raised
