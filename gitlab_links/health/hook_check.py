"""Checking the hooks of projects in GitLab, in steps: claim, call GitLab, save.

Only :func:`check_now` commits.
"""

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, or_, select, update

from gitlab_links.accounts.principal import Principal
from gitlab_links.clock import utcnow
from gitlab_links.extensions import change_rows, db, settings
from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.gitlab.hooks import Hook
from gitlab_links.gitlab.items import address_in_api
from gitlab_links.health.our_hooks import missing_events, our_hook
from gitlab_links.health.reached_projects import reached_project
from gitlab_links.http.gitlab_waits import waiting_for_gitlab
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.integrations.summaries import webhook_url
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.observations.hook_secrets import end_hook_secrets, has_hook_secret
from gitlab_links.observations.hook_states import HookState
from gitlab_links.observations.models import GitLabProjectWatch
from gitlab_links.observations.project_watches import PROVEN_FOR
from gitlab_links.storage.waits import Wait
from gitlab_links.sync.pausing import note_refused_account

if TYPE_CHECKING:
    from gitlab_links.gitlab.hook_client import MaintainingClient

DAILY = timedelta(days=1)
WHILE_BROKEN = timedelta(hours=1)
WITHOUT_ANSWER = timedelta(minutes=15)
CLAIM = timedelta(minutes=2)
WAIT = Wait.of_all(
    GitLabProjectWatch.check_due_at,
    DAILY,
    each=(GitLabProjectWatch.org_id, OrgGitLabIntegration.org_id),
)
_WITHOUT_HOOK = frozenset({HookState.MISSING, HookState.ELSEWHERE})
_FORBIDDEN = "http_403"
# GitLab answers 404 if the token may not see the project's settings at all.
_NOT_SHOWN = frozenset({_FORBIDDEN, "not_found", "insufficient_scope"})


@dataclass(frozen=True, slots=True)
class DueProject:
    """A project to check: ``project`` is GitLab's id, or the path while that is unknown."""

    watch_id: uuid.UUID
    project: int | str
    path: str


@dataclass(frozen=True, slots=True)
class HookCheck:
    """Our hook, of several the one that works best; None if there is none, or why it could not
    be read.

    ``of_account``: GitLab refuses every call of the token's account, for now or altogether, so
    the project is not to blame.
    """

    hook: Hook | None
    failure: GitLabFailure | None = None
    of_account: bool = False


def claim_due_checks(
    org_id: uuid.UUID, base_url: str, now: datetime, limit: int
) -> list[DueProject]:
    """Claim projects whose hook check is due, the most overdue first; the caller commits."""
    watch = GitLabProjectWatch
    rows = db.session.execute(
        select(watch.id, GitLabProject.gitlab_id, GitLabProject.path)
        .join(GitLabProject, GitLabProject.id == watch.project_id)
        .where(
            watch.org_id == org_id, watch.check_due_at <= now, GitLabProject.base_url == base_url
        )
        .order_by(watch.check_due_at)
        .limit(limit)
        .with_for_update(of=watch, skip_locked=True)
    ).all()
    change_rows(
        update(watch).where(watch.id.in_([row.id for row in rows])).values(check_due_at=now + CLAIM)
    )
    return [DueProject(row.id, address_in_api(row.gitlab_id, row.path), row.path) for row in rows]


def return_checks(projects: Sequence[DueProject], now: datetime) -> None:
    """Make claimed projects due again that were not checked; the caller commits."""
    if not projects:
        return
    watch = GitLabProjectWatch
    change_rows(
        update(watch)
        .where(watch.id.in_([project.watch_id for project in projects]))
        .values(check_due_at=now)
    )


def check_hook(client: "MaintainingClient", project: int | str, webhook_url: str) -> HookCheck:
    """Read our hook in one project from GitLab; no database. Failures are returned, not raised."""
    try:
        return HookCheck(our_hook(client.hooks(project), webhook_url))
    except GitLabFailure as failure:
        return failed_check(client, failure)


def failed_check(client: "MaintainingClient", failure: GitLabFailure) -> HookCheck:
    """The result for a failure. After a 403 the account is checked as well: GitLab forbids
    a blocked one everything. A 429 is not about the project either.
    """
    if failure.code == ErrorCode.RATE_LIMITED:
        return HookCheck(None, failure, of_account=True)
    if failure.code == _FORBIDDEN:
        try:
            client.check_account()
        except GitLabFailure as of_account:
            return HookCheck(None, of_account, of_account=True)
    return HookCheck(None, failure)


def save_check(watch_id: uuid.UUID, seen: HookCheck, now: datetime) -> None:
    """Save the result and when to check again; the caller commits."""
    watch = db.session.get(GitLabProjectWatch, watch_id, with_for_update=True)
    if watch is None:
        return
    if seen.of_account:
        watch.check_due_at = now  # checked when the connection is no longer paused
        return
    before = HookState(watch.state)
    if seen.failure is not None and seen.failure.code not in _NOT_SHOWN:
        watch.error_code = seen.failure.code
        watch.check_due_at = now + WITHOUT_ANSWER
        return
    hook = seen.hook
    watch.state = _state(watch, before, seen, now)
    if seen.failure is None and hook is None and before in _WITHOUT_HOOK:
        # Twice in a row: one answer may be older than the hook.
        end_hook_secrets(watch.project_id, now)
    watch.error_code = None if seen.failure is None else seen.failure.code
    if seen.failure is None:  # a hook that cannot be read may still exist
        watch.hook_id = None if hook is None else hook.id
    watch.disabled_until = None if hook is None else hook.disabled_until
    watch.events_missing = [] if hook is None else missing_events(hook)
    watch.checked_at = now
    watch.check_due_at = _next_check(watch, now)


