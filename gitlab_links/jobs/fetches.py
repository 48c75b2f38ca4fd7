"""One slice of fetching for one org: plan, commit, call GitLab, apply, commit, repeat."""

import time
import uuid
from functools import partial

import structlog

from gitlab_links.clock import utcnow
from gitlab_links.deliveries.contradictions import mark_contradicted
from gitlab_links.deltas import marks
from gitlab_links.deltas.trust import postpone_trusted
from gitlab_links.errors import DomainError
from gitlab_links.extensions import db, settings
from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.integrations.credentials import credentials_of
from gitlab_links.job_triggers import JobKind, allow_triggers, suppress_triggers, trigger
from gitlab_links.jobs.answers_apart import fault_of_items, halves_of, record_apart
from gitlab_links.jobs.delta_rounds import Reader
from gitlab_links.observations.call_counts import CallKind, count_calls
from gitlab_links.slow_gitlabs import is_slow, measured
from gitlab_links.sync import lease as leases
from gitlab_links.sync.answers import record
from gitlab_links.sync.due_items import (
    BATCH_SIZE,
    Batch,
    has_due,
    has_requested,
    next_batches,
    park_foreign,
)
from gitlab_links.sync.fetching import PARALLEL_CALLS, Answer, Fetcher, Round
from gitlab_links.sync.pausing import ConnectionState, note_failure
from gitlab_links.sync.project_successors import move_next_piece
from gitlab_links.sync.rate_budget import postpone_scheduled, used_up_until
from gitlab_links.sync.reconnected_items import make_next_due

# A round that begins just before the end of the slice must be over, answers written,
# before the job's timeout; see tests/jobs/test_deadlines.py for the sum.
SLICE_SECONDS = 5.0
# In a burst, wait this long for fuller batches.
GATHER_SECONDS = 0.15

log = structlog.get_logger(__name__)


def fetch_slice(org_id: uuid.UUID) -> None:
    """Fetch an org's due items for ``SLICE_SECONDS``; trigger again if more are left.

    Safe to run twice or never: the lease excludes a second run, the sweep makes up for a
    lost one, and an answer applied twice changes nothing.
    """
    suppress_triggers(JobKind.SYNC, org_id)
    lease = leases.acquire(org_id, utcnow())
    db.session.commit()
    if lease is None:
        return
    work = _Slice(org_id, lease)
    try:
        work.run()
    finally:
        work.end()


