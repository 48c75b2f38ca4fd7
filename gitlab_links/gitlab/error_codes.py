"""Every error code of a connection, an item or a delivery, with its facts.

To add a code, add a member of :class:`ErrorCode` and an entry in the table. The table alone
decides the severity, who can resolve the error, whether it stops all calls, and the texts.
"""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """``critical``: links are, or soon will be, out of date. ``warning``: should be checked."""

    CRITICAL = "critical"
    WARNING = "warning"


class EndedBy(StrEnum):
    """Who can resolve it: nobody has to (``time``), an admin of the org, or the operator."""

    TIME = "time"
    ADMIN = "admin"
    OPERATOR = "operator"


class ErrorCode(StrEnum):
    """The codes with a name. Any other answer of GitLab has the code ``http_<status>``."""

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
    """The facts about a code.

    ``stops_all_calls``: every other call would fail too, so the failure is not an item's.
    ``summary`` describes the problem, ``remedy`` is what an admin of the org can do, and
    ``advice`` is what everybody else can do.
    """

    severity: Severity
    ended_by: EndedBy
    stops_all_calls: bool
    summary: str
    remedy: str
    advice: str = "Ask an admin of this org to check the GitLab page."


CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING
TIME, ADMIN, OPERATOR = EndedBy.TIME, EndedBy.ADMIN, EndedBy.OPERATOR
_WAITS = "No action needed: the service continues automatically."
_AGAIN = "Wait a few minutes, then do it again."
_REPLAY = "Press Replay."
_RETRIES = (
    "The service retries automatically. If the problem persists, ask an admin of this org to "
    "check the GitLab page."
)

_FACTS: dict[str, ErrorFacts] = {
    ErrorCode.MISSING_INTEGRATION: ErrorFacts(
        WARNING, ADMIN, True,
        "This org is not connected to a GitLab.",
        "Set the base URL and a token on the GitLab page.",
    ),
    ErrorCode.MISSING_TOKEN: ErrorFacts(
        WARNING, ADMIN, True,
        "No access token is set.",
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
        "The stored token cannot be decrypted with the current encryption key.",
        "Set the token again, or ask the operator to add the former key to VIA_RAH_ENCRYPTION_KEY.",
    ),
    ErrorCode.AUTH_ERROR: ErrorFacts(
        CRITICAL, ADMIN, True,
        "GitLab refuses the access token: it is mistyped, has expired or was revoked.",
        "Create a new token in GitLab and set it on the GitLab page.",
    ),
    ErrorCode.INSUFFICIENT_SCOPE: ErrorFacts(
        CRITICAL, ADMIN, True,
        "The access token has no permission to read this.",
        "Create a token with the scope read_api, or a fine-grained one that may read work items, "
        "merge requests and projects, and set it on the GitLab page.",
    ),
    ErrorCode.RATE_LIMITED: ErrorFacts(
        WARNING, TIME, True,
        "GitLab's rate limit is used up, and GitLab asked for a pause.",
        _WAITS,
        _WAITS,
    ),
    ErrorCode.NETWORK_ERROR: ErrorFacts(
        CRITICAL, TIME, False,
        "GitLab cannot be reached.",
        "The service retries automatically. If GitLab opens in your browser, check the base "
        "URL, the certificate and the firewall between this service and GitLab.",
        "The service retries automatically. If GitLab opens in your browser, ask an admin of "
        "this org to check the GitLab page.",
    ),
    ErrorCode.BLOCKED_ADDRESS: ErrorFacts(
        CRITICAL, OPERATOR, True,
        "GitLab's address is internal, and this service may not connect to it.",
        "Ask the operator of this service to add the host to GITLAB_ALLOWED_HOSTS. A GitLab on "
        "the same machine needs its exact port there. A cloud's metadata service is never allowed.",
    ),
    ErrorCode.NOT_FOUND: ErrorFacts(
        WARNING, ADMIN, False,
        "GitLab does not show this item: it was deleted, or the access token may not see it.",
        "If you can see it in GitLab, give the token's user access to the project.",
        "Open it in GitLab. If you can see it there, ask an admin to give the token access.",
    ),
    ErrorCode.ANOTHER_ITEM: ErrorFacts(
        WARNING, ADMIN, False,
        "GitLab has given this number to another item. The task shows the item that was linked.",
        "Unlink it from every task. To link the item that has the number now, paste it again.",
        "Unlink it from every task. To link the item that has the number now, paste it again.",
    ),
    ErrorCode.NOT_IN_API: ErrorFacts(
        WARNING, ADMIN, False,
        "GitLab's API does not return items of this type. The task shows the last webhook's data.",
        "No action needed while webhooks arrive. A newer GitLab returns such items.",
        "No action needed while webhooks arrive.",
    ),
    ErrorCode.NOT_GIVEN: ErrorFacts(
        WARNING, ADMIN, False,
        "GitLab does not return this item: the number does not exist, the access token may not "
        "see it, or this GitLab's API leaves out its type, such as an epic or an objective.",
        "If you can see it in GitLab, give the token's user access to the project, and allow "
        "requests to /api/graphql, which returns every type. Its next change also fills it in, "
        "by webhook.",
        "Open it in GitLab. If you can see it there, ask an admin to give the token access.",
    ),
    "http_403": ErrorFacts(
        CRITICAL, ADMIN, False,
        "GitLab denies this to the owner of the access token (403).",
        "Log in to GitLab as the token's owner. Check that the account is not blocked and has "
        "accepted GitLab's terms, that it has a role in the project, and that GitLab's list of "
        "allowed IP addresses includes this service.",
    ),
    "http_302": ErrorFacts(
        CRITICAL, ADMIN, False,
        "GitLab's address redirects elsewhere, for example to a login page (302).",
        "Exclude GitLab's API from single sign-on, or correct the base URL.",
    ),
    "http_200": ErrorFacts(
        CRITICAL, ADMIN, False,
        "The answer is not from GitLab's API; it may be a login page.",
        "Exclude GitLab's API from single sign-on and proxies, or correct the base URL.",
    ),
    "http_404": ErrorFacts(
        CRITICAL, ADMIN, False,
        "No GitLab answers at the base URL (404).",
        "Open the base URL in a browser: it must show GitLab. A GitLab below a path needs the path "
        "in its base URL, as in https://example.com/gitlab.",
    ),
    "http_401": ErrorFacts(
        CRITICAL, TIME, False,
        "GitLab refuses the access token for this project but accepts it for others (401).",
        "The service retries automatically. If the problem persists, check for a proxy in "
        "between.",
        _RETRIES,
    ),
    ErrorCode.INSTANCE_MISMATCH: ErrorFacts(
        WARNING, ADMIN, False,
        "This item is on another GitLab than the one the org is connected to now.",
        "Unlink it, or restore the former base URL on the GitLab page.",
        "Unlink it, and link the same item on the current GitLab.",
    ),
    ErrorCode.PROCESSING_ERROR: ErrorFacts(
        WARNING, ADMIN, False,
        "This service could not process the delivery, even after several attempts.",
        f"{_REPLAY} If it fails again, contact the operator of this service.",
    ),
    ErrorCode.PROCESSING_INTERRUPTED: ErrorFacts(
        WARNING, ADMIN, False,
        "The worker stopped during every attempt to process the delivery.",
        f"{_REPLAY} If it happens again, contact the operator of this service.",
    ),
}  # fmt: skip