def _state(
    watch: GitLabProjectWatch, before: HookState, seen: HookCheck, now: datetime
) -> HookState:
    if seen.failure is not None:
        return HookState.UNREADABLE
    if seen.hook is not None:
        return _state_of(seen.hook, is_proven=_proves_itself(watch, seen.hook, now))
    if before is HookState.ELSEWHERE:
        return before
    # The project has no hook of its own. An event that arrived since the previous check, or
    # before the first one, came from somewhere else, such as a hook of the group.
    fresh = watch.last_event_at is not None and (
        before in {HookState.UNKNOWN, HookState.UNREADABLE}
        or (
            before is HookState.MISSING
            and watch.checked_at is not None
            and watch.last_event_at > watch.checked_at
        )
    )
    return HookState.ELSEWHERE if fresh else HookState.MISSING


def _proves_itself(watch: GitLabProjectWatch, hook: Hook, now: datetime) -> bool:
    """Whether its events can be accepted. GitLab shows that a hook sends a token, never which:
    none is known after the org has left a GitLab and come back.
    """
    integration = OrgGitLabIntegration
    signs, knows_secret = db.session.execute(
        select(
            integration.signing_token_ciphertext.is_not(None),
            or_(integration.webhook_secret_hash.is_not(None), has_hook_secret(watch, now)),
        ).where(integration.org_id == watch.org_id)
    ).one()
    return hook.signs if signs else hook.has_token and knows_secret


def _state_of(hook: Hook, *, is_proven: bool) -> HookState:
    if hook.alert_status in {HookState.DISABLED, HookState.TEMPORARILY_DISABLED}:
        return HookState(hook.alert_status)
    if not is_proven:
        return HookState.UNPROVEN
    return HookState.EVENTS_MISSING if missing_events(hook) else HookState.OK


def _next_check(watch: GitLabProjectWatch, now: datetime) -> datetime:
    """A project without a webhook is checked at once when an event arrives, see ``note_events``;
    before that there is nothing to wait for.
    """
    calm = {HookState.OK, HookState.ELSEWHERE, HookState.UNREADABLE}
    if watch.last_event_at is None or watch.last_event_at < now - PROVEN_FOR:
        calm.add(HookState.MISSING)
    pause = DAILY if watch.state in calm else WHILE_BROKEN
    if watch.state == HookState.TEMPORARILY_DISABLED and watch.disabled_until is not None:
        pause = min(pause, max(timedelta(minutes=1), watch.disabled_until - now))
    return now + pause * random.uniform(0.75, 1.0)  # noqa: S311


def probe_projects(org_id: uuid.UUID, now: datetime, unless_since: datetime) -> bool:
    """Make one item due of each project without a fetch after ``unless_since``; says whether.

    Fetching it shows the project's current path, and whether the token still sees it.
    """
    item = GitLabItem
    first = func.row_number().over(
        partition_by=item.project_id,
        # An item with an error of its own says nothing about its project.
        order_by=(item.error_code.is_not(None), item.next_sync_at),
    )
    newest = func.max(item.last_synced_at).over(partition_by=item.project_id)
    ranked = (
        select(item.id, first.label("place"), newest.label("newest"))
        .where(item.org_id == org_id)
        .subquery()
    )
    chosen = select(ranked.c.id).where(ranked.c.place == 1, ranked.c.newest < unless_since)
    due = update(item).where(item.id.in_(chosen), item.next_sync_at > now)
    return change_rows(due.values(next_sync_at=now)) > 0


def note_account(org_id: uuid.UUID, seen: HookCheck) -> None:
    """Save a refused account as an error of the connection; the caller commits.

    A pause that GitLab asks for is not noted here: see ``background_client``.
    """
    if seen.failure is None or seen.failure.code == ErrorCode.RATE_LIMITED:
        return
    if seen.of_account:
        note_refused_account(org_id, seen.failure, utcnow())


def check_now(principal: Principal, project_row: uuid.UUID) -> HookCheck:
    """Check the hook of a project in GitLab, save the result, and commit.

    Raises what ``reached_project`` and ``waiting_for_gitlab`` raise; a failure of GitLab's is
    in the result.
    """
    from gitlab_links.gitlab.hook_client import MaintainingClient

    org_id = principal.org_id
    reached = reached_project(org_id, project_row)
    watch, credentials = reached.watch, reached.credentials
    known = reached.project.address_in_api
    db.session.commit()
    with (
        waiting_for_gitlab(org_id),
        credentials.client(MaintainingClient, whole_seconds=settings().gitlab_timeout) as client,
    ):
        seen = check_hook(client, known, webhook_url(org_id))
    save_check(watch.id, seen, utcnow())
    note_account(org_id, seen)
    db.session.commit()
    return seen
