"""Refused webhooks: counted for each org that is known, in few writes however many there are.

Strangers can cause all of it. Nothing of a body is read or kept; of the headers only which one
was wrong, and of the last request where it came from.
"""

import threading
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import monotonic

import structlog
from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from gitlab_links.extensions import db
from gitlab_links.hooks.models import TallyKind
from gitlab_links.hooks.tallies import Tally, add_tallies
from gitlab_links.webhooks.authenticity import Refusal

# At most one write in so long for each org and process; what comes in between is added up.
WRITE_SECONDS = 5.0
MAX_TEXT = 100
_EXTENSION = "webhook_refusals"

log = structlog.get_logger(__name__)


def note_refused(
    org_id: uuid.UUID, reason: Refusal, now: datetime, *, address: str, agent: str
) -> None:
    """Count one refused webhook of an org that there is. Raises nothing."""
    detail = {"header": reason.value, "address": _clean(address), "user_agent": _clean(agent)}
    _counter().add(org_id, Tally(TallyKind.REFUSED, 1, now, now, detail=detail))


def flush_refused() -> None:
    """Write down now what has not been yet."""
    _counter().flush()


def _counter() -> "RefusalCounter":
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    found: RefusalCounter = app.extensions.setdefault(_EXTENSION, RefusalCounter(app))
    return found


def _clean(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable())[:MAX_TEXT]


@dataclass(slots=True)
class RefusalCounter:
    """One for a process. Its memory holds an entry for each org of the installation at most."""

    app: Flask
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pending: dict[uuid.UUID, Tally] = field(default_factory=dict)
    _written: dict[uuid.UUID, float] = field(default_factory=dict)
    _timer: threading.Timer | None = None

    def add(self, org_id: uuid.UUID, tally: Tally) -> None:
        """Write it at once, or with others a few seconds later."""
        with self._lock:
            before = self._pending.get(org_id)
            if before is not None:
                tally = replace(tally, count=before.count + 1, first_at=before.first_at)
            self._pending[org_id] = tally
            if monotonic() < self._written.get(org_id, 0.0) + WRITE_SECONDS:
                self._write_later()
                return
            due = self._take([org_id])
        self._write(due)

    def flush(self) -> None:
        """Write whatever is pending."""
        with self._lock:
            self._timer = None
            due = self._take(list(self._pending))
        self._write(due)

    def _take(self, org_ids: list[uuid.UUID]) -> dict[uuid.UUID, Tally]:
        self._written.update(dict.fromkeys(org_ids, monotonic()))
        return {org_id: self._pending.pop(org_id) for org_id in org_ids}

    def _write_later(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(WRITE_SECONDS, self._flush_in_context)
            self._timer.daemon = True
            self._timer.start()

    def _flush_in_context(self) -> None:
        with self.app.app_context():
            self.flush()

    def _write(self, due: dict[uuid.UUID, Tally]) -> None:
        for org_id, tally in due.items():
            log.warning(
                "webhook.refused", org_id=str(org_id), count=tally.count, **dict(tally.detail)
            )
            try:
                with db.engine.begin() as connection:
                    add_tallies(connection, org_id, [tally])
            except SQLAlchemyError as error:
                log.warning("webhook.refused_not_counted", org_id=str(org_id), error=repr(error))
