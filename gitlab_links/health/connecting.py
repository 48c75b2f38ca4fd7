"""Saving address, token and secrets of a connection, and checking with GitLab what is new.

A token that works is replaced only by one that GitLab has accepted.
"""

import re
import uuid
from dataclasses import dataclass, replace

from gitlab_links.accounts.principal import Principal
from gitlab_links.errors import Conflict, Invalid, PreconditionFailed
from gitlab_links.extensions import db, settings
from gitlab_links.gitlab.error_codes import ErrorCode, facts_of
from gitlab_links.gitlab.urls import parse_base_url
from gitlab_links.health.reconnection import configure
from gitlab_links.health.token_check import (
    REFUSED,
    Question,
    Validation,
    ValidationStatus,
    call_gitlab,
    load_check,
    needed_lists,
    record,
    validate_now,
)
from gitlab_links.http.gitlab_waits import WAITS, waiting_for_gitlab
from gitlab_links.integrations.changes import (
    Configured,
    IntegrationChange,
    checked_secret,
    find_integration,
    leaves_gitlab,
    lock_integration,
    settings_version,
)
from gitlab_links.integrations.credentials import Credentials
from gitlab_links.integrations.models import OrgGitLabIntegration

KEPT = "Nothing was saved, and the present token stays."


class TokenRefused(Invalid, code="token_refused"):
    """GitLab refuses the new token, or it may not read enough; the present one stays."""


class TokenNotChecked(Conflict, code="token_not_checked"):
    """GitLab gave no answer about the new token; the present one stays."""


class NoGitLabThere(Invalid, code="no_gitlab_there"):
    """What answers at the new address is no GitLab; the present connection stays."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What was saved, and what GitLab says about it: None if there is nothing new to check.

    ``checked_later``: too many requests wait for GitLab, so a worker checks it in a moment.
    """

    configured: Configured
    result: Validation | None
    checked_later: bool = False


def save_connection(principal: Principal, change: IntegrationChange) -> Saved:
    """Save the change, and check a new address or token with GitLab.

    A new token for the same address, where the present one works, is checked first: nothing
    is saved if GitLab refuses it (:class:`TokenRefused`), or does not answer
    (:class:`TokenNotChecked`, or what ``waiting_for_gitlab`` raises), or if somebody else
    changed the settings meanwhile (:class:`PreconditionFailed`). Neither is a connection given up
    for an address with something else than a GitLab (:class:`NoGitLabThere`). Any other change is
    saved whatever GitLab says. Raises what ``configure`` raises, too. The caller commits.
    """
    question, refuse = _replacement(principal.org_id, change), _refuse_token
    if question is None:
        question, refuse = _new_address(principal.org_id, change), _refuse_address
    if question is not None:
        result = _answer(principal.org_id, question)
        refuse(result)
        configured = configure(principal, change)
        ciphertext = configured.integration.token_ciphertext
        record(principal, replace(question, ciphertext=ciphertext), result)
        return Saved(configured, result)
    configured = configure(principal, change)
    if not configured.reconnected or configured.integration.token_ciphertext is None:
        return Saved(configured, None)
    try:
        # It commits before it calls GitLab: what was saved stays, whatever the answer.
        return Saved(configured, validate_now(principal))
    except WAITS:
        return Saved(configured, None, checked_later=True)


def _new_address(org_id: uuid.UUID, change: IntegrationChange) -> Question | None:
    """What to check before the secrets of the present GitLab are deleted; None if none is left, or
    no token is given.
    """
    integration = find_integration(org_id)
    if integration is None or not change.token or not leaves_gitlab(integration, change.base_url):
        return None
    token = checked_secret("token", change.token, required=True) or ""
    base = parse_base_url(change.base_url, settings().gitlab_allowed_hosts)
    return Question(Credentials(base, token), None, None, needed_lists(org_id, base))


def _refuse_address(result: Validation) -> None:
    """Raises if no GitLab answered. Without an answer the admin may be right: a new GitLab need not
    be up yet.
    """
    if result.error_code is not None and _is_from_no_gitlab(result.error_code):
        facts = facts_of(result.error_code)
        words = f"{facts.summary} Nothing was saved. {facts.remedy}"
        raise NoGitLabThere(words, errors={"base_url": [words]})


def _is_from_no_gitlab(code: str) -> bool:
    """Whether something answered as no GitLab does: one that is out of order has a 5xx, one that
    denies a call a 403.
    """
    return re.fullmatch("http_[2-4][0-9][0-9]", code) is not None and code != "http_403"


def _replacement(org_id: uuid.UUID, change: IntegrationChange) -> Question | None:
    """What to check before the change; None if no token that works is replaced."""
    integration = find_integration(org_id)
    if not change.token or integration is None or not _works(integration):
        return None
    token = checked_secret("token", change.token, required=True)
    if leaves_gitlab(integration, change.base_url):
        return None
    question = load_check(org_id)
    if question.credentials is None or token is None:
        return None
    return replace(question, credentials=Credentials(question.credentials.base, token))


def _works(integration: OrgGitLabIntegration) -> bool:
    """Whether GitLab has accepted the present token, and has not refused it since."""
    return integration.token_checked_at is not None and integration.error_code not in REFUSED


def _answer(org_id: uuid.UUID, question: Question) -> Validation:
    """What GitLab says of new settings; the present ones are as before the call, and locked."""
    before = settings_version(org_id)
    db.session.commit()
    with waiting_for_gitlab(org_id):
        result = call_gitlab(question)
    lock_integration(org_id)
    if settings_version(org_id) != before:
        raise PreconditionFailed(
            "Somebody else changed the connection while GitLab checked the new one. Nothing was "
            "saved: check the connection and try again."
        )
    return result


def _refuse_token(result: Validation) -> None:
    """Raises unless GitLab accepts the token."""
    if result.status is ValidationStatus.VALID:
        return
    facts = facts_of(result.error_code or ErrorCode.NETWORK_ERROR)
    said = f" GitLab says: {result.reason}" if result.reason else ""
    if result.status is ValidationStatus.INVALID:
        words = f"{facts.summary}{said} {KEPT} {facts.remedy}"
        raise TokenRefused(words, errors={"token": [words]})
    words = f"{facts.summary}{said} The new token could not be checked. {KEPT} Try again later."
    raise TokenNotChecked(words, errors={"token": [words]})
