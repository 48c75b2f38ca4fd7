"""One transaction per request: committed if the response is a success, else rolled back."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from flask import Flask, Response, g, make_response, request
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from gitlab_links.extensions import db
from gitlab_links.http.error_rendering import render
from gitlab_links.http.request_threads import seconds_waited
from gitlab_links.storage.database import begin_statements_by

# A statement takes up to 6 s, and GitLab gives up after 10 s. So the last statement must begin
# within this time after the request arrived.
BEGIN_SECONDS = 2.5
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_SQLITE_READ = {"sqlite_deferred": True}
_STATEMENT_BY_STATEMENT: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"}

log = structlog.get_logger(__name__)


def register(app: Flask) -> None:
    """Commit after every successful view; a failed commit is rendered like any error."""
    app.after_request(_finish)


def begin() -> None:
    """Begin the request's transaction, in a cheaper form for requests that only read.

    On SQLite such a transaction does not queue behind writers. On PostgreSQL it saves BEGIN and
    COMMIT: each SELECT sees the latest commits in any case.
    """
    if not db.session().in_transaction() and request.method in SAFE_METHODS:
        begin_reading()


def begin_reading() -> None:
    """Begin a transaction that only reads; see :func:`begin`."""
    sqlite = db.engine.dialect.name == "sqlite"
    db.session.connection(execution_options=_SQLITE_READ if sqlite else _STATEMENT_BY_STATEMENT)


def begin_write() -> None:
    """End what was begun to read, for the few GET requests that write: what follows is in a
    transaction that may write, on either database.
    """
    db.session.rollback()


@contextmanager
def single_write() -> Iterator[Connection]:
    """A connection for a request that writes one row, committed at the end.

    Without the session, which would cost a webhook more than the row. On PostgreSQL a single
    statement needs no BEGIN and COMMIT. Raises :class:`sqlalchemy.exc.OperationalError` if a
    statement would begin too late for GitLab.
    """
    begin_by = time.monotonic() + BEGIN_SECONDS - seconds_waited()
    with begin_statements_by(db.engine, begin_by) as connection:
        if connection.dialect.name == "sqlite":
            with connection.begin():
                yield connection
        else:
            yield connection.execution_options(**_STATEMENT_BY_STATEMENT)


def write_after_commit(event_of_failure: str, write: Callable[[], object]) -> None:
    """Call ``write`` in a separate transaction after the commit, so that a read only reads."""
    g.setdefault("writes_after_commit", []).append((event_of_failure, write))


def _finish(response: Response) -> Response:
    if not db.session.registry.has():
        return response  # no database session was used
    if response.status_code >= 400:
        db.session.rollback()
    else:
        try:
            db.session.commit()
        except Exception as error:
            db.session.rollback()
            return make_response(render(error))
    for event, write in g.pop("writes_after_commit", ()):
        _note(event, write)
    return response


def _note(event: str, write: Callable[[], object]) -> None:
    """Write in a separate transaction; if that fails, the response stays the same."""
    try:
        write()
        db.session.commit()
    except OperationalError as error:
        db.session.rollback()
        log.warning(event, error=repr(error.orig))
