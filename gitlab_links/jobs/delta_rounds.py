"""Rounds of reading what changed, within a slice of fetching."""

import uuid
from dataclasses import dataclass
from datetime import datetime

import structlog

from gitlab_links.clock import utcnow
from gitlab_links.deliveries.contradictions import mark_contradicted
from gitlab_links.deltas import marks, probing, reading, recording, statuses
from gitlab_links.deltas.intervals import interval
from gitlab_links.deltas.models import DeltaKind
from gitlab_links.deltas.planning import Source, Way, choose_first, choose_for_group
from gitlab_links.deltas.proving import Terms
from gitlab_links.deltas.trust import trusted_projects
from gitlab_links.extensions import db, settings
from gitlab_links.gitlab.project_changes import MOST_PROJECTS
from gitlab_links.jobs.answers_apart import (
    fault_of_changes,
    fault_of_list,
    fault_of_statuses,
    halves_of_changes,
    halves_of_statuses,
    no_part_of_list,
    record_apart,
)
from gitlab_links.observations.call_counts import CallKind, count_calls
from gitlab_links.observations.project_watches import proven_projects
from gitlab_links.slow_gitlabs import measured
from gitlab_links.sync.fetching import A, Fetcher, Round

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the changes of one org with the token of its slice. ``limit`` calls are made at
    once. ``refused_at`` is when GitLab last did not say what changed in many projects.
    """

    org_id: uuid.UUID
    base_url: str
    token_ciphertext: str | None
    fetcher: Fetcher
    limit: int
    refused_at: datetime | None

    def read(self) -> bool:
        """One round of what is due; False if nothing is.

        One call for all projects comes first, then the statuses that it asks for, then the
        lists of the projects that have something new.
        """
        if probing.is_refused(self.refused_at, utcnow()):
            statuses.request_single_forms(self.org_id, utcnow())
            db.session.commit()
            return self._lists()
        return self._changes() or self._statuses() or self._lists()

    def _changes(self) -> bool:
        deltas = marks.deltas_read_along(self.org_id, self.base_url, utcnow(), MOST_PROJECTS)
        db.session.commit()
        soon = utcnow() + interval(settings().metadata_ttl) / 2
        due = [Source(one.changes) for one in deltas if one.due_at is None or one.due_at <= soon]
        if not due or choose_first(due, answers_many=True) is Way.LIST:
            return False
        with measured(self.org_id):
            asked = self.fetcher.together([probing.call_for(deltas)])
        self._record_changes(asked, CallKind.CHANGES)
        return True

    def _record_changes(self, asked: Round[probing.ProbeAnswer], kind: CallKind) -> None:
        now = utcnow()
        terms, proven = self._terms(now), proven_projects(self.org_id, now)

        def record(calls: Round[probing.ProbeAnswer]) -> probing.Probed:
            return probing.record(
                self.org_id,
                calls,
                token_ciphertext=self.token_ciphertext,
                terms=terms,
                proven=proven,
            )

        recorded = record_apart(asked, record, halves_of_changes, fault_of_changes)
        self._count(kind)
        db.session.commit()
        unchanged, lists = (
            sum(one.unchanged for one in recorded),
            sum(one.lists for one in recorded),
        )
        self._log("sync.changes", asked, unchanged=unchanged, lists=lists)

    def _statuses(self) -> bool:
        wanted = statuses.wanted_statuses(self.org_id, self.base_url, utcnow())
        db.session.commit()
        if not wanted:
            return False
        with measured(self.org_id):
            asked = self.fetcher.together([statuses.call_for(wanted)])

        def record(calls: Round[statuses.StatusAnswer]) -> statuses.StatusesRead:
            return statuses.record(
                self.org_id, calls, token_ciphertext=self.token_ciphertext, now=utcnow()
            )

        recorded = record_apart(asked, record, halves_of_statuses, fault_of_statuses)
        self._count(CallKind.STATUSES)
        db.session.commit()
        read, changed = sum(one.read for one in recorded), sum(one.changed for one in recorded)
        self._log("sync.statuses", asked, read=read, changed=changed)
        return True

    def _lists(self) -> bool:
        due = marks.due_deltas(self.org_id, self.base_url, utcnow(), MOST_PROJECTS)
        db.session.commit()
        for (group, _kind), deltas in _by_group(due).items():
            verified = not probing.is_refused(self.refused_at, utcnow())
            if choose_for_group(len(deltas), verified=verified) is Way.GROUP:
                self._read_group(group, deltas)
                return True
        due = due[: self.limit]
        of_pipelines = [delta for delta in due if delta.kind is DeltaKind.PIPELINE]
        of_items = [delta for delta in due if delta.kind is not DeltaKind.PIPELINE]
        if of_items:
            self._read_lists(of_items)
        if of_pipelines:
            calls = [probing.call_for_pipelines(delta) for delta in of_pipelines]
            with measured(self.org_id):
                asked = self.fetcher.together(calls)
            self._record_changes(asked, CallKind.LISTS)
        return bool(due)

    def _read_group(self, group: str, deltas: list[marks.Delta]) -> None:
        with measured(self.org_id):
            asked = self.fetcher.together([reading.call_for_group(group, deltas)])
        answers = [one for answer in asked.answers for one in answer.answers]
        round_ = Round(answers, asked.account_asked, asked.account_failure)
        self._record_lists(round_, of_group=True)

    def _read_lists(self, deltas: list[marks.Delta]) -> None:
        with measured(self.org_id):
            asked = self.fetcher.together([reading.call_for(delta) for delta in deltas])
        self._record_lists(asked)

    def _record_lists(self, asked: Round[reading.DeltaAnswer], *, of_group: bool = False) -> None:
        terms = self._terms(utcnow())

        def record(lists: Round[reading.DeltaAnswer]) -> recording.Recorded:
            recorded = recording.record(
                self.org_id,
                lists,
                token_ciphertext=self.token_ciphertext,
                terms=terms,
                of_group=of_group,
            )
            mark_contradicted(self.org_id, recorded.contradicted, utcnow())
            return recorded

        recorded = record_apart(asked, record, no_part_of_list, fault_of_list)
        self._count(CallKind.LISTS)
        db.session.commit()
        applied = sum(one.applied for one in recorded)
        passed_over = sum(len(one.unlinked) for one in recorded)
        self._log("sync.lists", asked, applied=applied, passed_over=passed_over)

    def _count(self, kind: CallKind) -> None:
        count_calls(self.org_id, kind, self.fetcher.answered_calls(), utcnow())

    def _terms(self, now: datetime) -> Terms:
        return Terms(
            covered=marks.covered_sources(self.org_id, now),
            trusted=trusted_projects(self.org_id, now),
            now=now,
            ttl=settings().metadata_ttl,
            interval=interval(settings().metadata_ttl),
        )

    def _log(self, event: str, asked: Round[A], **facts: int) -> None:
        failures = [one.failure.code for one in asked.answers if one.failure]
        log.info(
            event, org_id=str(self.org_id), calls=len(asked.answers), failures=failures, **facts
        )


def _by_group(due: list[marks.Delta]) -> dict[tuple[str, DeltaKind], list[marks.Delta]]:
    """The lists of items with something new, by group and type; without those that failed."""
    groups: dict[tuple[str, DeltaKind], list[marks.Delta]] = {}
    for delta in due:
        if delta.list_wanted and not delta.failures and delta.kind is not DeltaKind.PIPELINE:
            groups.setdefault((delta.group, delta.kind), []).append(delta)
    return groups
