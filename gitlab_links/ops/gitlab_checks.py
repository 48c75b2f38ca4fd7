"""The encryption key, and the orgs' connections to their GitLabs."""

import uuid
from collections.abc import Iterator

import structlog
from sqlalchemy import select

from gitlab_links.accounts.models import Org
from gitlab_links.clock import utcnow
from gitlab_links.errors import DomainError
from gitlab_links.extensions import db
from gitlab_links.gitlab.error_codes import ErrorCode, Severity
from gitlab_links.health.findings import Finding as Trouble
from gitlab_links.health.messages import summary
from gitlab_links.health.report import report_on
from gitlab_links.health.signals import Signals, load
from gitlab_links.health.token_check import Validation, ValidationStatus, call_gitlab, load_check
from gitlab_links.integrations.changes import find_integration
from gitlab_links.integrations.credentials import credentials_of
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.ops.check_results import Finding, failure, ok, warning
from gitlab_links.plurals import counted, listed
from gitlab_links.security import cipher

log = structlog.get_logger(__name__)
_NAMED = 5
_KEY = "VIA_RAH_ENCRYPTION_KEY"
_OTHER_KEYS = f"The {_KEY} of this command decrypts it, so a process was started with another one."


def check_keys() -> Iterator[Finding]:
    """Is there a key, and does it open what is stored?"""
    try:
        cipher().check()
    except DomainError as refusal:
        yield failure(
            "encryption key",
            refusal.detail,
            f"Set {_KEY}. If tokens are stored already, use the key they were encrypted with.",
        )
        return
    shut = []
    for name, org_id in _connected():
        try:
            if _does_not_open(find_integration(org_id)):
                shut.append(f"{name} ({org_id})")
        except Exception as error:
            yield _not_examined("encryption key", org_id, error)
    if shut:
        yield failure(
            "encryption key",
            f"{counted(len(shut), 'stored token')} cannot be decrypted with it: "
            f"{listed(shut[:_NAMED] + [f'{len(shut) - _NAMED} more'] * (len(shut) > _NAMED))}.",
            f"Add the old key behind the current one in {_KEY}, separated by a comma.",
        )
    else:
        yield ok("encryption key", "decrypts every stored token")


def check_connections() -> Iterator[Finding]:
    """The stored state of each org's connection; calls no GitLab."""
    now = utcnow()
    for name, org_id in _connected():
        try:
            opens = not _does_not_open(find_integration(org_id))
            yield from list(_troubles(_about(name, org_id), load(org_id, now), opens=opens))
        except Exception as error:
            yield _not_examined(_about(name, org_id), org_id, error)


def _about(name: str, org_id: uuid.UUID) -> str:
    return f"GitLab of {name} ({org_id})"


def _troubles(about: str, signals: Signals, *, opens: bool) -> Iterator[Finding]:
    """The findings of the org's health, as its page and the API show them. ``opens``: the keys of
    this process decrypt the token.
    """
    for found in report_on(signals).findings:
        others = opens and found.code == ErrorCode.INVALID_TOKEN_CIPHERTEXT
        yield warning(
            about,
            f"{found.summary} ({found.code})",
            f"{_OTHER_KEYS} Restart web and workers." if others else found.remedy,
        )
    until = signals.paused_until
    if until is not None:
        yield warning(
            about,
            f"not called until {until:%H:%M:%S} UTC, because of its last answer.",
            "No action needed if it is up: the service calls it again automatically.",
        )


def ask_gitlabs() -> Iterator[Finding]:
    """Check the token of every connected org with its GitLab; no transaction is open meanwhile."""
    for name, org_id in _connected():
        try:
            yield from list(_answer_of(_about(name, org_id), org_id))
        except Exception as error:
            yield _not_examined(_about(name, org_id), org_id, error)


def _answer_of(about: str, org_id: uuid.UUID) -> Iterator[Finding]:
    question = load_check(org_id)
    db.session.rollback()
    if question.credentials is None:
        return
    result = call_gitlab(question)
    if result.status is ValidationStatus.VALID:
        yield ok(about, f"answers, version {result.gitlab_version or 'unknown'}")
    else:
        yield failure(
            about,
            f"{_refusal(result)} ({result.error_code} at {question.credentials.base})",
            "Ask the org's admin to press Validate on the GitLab page.",
        )


def _not_examined(about: str, org_id: uuid.UUID, error: Exception) -> Finding:
    """The finding for an org whose check raised an error; the other orgs are still checked."""
    db.session.rollback()
    log.error("doctor.org_failed", org_id=str(org_id), exc_info=error)
    return failure(
        about,
        f"the org {org_id} cannot be examined ({type(error).__name__}).",
        "See the log for the error.",
    )


def _refusal(result: Validation) -> str:
    detail = {
        "scopes": result.scopes,
        "missing_scopes": result.missing_scopes,
        "gitlab_says": result.reason,
    }
    return summary(Trouble(result.error_code or "", Severity.CRITICAL, detail=detail))


def _does_not_open(integration: OrgGitLabIntegration | None) -> bool:
    if integration is None:
        return False
    try:
        credentials_of(integration)
    except DomainError as refusal:
        return refusal.code == ErrorCode.INVALID_TOKEN_CIPHERTEXT
    return False


def _connected() -> list[tuple[str, uuid.UUID]]:
    rows = db.session.execute(
        select(Org.name, Org.id)
        .join(OrgGitLabIntegration, OrgGitLabIntegration.org_id == Org.id)
        .where(OrgGitLabIntegration.token_ciphertext.is_not(None))
        .order_by(Org.name, Org.id)
    )
    return [(row[0], row[1]) for row in rows]
