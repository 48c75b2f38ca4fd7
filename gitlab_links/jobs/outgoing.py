"""Sending events to endpoints: one loop that many threads send for.

The threads only send. The loop claims, saves and renews the leases, so that no transaction is
open during a call, and a slow endpoint keeps one thread busy and nobody else.
"""

import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from queue import Empty, SimpleQueue

import structlog

from gitlab_links.clock import utcnow
from gitlab_links.errors import DomainError
from gitlab_links.extensions import db
from gitlab_links.job_triggers import JobKind, allow_triggers, trigger
from gitlab_links.jobs.org_isolation import isolated
from gitlab_links.outgoing import claims, outcomes
from gitlab_links.outgoing.models import OutgoingEndpoint
from gitlab_links.outgoing.outcomes import Sent
from gitlab_links.outgoing.requests import requests_for
from gitlab_links.outgoing.sending import Network
from gitlab_links.outgoing.transport import Outcome, Request

THREADS, THREADS_FOR_SLOW = 12, 6
# Slow endpoints are not claimed later in a job, others a while longer: then a slow answer, which
# takes ten seconds, rarely makes others wait for the end of the job.
CLAIM_SLOW_SECONDS, CLAIM_SECONDS = 12.0, 24.0
# A thread begins no further request of its batch after this.
BATCH_SECONDS = 2.0
POLL_SECONDS = 0.1
KEEP_SECONDS = 0.7
# Quick answers come in bunches: those of so many seconds are saved in one transaction.
GATHER_SECONDS = 0.03
NOT_SENT = "The event was deleted, or its item has become confidential."

Item = tuple[uuid.UUID, int, Request]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Finished:
    endpoint_id: uuid.UUID
    unsent: Sequence[tuple[uuid.UUID, int]]


def send_events(org_id: uuid.UUID) -> None:
    """Send what is due, of any org, beginning with this one.

    Safe to run twice or never: endpoints are claimed, an attempt whose worker dies is repeated
    with the same id once its lease has ended, and the sweep triggers what a lost run left.
    """
    Sender(org_id).run()
    # Before the last check: events that were published meanwhile could not trigger a job.
    allow_triggers(JobKind.SEND, org_id)
    if claims.has_due(utcnow()):
        trigger(JobKind.SEND, org_id)
    db.session.rollback()


class Sender:
    """One run of the loop."""

    def __init__(self, first: uuid.UUID) -> None:
        self._first = first
        self._network = Network.of_settings()
        self._results: SimpleQueue[Sent | _Finished] = SimpleQueue()
        self._in_flight: dict[uuid.UUID, bool] = {}  # endpoints, and whether they are slow
        self._leases: dict[uuid.UUID, datetime] = {}  # their ends, of those that are still ours
        self._kept_at = time.monotonic()

    def run(self) -> None:
        """Run until nothing is due and nothing is being sent, or time is up."""
        began = time.monotonic()
        pool = ThreadPoolExecutor(THREADS, thread_name_prefix="sender")
        try:
            while True:
                age = time.monotonic() - began
                if age < CLAIM_SECONDS:
                    self._start(pool, slow_too=age < CLAIM_SLOW_SECONDS)
                if not self._in_flight:
                    return
                self._save()
                self._keep()
        finally:
            db.session.rollback()
            pool.shutdown(wait=False, cancel_futures=True)

    def _start(self, pool: ThreadPoolExecutor, *, slow_too: bool) -> None:
        slow = THREADS_FOR_SLOW - sum(self._in_flight.values()) if slow_too else 0
        free = THREADS - len(self._in_flight)
        now = utcnow()
        found = claims.claim_endpoints(
            now, free, slow=slow, first=self._first, but=self._in_flight.keys()
        )
        batches = []
        for endpoint in found:
            # This loop serves every org. An endpoint that fails here keeps its lease until it ends.
            with isolated("send_events", endpoint.org_id, savepoint=True):
                batches.append((endpoint, _claimed(endpoint)))
        db.session.commit()
        for endpoint, batch in batches:
            self._in_flight[endpoint.id] = endpoint.is_slow
            self._leases[endpoint.id] = now + claims.LEASE
            pool.submit(_send_batch, self._network, endpoint.id, batch, self._results)

    def _save(self) -> None:
        """Save what has come back, waiting a moment for it, in one transaction."""
        results = []
        try:
            results.append(self._results.get(timeout=POLL_SECONDS))
            time.sleep(GATHER_SECONDS)
            while True:
                results.append(self._results.get_nowait())
        except Empty:
            pass
        sent = [result for result in results if isinstance(result, Sent)]
        outcomes.save(sent, utcnow())
        for result in results:
            if isinstance(result, _Finished):
                outcomes.give_back(result.unsent)
                self._release(result.endpoint_id)
        db.session.commit()

    def _release(self, endpoint_id: uuid.UUID) -> None:
        del self._in_flight[endpoint_id]
        leased_until = self._leases.pop(endpoint_id, None)
        if leased_until is not None:
            claims.release(endpoint_id, leased_until)

    def _keep(self) -> None:
        if self._leases and time.monotonic() - self._kept_at > KEEP_SECONDS:
            self._leases = claims.keep(self._leases, utcnow())
            db.session.commit()
            self._kept_at = time.monotonic()


def _claimed(endpoint: OutgoingEndpoint) -> list[Item]:
    """The endpoint's due deliveries with their requests; ends those that may not be sent, and
    counts an attempt of those whose request cannot be made.
    """
    now = utcnow()
    deliveries = claims.claim_batch(endpoint, now)
    try:
        requests = requests_for(endpoint, [one.event_id for one in deliveries], now)
    except DomainError as refusal:
        outcomes.postpone(endpoint, deliveries, refusal.detail, now)
        return []
    batch = []
    for one in deliveries:
        match requests.get(one.event_id):
            case None:
                outcomes.drop(one.id, NOT_SENT)
            case Request() as request:
                batch.append((one.id, one.attempts, request))
            case error:
                event = str(one.event_id)
                log.error("outgoing.request_not_made", event_id=event, exc_info=error)
                outcomes.note_fault(one, now)
    return batch


def _send_batch(
    network: Network,
    endpoint_id: uuid.UUID,
    batch: Sequence[Item],
    results: SimpleQueue[Sent | _Finished],
) -> None:
    """Send one after another, until one fails. Runs in a thread.

    An error that nobody expects is a failed attempt, too: else it would be repeated without end.
    """
    done, began, went_well = 0, time.monotonic(), False
    try:
        with network.session() as session:
            for delivery_id, attempt, request in batch:
                if done and time.monotonic() - began > BATCH_SECONDS:
                    break
                outcome = network.send(session, request)
                results.put(Sent(endpoint_id, delivery_id, attempt, outcome))
                done += 1
                if outcome.failure is not None:
                    break
        went_well = True
    finally:
        unsent = [(delivery_id, attempt) for delivery_id, attempt, _ in batch[done:]]
        if not went_well:
            log.error("outgoing.sending_failed", endpoint_id=str(endpoint_id), exc_info=True)
            if unsent:
                fault = Outcome(time.monotonic() - began, failure=outcomes.FAULT)
                results.put(Sent(endpoint_id, *unsent.pop(0), fault))
        results.put(_Finished(endpoint_id, unsent))
