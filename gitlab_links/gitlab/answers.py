"""The outcomes of a call to GitLab, as values that are cheap to import."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from gitlab_links.gitlab.error_codes import ErrorCode, stops_all_calls
from gitlab_links.gitlab.refusals import Refusal, read_refusal
from gitlab_links.gitlab.snapshot import Person, Snapshot
from gitlab_links.plurals import listed


@dataclass(eq=False, repr=False)
class GitLabFailure(Exception):
    """A call without a usable answer.

    ``code`` is ``auth_error`` (401), ``insufficient_scope``, ``rate_limited`` (429),
    ``not_found`` (404), ``blocked_address``, ``network_error`` (no complete answer: DNS,
    connection, certificate, deadline, truncation) or ``http_<n>`` for any other status.
    ``http_200`` is an answer that is not JSON, not the expected JSON, or too large.
    ``http_3xx`` is a redirect to another origin, or one redirect too many.

    ``retry_after`` is GitLab's wait in seconds, if it sent one. ``detail`` is a sentence for
    people in our own words; it contains no token and nothing from GitLab. If a scope is
    missing, one of the scopes in ``needed`` is enough, and ``held`` has the token's scopes,
    if known. ``granular``: the token is fine-grained, or has to be. ``needed`` then lists
    every missing permission, and other calls may succeed. ``reason`` is GitLab's own
    reason for a refusal: one line of limited length.
    """

    code: str
    detail: str
    http_status: int | None = field(default=None, kw_only=True)
    retry_after: float | None = field(default=None, kw_only=True)
    needed: tuple[str, ...] = field(default=(), kw_only=True)
    held: tuple[str, ...] | None = field(default=None, kw_only=True)
    granular: bool = field(default=False, kw_only=True)
    reason: str | None = field(default=None, kw_only=True)

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"

    @property
    def stops_all_calls(self) -> bool:
        """Whether every other call would fail too. A fine-grained token lacks one right only."""
        return stops_all_calls(self.code) and not self.granular

    @property
    def message(self) -> str:
        """For people: our sentence, followed by GitLab's reason if there is one."""
        return f"{self.detail} GitLab says: {self.reason}" if self.reason else self.detail

    @property
    def needed_words(self) -> str:
        """What the token needs: all that a fine-grained one lacks, or one of the scopes."""
        return _needed_words(self.needed, granular=self.granular)

    @property
    def is_trouble(self) -> bool:
        """Whether the network or GitLab itself failed: the same call may succeed later."""
        return self.code == ErrorCode.NETWORK_ERROR or self.code.startswith("http_5")

    @property
    def leaves_open(self) -> bool:
        """Whether GitLab may have done what it was asked to do all the same: no answer, that of a
        proxy, or one that says success without the result.
        """
        return self.is_trouble or self.code.startswith("http_2")


@dataclass(frozen=True, slots=True)
class Fetched:
    """The items of one batch by iid. A requested item that is missing here is deleted, or
    not visible to the token. ``started_at`` is the start of the fetch; it orders answers.
    """

    items: Mapping[int, Snapshot]
    started_at: datetime


@dataclass(frozen=True, slots=True)
class TokenCheck:
    """A token that works. ``scopes``, ``created_at`` and ``expires_at`` are None if GitLab does
    not send them (before 15.5, for example); ``expires_at`` also if the token never expires.
    ``missing`` lists permissions that a fine-grained token lacks for some linked items.
    """

    user: Person | None
    scopes: tuple[str, ...] | None
    expires_at: date | None
    gitlab_version: str | None
    missing: tuple[str, ...] = ()
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewToken:
    """The plaintext token that replaces the former one after a rotation."""

    token: str = field(repr=False)
    expires_at: date | None


@dataclass(frozen=True, slots=True)
class RateLimit:
    """GitLab's latest ``RateLimit-*`` headers; None for a header that was missing."""

    limit: int | None
    remaining: int | None
    reset_at: datetime | None


def _needed_words(needed: Sequence[str], *, granular: bool) -> str:
    if granular:
        return listed(needed) or "a permission that GitLab does not name"
    return listed(needed, "or")


READING_SCOPES = ("read_api", "api")
_SCOPE = re.compile(rb'"scope"\s*:\s*"([a-z_ ]{1,200})"')
_KNOWN_SCOPES = ("read_api", "api", "self_rotate", "read_user")


def _needed_scopes(body: bytes) -> tuple[str, ...]:
    """The scopes in GitLab's answer. Only known scopes are used, never other text from it."""
    found = _SCOPE.search(body)
    named = set(found.group(1).decode().split()) if found else set()
    return tuple(scope for scope in _KNOWN_SCOPES if scope in named) or READING_SCOPES


_STATUS_DETAILS = {
    401: "GitLab does not accept the token: it is wrong, expired or revoked.",
    403: "GitLab denies this to the owner of the token.",
    404: "GitLab does not have this, or the token's owner may not see it.",
    429: "GitLab's rate limit is used up.",
}
_STATUS_CODES = {401: ErrorCode.AUTH_ERROR, 404: ErrorCode.NOT_FOUND, 429: ErrorCode.RATE_LIMITED}


def failure_of_status(status: int, body: bytes, retry_after: float | None) -> GitLabFailure:
    """The failure for an answer with a status other than 2xx."""
    refusal = read_refusal(body) if status in (401, 403) else Refusal()
    if refusal.granular:
        named = _needed_words(refusal.permissions, granular=True)
        return GitLabFailure(
            ErrorCode.INSUFFICIENT_SCOPE,
            f"The fine-grained token lacks {named}.",
            http_status=status,
            needed=refusal.permissions,
            granular=True,
            reason=refusal.reason,
        )
    if status == 403 and b"insufficient_scope" in body:
        needed = _needed_scopes(body)
        return GitLabFailure(
            ErrorCode.INSUFFICIENT_SCOPE,
            f"The token lacks a scope: it needs {_needed_words(needed, granular=False)}.",
            http_status=status,
            needed=needed,
        )
    detail = _STATUS_DETAILS.get(status)
    if detail is None and 300 <= status < 400:
        detail = "GitLab redirects to another address; is the base URL the right one?"
    elif detail is None and status >= 500:
        detail = f"GitLab, or a proxy in front of it, failed with status {status}."
    return GitLabFailure(
        _STATUS_CODES.get(status, f"http_{status}"),
        detail or f"GitLab answered with status {status}.",
        http_status=status,
        retry_after=retry_after,
        reason=refusal.reason,
    )