class _Slice:
    """The lease, the clients and the rounds of one run."""

    def __init__(self, org_id: uuid.UUID, lease: leases.Lease) -> None:
        self.org_id = org_id
        self.lease = lease
        self.base_url = lease.integration.base_url
        self.token_ciphertext = lease.integration.token_ciphertext
        self.fetcher: Fetcher | None = None

    def run(self) -> None:
        """Rounds of calls until nothing is due, GitLab wants a pause, or time is up."""
        self.fetcher = self._connect()
        ends_at = time.monotonic() + SLICE_SECONDS
        rounds = 0
        self._move_links(ends_at)
        while self.fetcher is not None and time.monotonic() < ends_at:
            if not self._read_changes(self.fetcher):
                batches = self._plan(gather=rounds > 0)
                if batches:
                    self._round(self.fetcher, batches)
                elif not self._make_more_due():
                    return
            rounds += 1
            # A slow GitLab gets one round a job: its next one waits behind those of other orgs.
            if is_slow(self.org_id) or not self._renew():
                return

    def end(self) -> None:
        """Release the lease, allow triggers again, and trigger if more is due."""
        if self.fetcher is not None:
            self.fetcher.close()
        db.session.rollback()
        leases.release(self.lease)
        if self.base_url is not None:
            park_foreign(self.org_id, self.base_url, utcnow())
        db.session.commit()
        allow_triggers(JobKind.SYNC, self.org_id)
        due = has_due(self.org_id, utcnow()) or marks.has_due(self.org_id, utcnow())
        if due and self._integration_may_call():
            trigger(JobKind.SYNC, self.org_id)
        db.session.rollback()

    def _connect(self) -> Fetcher | None:
        from gitlab_links.gitlab.delta_client import DeltaClient

        integration = self.lease.integration
        try:
            base, token = credentials_of(integration)
        except DomainError as error:
            note_failure(integration, GitLabFailure(error.code, error.detail), utcnow())
            db.session.commit()
            log.warning("sync.no_credentials", org_id=str(self.org_id), error_code=error.code)
            return None
        options = settings().gitlab_client
        return Fetcher(lambda: DeltaClient(base, token, **options), options["seconds"])

    def _make_more_due(self) -> bool:
        """After a new address or token, make a piece of all items due; False if none is left."""
        since = self.lease.integration.items_due_since
        if since is None or self._has_changed():
            return False
        made_due = make_next_due(self.org_id, since)
        db.session.commit()
        return made_due

    def _move_links(self, ends_at: float) -> None:
        """Move links to successor rows, a committed piece at a time."""
        while time.monotonic() < ends_at and move_next_piece(self.org_id):
            db.session.commit()
        db.session.commit()

    def _plan(self, *, gather: bool) -> list[Batch]:
        batches = self._due_batches()
        if gather and 0 < sum(len(batch.items) for batch in batches) < BATCH_SIZE:
            time.sleep(GATHER_SECONDS)
            batches = self._due_batches()
        return batches

    def _due_batches(self) -> list[Batch]:
        integration = self.lease.integration
        if self.base_url is None or self._has_changed():
            return []
        until = used_up_until(integration, utcnow())
        if until is not None:
            postpone_scheduled(self.org_id, until, utcnow())
        postpone_trusted(self.org_id, utcnow(), settings().metadata_ttl)
        batches = next_batches(
            self.org_id,
            self.base_url,
            now=utcnow(),
            ttl=settings().metadata_ttl,
            limit=self._limit(),
        )
        db.session.commit()
        return batches

    def _has_changed(self) -> bool:
        """Whether an admin has changed address or token: the next run uses the new ones."""
        integration = self.lease.integration
        found = (integration.base_url, integration.token_ciphertext)
        return found != (self.base_url, self.token_ciphertext)

    def _limit(self) -> int:
        """How many calls are made at once: after a failure one finds out whether GitLab is back."""
        return 1 if self.lease.integration.failures else PARALLEL_CALLS

    def _read_changes(self, fetcher: Fetcher) -> bool:
        """Read what changed, unless a person or an event requested items: these come first.
        Returns whether anything was due.
        """
        now, integration = utcnow(), self.lease.integration
        if self.base_url is None or self._has_changed() or has_requested(self.org_id, now):
            db.session.rollback()
            return False
        until = used_up_until(integration, now)
        if until is not None:
            marks.postpone(self.org_id, until, now)
            db.session.commit()
        suppress_triggers(JobKind.SYNC, self.org_id)
        reader = Reader(
            self.org_id,
            self.base_url,
            self.token_ciphertext,
            fetcher,
            self._limit(),
            integration.changes_refused_at,
        )
        return reader.read()

    def _round(self, fetcher: Fetcher, batches: list[Batch]) -> None:
        """Fetch the batches, apply the answers, and commit."""
        before = ConnectionState.of(self.lease.integration)
        suppress_triggers(JobKind.SYNC, self.org_id)
        with measured(self.org_id):
            asked = fetcher.fetch(batches)
        record_apart(asked, partial(self._record, before), halves_of, fault_of_items)
        count_calls(self.org_id, CallKind.ITEMS, fetcher.answered_calls(), utcnow())
        db.session.commit()
        log.info(
            "sync.round",
            org_id=str(self.org_id),
            calls=len(asked.answers) + asked.account_asked,
            items=sum(len(answer.batch.items) for answer in asked.answers),
            failures=[answer.failure.code for answer in asked.answers if answer.failure],
        )

    def _record(self, before: ConnectionState, asked: Round[Answer]) -> None:
        contradicted = record(
            self.org_id,
            asked,
            token_ciphertext=self.token_ciphertext,
            before=before,
            now=utcnow(),
            ttl=settings().metadata_ttl,
            covered=marks.covered_sources(self.org_id, utcnow()),
        )
        mark_contradicted(self.org_id, contradicted, utcnow())
        answered = [answer.batch for answer in asked.answers if answer.failure is None]
        sources = [(batch.project_row, batch.type.value) for batch in answered]
        marks.ensure_marks(self.org_id, sources, utcnow(), settings().metadata_ttl)

    def _renew(self) -> bool:
        """Renew the lease; False if GitLab may not be called any more."""
        renewed = leases.renew(self.lease, utcnow())
        db.session.commit()
        self.lease = renewed or self.lease
        return renewed is not None

    def _integration_may_call(self) -> bool:
        may = leases.may_call(self.org_id, utcnow())
        db.session.rollback()
        return may