def facts_of(code: str) -> ErrorFacts:
    """The facts about a code. Unknown codes have facts too."""
    known = _FACTS.get(code)
    if known is not None:
        return known
    if code.startswith("http_5"):
        return ErrorFacts(
            CRITICAL, TIME, False,
            f"GitLab answered with a server error ({code.removeprefix('http_')}).",
            "The service retries automatically. If the problem persists, check GitLab's status "
            "page or logs.",
            "The service retries automatically.",
        )  # fmt: skip
    if code.startswith("http_"):
        return ErrorFacts(
            CRITICAL, TIME, False,
            f"GitLab gave an unexpected answer ({code.removeprefix('http_')}).",
            "Check that the base URL is that of GitLab itself, then validate the connection.",
            _RETRIES,
        )  # fmt: skip
    return ErrorFacts(
        CRITICAL, TIME, False,
        f"Reading from GitLab failed ({code}).",
        "Validate the connection on the GitLab page.",
        _RETRIES,
    )  # fmt: skip


def in_words(code: str, reason: str | None = None) -> str:
    """The problem, GitLab's own reason if given, and what an admin can do about something that
    they began: the service does not repeat it.
    """
    facts = facts_of(code)
    said = f" GitLab says: {reason}" if reason else ""
    remedy = _AGAIN if facts.remedy == _WAITS else facts.remedy
    return f"{facts.summary}{said} {remedy}"


def stops_all_calls(code: str) -> bool:
    """Whether every other call would fail too, so that the failure is not an item's."""
    return facts_of(code).stops_all_calls


def needs_a_person(code: str) -> bool:
    """Whether the connection stays broken until a person fixes it."""
    facts = facts_of(code)
    return facts.stops_all_calls and facts.ended_by is not EndedBy.TIME
