"""Refused webhooks: counted for each org that is known, in few writes however many there are.

Strangers can cause all of it. Nothing of a body is read or kept; of the headers only which one
was wrong, and of the last request where it came from.
"""

import atexit
import threading
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog
from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from gitlab_links.deliveries.authenticity import Unproven
from gitlab_links.extensions import db
from gitlab_links.observations.models import TallyKind
from gitlab_links.observations.tallies import Tally, add_tallies

# At most one write in so long for each org and process; what comes in between is added up.
WRITE_SECONDS = 5.0
MAX_TEXT = 100
_EXTENSION = "webhook_refusals"

log = structlog.get_logger(__name__)


def note_refused(
    org_id: uuid.UUID, refusal: Unproven, now: datetime, *, address: str, agent: str
) -> None:
    """Count one refused webhook, if there is such an org. Takes as long if there is none."""
    header = refusal.reason.value
    detail = {"header": header, "address": _clean(address), "user_agent": _clean(agent)}
    tally = Tally(TallyKind.REFUSED, 1, now, now, detail=detail)
    _counter().add(org_id, tally if refusal.is_known else None)


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
    """One for a process. Its memory holds an entry for each org of the installation at most.

    Nothing is written before the answer: how long it takes would tell which org there is. What is
    pending when the process ends in good order is written by then.
    """

    app: Flask
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pending: dict[uuid.UUID, Tally] = field(default_factory=dict)
    _timer: threading.Timer | None = None

    def __post_init__(self) -> None:
        atexit.register(self._flush_in_context)

    def add(self, org_id: uuid.UUID, tally: Tally | None) -> None:
        """Have it written with others a few seconds later; None does as much for nothing."""
        with self._lock:
            before = self._pending.get(org_id)
            if tally is not None and before is not None:
                tally = replace(tally, count=before.count + 1, first_at=before.first_at)
            if tally is not None:
                self._pending[org_id] = tally
            if self._timer is None:
                self._timer = threading.Timer(WRITE_SECONDS, self._flush_in_context)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Write whatever is pending."""
        with self._lock:
            due, self._pending, self._timer = self._pending, {}, None
        self._write(due)

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
