"""Every error code of a connection, an item or a delivery, and all that follows from it.

To add one: a member of :class:`ErrorCode` and a line in the table. Nothing else decides how
grave a code is, who can end it, whether it stops all calls, and in which words it is shown.
"""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """``critical``: links are, or will soon be, out of date. ``warning``: look at it."""

    CRITICAL = "critical"
    WARNING = "warning"


class EndedBy(StrEnum):
    """Who can end it: ``time``, by itself; an admin of the org; the operator of the service."""

    TIME = "time"
    ADMIN = "admin"
    OPERATOR = "operator"


class ErrorCode(StrEnum):
    """The codes with a name; any other answer of GitLab is ``http_<status>``."""

    MISSING_INTEGRATION = "missing_integration"
    MISSING_TOKEN = "missing_token"
    ENCRYPTION_KEY_MISSING = "encryption_key_missing"
    ENCRYPTION_KEY_INVALID = "encryption_key_invalid"
    INVALID_TOKEN_CIPHERTEXT = "invalid_token_ciphertext"
    AUTH_ERROR = "auth_error"
    INSUFFICIENT_SCOPE = "insufficient_scope"
    RATE_LIMITED = "rate_limited"
    NETWORK_ERROR = "network_error"
    BLOCKED_ADDRESS = "blocked_address"
    NOT_FOUND = "not_found"
    ANOTHER_ITEM = "another_item"
    NOT_IN_API = "not_in_api"
    NOT_GIVEN = "not_given"
    INSTANCE_MISMATCH = "instance_mismatch"
    PROCESSING_ERROR = "processing_error"
    PROCESSING_INTERRUPTED = "processing_interrupted"


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """What follows from a code.

    ``stops_all_calls``: no other call could have fared better, so that no item is to blame.
    ``summary`` says what is the matter, ``remedy`` what an admin of the org can do about it,
    ``advice`` what anybody else can.
    """

    severity: Severity
    ended_by: EndedBy
    stops_all_calls: bool
    summary: str
    remedy: str
    advice: str = "Ask an admin of this org to look at the GitLab page."


CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING
TIME, ADMIN, OPERATOR = EndedBy.TIME, EndedBy.ADMIN, EndedBy.OPERATOR
_WAITS = "Nothing to do: reading goes on by itself."
_REPLAY = "Press Replay."

