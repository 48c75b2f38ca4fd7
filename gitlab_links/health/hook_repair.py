"""Repairing a project's hook: create or change it, test it, have failed events resent.

In steps: load, call GitLab, save.
"""

import time
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import exists, select

from gitlab_links.accounts.principal import Principal
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict
from gitlab_links.extensions import db
from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.gitlab.error_codes import ErrorCode, in_words
from gitlab_links.gitlab.hooks import HookSettings
from gitlab_links.gitlab.items import ItemType
from gitlab_links.health.background_calls import background_client
from gitlab_links.health.hook_check import (
    HookCheck,
    check_hook,
    failed_check,
    note_account,
    save_check,
)
from gitlab_links.health.our_hooks import our_hook
from gitlab_links.health.reached_projects import reached_project
from gitlab_links.integrations.credentials import SIGNING_TOKEN, Credentials
from gitlab_links.integrations.summaries import webhook_url
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.observations.hook_secrets import (
    finish_hook_secret,
    forget_hook_secret,
    make_hook_secret,
)
from gitlab_links.observations.hook_states import OUR_EVENTS
from gitlab_links.operations.models import Operation, OperationKind
from gitlab_links.operations.queue import ask_for
from gitlab_links.operations.steps import OnStep, PutOff, ignore_step
from gitlab_links.security import cipher

if TYPE_CHECKING:
    from gitlab_links.gitlab.hook_client import MaintainingClient

MAX_RESENT = 20
RESEND_SECONDS = 10.0
# Less than a job may take.
WHOLE_SECONDS = 20.0

NOT_ALLOWED = frozenset({"http_403", "not_found", "insufficient_scope"})


class HookNotAllowed(Conflict, code="hook_not_allowed"):
    """The token may not manage hooks: a maintainer has to do it by hand."""


class HookNotRepaired(Conflict, code="hook_not_repaired"):
    """GitLab did not create or change the hook."""


class RepairPutOff(HookNotRepaired, PutOff):
    """GitLab's rate limit is used up."""


class TokenRefused(HookNotRepaired):
    """GitLab refuses the token, or every call of its account: the project is not to blame."""


@dataclass(frozen=True, slots=True)
class Repair:
    """What to do, with secrets in plaintext: for one call, never stored."""

    org_id: uuid.UUID
    credentials: Credentials
    watch_id: uuid.UUID
    project_row: uuid.UUID
    project: int | str
    path: str
    settings: HookSettings
    secret_id: uuid.UUID
    test_events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Repaired:
    """The result. ``tested``: GitLab sent a test event, and this service accepted it.

    ``resent`` is how many failed events GitLab sent again.
    """

    created: bool
    hook_id: int
    tested: bool
    resent: int
    check: HookCheck


def load_repair(org_id: uuid.UUID, project_row: uuid.UUID) -> Repair:
    """Load what is needed and create a secret for the hook; the caller commits.

    Raises what ``reached_project`` raises.
    """
    reached = reached_project(org_id, project_row)
    project, integration = reached.project, reached.integration
    signing_token = ""
    if integration.signing_token_ciphertext is not None:
        signing_token = cipher().decrypt(
            integration.signing_token_ciphertext, org_id=org_id, origin="", purpose=SIGNING_TOKEN
        )
    secret_id, secret = make_hook_secret(integration, project.id)
    return Repair(
        org_id=org_id,
        credentials=reached.credentials,
        watch_id=reached.watch.id,
        project_row=project.id,
        project=project.address_in_api,
        path=project.path,
        settings=HookSettings(webhook_url(org_id), secret, signing_token, OUR_EVENTS),
        secret_id=secret_id,
        test_events=_test_events(project),
    )


def repair(wanted: Repair, on_step: OnStep = ignore_step) -> Repaired | HookCheck:
    """Create or change the hook, test it, have failed events resent. No transaction may be open.

    ``on_step`` is called before each step. All calls together take ``WHOLE_SECONDS`` at most.
    If the hook could not be created or changed, returns a :class:`HookCheck` with the failure.
    """
    from gitlab_links.gitlab.hook_client import MaintainingClient

    with background_client(
        wanted.org_id, wanted.credentials, MaintainingClient, whole_seconds=WHOLE_SECONDS
    ) as client:
        try:
            return _repaired(client, wanted, on_step)
        except GitLabFailure as failure:
            return failed_check(client, failure)


