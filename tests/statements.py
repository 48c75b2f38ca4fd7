"""What is asked of a database, statement by statement."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import event

from gitlab_links.extensions import db


@contextmanager
def statements(app: Flask) -> Iterator[list[tuple[str, Any]]]:
    """Every statement that this thread sends meanwhile, with its parameters, as it is sent.

    Another one counts refused webhooks of an earlier test in the background.
    """
    sent: list[tuple[str, Any]] = []
    ours = threading.get_ident()

    def note(_connection: Any, _cursor: Any, text: str, parameters: Any, *_rest: Any) -> None:
        # SQLite's BEGIN is a statement, PostgreSQL's is the driver's.
        if threading.get_ident() == ours and not text.startswith("BEGIN"):
            sent.append((text, parameters))

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def asked_for_connection(sent: list[tuple[str, Any]]) -> int:
    """How many of these statements read the state of the org's connection."""
    return sum("confidential_roles" in text for text, _ in sent)


@contextmanager
def built_statements(app: Flask) -> Iterator[list[Any]]:
    """Every statement that is executed meanwhile, as it was built for SQLAlchemy."""
    executed: list[Any] = []

    def note(_connection: Any, statement: Any, *_rest: Any) -> None:
        executed.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_execute", note)
    try:
        yield executed
    finally:
        event.remove(engine, "before_execute", note)