_FACTS: dict[str, ErrorFacts] = {
    ErrorCode.MISSING_INTEGRATION: ErrorFacts(
        WARNING, ADMIN, True,
        "This org is not connected to a GitLab.",
        "Set the base URL and a token on the GitLab page.",
    ),
    ErrorCode.MISSING_TOKEN: ErrorFacts(
        WARNING, ADMIN, True,
        "There is no access token to read GitLab with.",
        "Set a token with the read_api scope on the GitLab page.",
    ),
    ErrorCode.ENCRYPTION_KEY_MISSING: ErrorFacts(
        CRITICAL, OPERATOR, True,
        "The token cannot be read: the service has no encryption key.",
        "Ask the operator of this service to set VIA_RAH_ENCRYPTION_KEY.",
        "Ask the operator of this service to set VIA_RAH_ENCRYPTION_KEY.",
    ),
    ErrorCode.ENCRYPTION_KEY_INVALID: ErrorFacts(
        CRITICAL, OPERATOR, True,
        "The token cannot be read: the service's encryption key is malformed.",
        "Ask the operator of this service to correct VIA_RAH_ENCRYPTION_KEY.",
        "Ask the operator of this service to correct VIA_RAH_ENCRYPTION_KEY.",
    ),
    ErrorCode.INVALID_TOKEN_CIPHERTEXT: ErrorFacts(
        CRITICAL, ADMIN, True,
        "The stored token does not open with the service's present encryption key.",
        "Set the token again, or have the operator restore the former key beside the new one.",
    ),
    ErrorCode.AUTH_ERROR: ErrorFacts(
        CRITICAL, ADMIN, True,
        "GitLab refuses the access token: it is mistyped, has expired or was revoked.",
        "Make a new token in GitLab and set it on the GitLab page.",
    ),
    ErrorCode.INSUFFICIENT_SCOPE: ErrorFacts(
        CRITICAL, ADMIN, True,
        "The access token may not read this.",
        "Make a token with the scope read_api, or a fine-grained one that may read work items, "
        "merge requests and projects, and set it on the GitLab page.",
    ),
    ErrorCode.RATE_LIMITED: ErrorFacts(
        WARNING, TIME, True,
        "GitLab asked for a pause: its limit of requests is used up.",
        _WAITS,
        _WAITS,
    ),
    ErrorCode.NETWORK_ERROR: ErrorFacts(
        CRITICAL, TIME, False,
        "GitLab cannot be reached.",
        "It is tried again by itself. If GitLab opens in your browser, check the base URL, "
        "the certificate and the firewall between this service and GitLab.",
        "It is tried again by itself. If GitLab opens in your browser, tell an admin of this org.",
    ),
    ErrorCode.BLOCKED_ADDRESS: ErrorFacts(
        CRITICAL, OPERATOR, True,
        "GitLab's address is internal, and this service may not connect to it.",
        "Ask the operator of this service to list the host in GITLAB_ALLOWED_HOSTS. One on the "
        "same machine needs its exact port there; the metadata service of a cloud is never asked.",
    ),
    ErrorCode.NOT_FOUND: ErrorFacts(
        WARNING, ADMIN, False,
        "GitLab shows no such item: it was deleted, or the access token may not see it.",
        "If you can see it in GitLab, give the token's user access to the project.",
        "Open it in GitLab. If you can see it there, tell an admin of this org.",
    ),
    ErrorCode.ANOTHER_ITEM: ErrorFacts(
        WARNING, ADMIN, False,
        "Another item has this number in GitLab now. Shown is what was linked.",
        "Unlink it from every task. If you mean the item that has the number now, paste it again.",
        "Unlink it from every task. If you mean the item that has the number now, paste it again.",
    ),
    ErrorCode.NOT_IN_API: ErrorFacts(
        WARNING, ADMIN, False,
        "GitLab's API does not give items of this type. Shown is what its last webhook said.",
        "Nothing to do, as long as webhooks arrive. A newer GitLab gives such items.",
        "Nothing to do, as long as webhooks arrive.",
    ),
    ErrorCode.NOT_GIVEN: ErrorFacts(
        WARNING, ADMIN, False,
        "GitLab gives no such item: there is none with this number, the access token may not see "
        "it, or it is of a type that this GitLab keeps from programs, as an epic or an objective.",
        "If you can see it in GitLab, give the token's user access to the project, and have "
        "/api/graphql let through, which gives every type. A webhook shows it as well, once it "
        "changes.",
        "Open it in GitLab. If you can see it there, tell an admin of this org.",
    ),
    "http_403": ErrorFacts(
        CRITICAL, ADMIN, False,
        "GitLab forbids this to the owner of the access token (403).",
        "Log in to GitLab as the owner of the token: is the account blocked, are there terms to "
        "accept? Else give the owner a role in the project, and look for a list of allowed "
        "addresses that does not have this service's.",
        "Ask an admin of this org to look at the GitLab page.",
    ),
    "http_302": ErrorFacts(
        CRITICAL, ADMIN, False,
        "GitLab's address leads to another one, such as a login page (302).",
        "Have GitLab's API left out of single sign-on, or correct the base URL.",
    ),
    "http_200": ErrorFacts(
        CRITICAL, ADMIN, False,
        "Something else than GitLab's API answers, such as a login page.",
        "Have GitLab's API left out of single sign-on and proxies, or correct the base URL.",
    ),
    "http_401": ErrorFacts(
        CRITICAL, TIME, False,
        "GitLab refused the access token for this project, and takes it for others (401).",
        "It is tried again by itself. If it lasts, look for a proxy in between.",
        "It is tried again by itself. If it lasts, tell an admin of this org.",
    ),
    ErrorCode.INSTANCE_MISMATCH: ErrorFacts(
        WARNING, ADMIN, False,
        "This item is on another GitLab than the one the org is connected to now.",
        "Unlink it, or set the base URL back on the GitLab page.",
        "Unlink it, and link its successor on the present GitLab.",
    ),
    ErrorCode.PROCESSING_ERROR: ErrorFacts(
        WARNING, ADMIN, False,
        "This service failed to process the delivery, each time it tried.",
        f"{_REPLAY} If it fails once more, tell the operator of this service.",
    ),
    ErrorCode.PROCESSING_INTERRUPTED: ErrorFacts(
        WARNING, ADMIN, False,
        "The workers of this service stopped each time while they processed the delivery.",
        f"{_REPLAY} If it happens once more, tell the operator of this service.",
    ),
}  # fmt: skip


def facts_of(code: str) -> ErrorFacts:
    """What follows from a code; there is an answer for every code."""
    known = _FACTS.get(code)
    if known is not None:
        return known
    if code.startswith("http_5"):
        return ErrorFacts(
            CRITICAL, TIME, False,
            f"GitLab answered with an error of its own ({code.removeprefix('http_')}).",
            "It is tried again by itself. If it lasts, look at GitLab's status page or logs.",
            "It is tried again by itself.",
        )  # fmt: skip
    if code.startswith("http_"):
        return ErrorFacts(
            CRITICAL, TIME, False,
            f"GitLab answered {code.removeprefix('http_')}, which was not expected.",
            "Check that the base URL is that of GitLab itself, then validate the connection.",
            "It is tried again by itself. If it lasts, tell an admin of this org.",
        )  # fmt: skip
    return ErrorFacts(
        CRITICAL, TIME, False,
        f"It could not be read from GitLab ({code}).",
        "Validate the connection on the GitLab page.",
        "It is tried again by itself. If it lasts, tell an admin of this org.",
    )  # fmt: skip


def in_words(code: str, reason: str | None = None) -> str:
    """What is the matter, what GitLab itself says of it, and what an admin can do about it."""
    facts = facts_of(code)
    said = f" GitLab says: {reason}" if reason else ""
    return f"{facts.summary}{said} {facts.remedy}"


def stops_all_calls(code: str) -> bool:
    """Whether no other call could have fared better: no item is to blame."""
    return facts_of(code).stops_all_calls


def needs_a_person(code: str) -> bool:
    """Whether the connection stays as it is until somebody puts it right."""
    facts = facts_of(code)
    return facts.stops_all_calls and facts.ended_by is not EndedBy.TIME