def _repaired(client: "MaintainingClient", wanted: Repair, on_step: OnStep) -> Repaired:
    project, url = wanted.project, wanted.settings.url
    on_step("looking_for_the_webhook")
    found = our_hook(client.hooks(project), url)
    on_step("making_the_webhook" if found is None else "changing_the_webhook")
    if found is None:
        hook_id = client.create_hook(project, wanted.settings)
    else:
        hook_id = found.id
        client.change_hook(project, hook_id, wanted.settings)
    on_step("testing_the_webhook")
    tested = _tested(client, wanted, hook_id)
    on_step("sending_failed_events_again")
    resent = _resent(client, project, hook_id) if found is not None and tested else 0
    return Repaired(found is None, hook_id, tested, resent, check_hook(client, project, url))


def save_repair(principal: Principal, wanted: Repair, done: Repaired, now: datetime) -> None:
    """Save and audit the result; the caller commits."""
    save_check(wanted.watch_id, done.check, now)
    finish_hook_secret(wanted.secret_id, wanted.project_row, now)
    write_audit_event(
        principal.org_id,
        principal.actor,
        Action.HOOK_CREATED if done.created else Action.HOOK_REPAIRED,
        wanted.project_row,
        {"project": wanted.path, "tested": done.tested, "resent": done.resent},
    )


def save_refusal(wanted: Repair, check: HookCheck, now: datetime) -> Conflict:
    """Save why it failed, and return the error for the caller to raise after committing.

    The new secret stays valid if GitLab may have it.
    """
    failure = check.failure
    assert failure is not None  # noqa: S101 - repair() returned it
    if not failure.leaves_open:
        forget_hook_secret(wanted.secret_id)
    save_check(wanted.watch_id, check, now)
    if failure.code == ErrorCode.RATE_LIMITED:
        return RepairPutOff(f"GitLab did not change the hook: {failure.message} Try again later.")
    if check.of_account or failure.code == ErrorCode.AUTH_ERROR:
        return TokenRefused(in_words(failure.code, failure.reason))
    if failure.leaves_open:
        return HookNotRepaired(f"GitLab may not have changed the hook: {failure.message}")
    if failure.code not in NOT_ALLOWED:
        return HookNotRepaired(f"GitLab did not change the hook: {failure.message}")
    needed = failure.needed_words if failure.granular else "the scope api"
    return HookNotAllowed(
        f"The access token may not manage the webhooks of {wanted.path}: that needs {needed} "
        "and a maintainer of the project. Ask a maintainer to add the webhook by hand, or "
        f"set such a token. The URL is {wanted.settings.url}"
    )


def _test_events(project: GitLabProject) -> tuple[str, ...]:
    """The events to test with, those of linked items first."""
    kinds = {ItemType.ISSUE: "issues_events", ItemType.MERGE_REQUEST: "merge_requests_events"}
    linked = [
        event
        for kind, event in kinds.items()
        if db.session.scalar(
            select(exists().where(GitLabItem.project_id == project.id, GitLabItem.type == kind))
        )
    ]
    return tuple(dict.fromkeys([*linked, *kinds.values()]))


def _tested(client: "MaintainingClient", wanted: Repair, hook_id: int) -> bool:
    for event in wanted.test_events:
        try:
            client.test_hook(wanted.project, hook_id, event)
        except GitLabFailure:
            continue
        return True
    return False


def _resent(client: "MaintainingClient", project: int | str, hook_id: int) -> int:
    """How many failed events GitLab sent again; it stores them for some days."""
    ends_at, count = time.monotonic() + RESEND_SECONDS, 0
    try:
        for event_id in client.failed_events(project, hook_id)[-MAX_RESENT:]:
            if time.monotonic() > ends_at:
                break
            client.resend_event(project, hook_id, event_id)
            count += 1
    except GitLabFailure:
        # GitLab has this call since 17. Polling finds the changes otherwise.
        return count
    return count


def repair_now(
    principal: Principal, project_row: uuid.UUID, on_step: OnStep = ignore_step
) -> Repaired:
    """Create or repair the hook of a project. Makes several calls to GitLab: for workers only.

    Raises :class:`NotFound`, ``HookNotAllowed``, ``HookNotRepaired`` and what
    ``credentials_of`` raises. Commits: by then GitLab has changed or may know the new secret.
    """
    wanted = load_repair(principal.org_id, project_row)
    db.session.commit()
    done = repair(wanted, on_step)
    if isinstance(done, HookCheck):
        refusal = save_refusal(wanted, done, utcnow())
        note_account(principal.org_id, done)
        db.session.commit()
        raise refusal
    save_repair(principal, wanted, done, utcnow())
    db.session.commit()
    return done


def ask_for_repair(principal: Principal, project_row: uuid.UUID) -> Operation:
    """Create the operation with which a worker creates or repairs a project's hook.

    Raises what ``reached_project`` raises.
    """
    project = reached_project(principal.org_id, project_row).project
    kind = OperationKind.REPAIR_HOOK
    return ask_for(principal, kind, target=project_row, subject=project.path)
