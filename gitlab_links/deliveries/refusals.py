"""Count refused webhooks of existing orgs, in few writes.

Strangers can send all of them, so bodies are neither read nor stored. A count has only the wrong
header, and the address and user agent of the last request.
"""

import atexit
import threading
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from gitlab_links.deliveries.authenticity import Unproven
from gitlab_links.extensions import built_once, db, this_app
from gitlab_links.observations.models import TallyKind
from gitlab_links.observations.webhook_tallies import Tally, add_tallies

# The shortest time between two writes of a process for an org.
WRITE_SECONDS = 5.0
MAX_TEXT = 100
_EXTENSION = "webhook_refusals"

log = structlog.get_logger(__name__)


def note_refused(
    org_id: uuid.UUID, refusal: Unproven, now: datetime, *, address: str, agent: str
) -> None:
    """Count a refused webhook if the org exists. It takes as long if it does not."""
    header = refusal.reason.value
    detail = {"header": header, "address": _clean(address), "user_agent": _clean(agent)}
    tally = Tally(TallyKind.REFUSED, 1, now, now, detail=detail)
    _counter().add(org_id, tally if refusal.is_known else None)


def flush_refused() -> None:
    """Write all counts that are not written yet."""
    _counter().flush()


def _counter() -> "RefusalCounter":
    app = this_app()
    return built_once(app, _EXTENSION, lambda: RefusalCounter(app))


def _clean(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable())[:MAX_TEXT]


@dataclass(slots=True)
class RefusalCounter:
    """The counter of a process. It has at most one entry per org of the installation.

    Nothing is written before the answer, because the time would reveal which orgs exist. Pending
    counts are written when the process exits normally.
    """

    app: Flask
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pending: dict[uuid.UUID, Tally] = field(default_factory=dict)
    _timer: threading.Timer | None = None

    def __post_init__(self) -> None:
        atexit.register(self._flush_in_context)

    def add(self, org_id: uuid.UUID, tally: Tally | None) -> None:
        """Write it with others a few seconds later; None does the same work without a count."""
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
        """Write the pending counts."""
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
