"""Decide whose failure a round's failures are: the connection's, or the items' and projects'.

No I/O. A failure is the connection's if every call would fail: the address does not answer,
the token is refused, the account is blocked. If another call succeeds, or the one about the
account, it is the project's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.gitlab.error_codes import ErrorCode, stops_all_calls

if TYPE_CHECKING:
    from gitlab_links.sync.fetching import Round

# The error code of a project that refuses a token which works elsewhere.
REFUSED_HERE = "http_401"


class Answered(Protocol):
    """The result of a call; ``failure`` is None if it succeeded."""

    @property
    def failure(self) -> GitLabFailure | None: ...


class Kind(Enum):
    """A group of failures that may have one common cause."""

    TROUBLE = "trouble"  # no answer, or a server error
    REFUSED = "refused"  # 403, a redirect, or a page instead of JSON
    TOKEN = "token"  # 401


@dataclass(frozen=True, slots=True)
class Blame:
    """``connection`` is the connection's failure, if any. ``works``: a call succeeded, or GitLab
    answered about the account.
    """

    connection: GitLabFailure | None
    works: bool

    def item_code(self, failure: GitLabFailure) -> str | None:
        """The error code for the items of a failed call; None leaves them due."""
        if failure.code == ErrorCode.AUTH_ERROR and self.works and self.connection is None:
            return REFUSED_HERE
        if failure.granular or (failure.code == ErrorCode.INSUFFICIENT_SCOPE and self.works):
            return failure.code
        if stops_all_calls(failure.code):
            return None
        refused = self.connection is not None and kind_of(self.connection) is not Kind.TROUBLE
        return None if refused and kind_of(failure) is not None else failure.code


def kind_of(failure: GitLabFailure) -> Kind | None:
    """The kind of a failure that may be the connection's; None for any other."""
    code = failure.code
    if failure.is_trouble:
        return Kind.TROUBLE
    if code in {"http_403", "http_200"} or code.startswith("http_3"):
        return Kind.REFUSED
    return Kind.TOKEN if code == ErrorCode.AUTH_ERROR else None


def wants_account(answers: Sequence[Answered]) -> bool:
    """Whether a call about the account is needed to decide whose failure it is."""
    failures = [answer.failure for answer in answers if answer.failure is not None]
    none_succeeded = len(failures) == len(answers)
    return none_succeeded and any(kind_of(failure) is not None for failure in failures)


def blame(calls: "Round[Any]") -> Blame:
    """Decide whose failures those of a round are."""
    failures = [answer.failure for answer in calls.answers if answer.failure is not None]
    succeeded = len(failures) < len(calls.answers)
    named = _of_the_connection(failures, succeeded=succeeded)
    if named is not None:
        return Blame(named, works=succeeded)
    granular = any(failure.granular for failure in failures)  # GitLab accepted the token
    if succeeded or granular or (calls.account_asked and calls.account_failure is None):
        return Blame(None, works=True)
    if not calls.account_asked:
        doubtful = (one for one in failures if kind_of(one) in {Kind.TROUBLE, Kind.TOKEN})
        return Blame(next(doubtful, None), works=False)
    return _by_account(failures, calls.account_failure)


def _of_the_connection(
    failures: Iterable[GitLabFailure], *, succeeded: bool
) -> GitLabFailure | None:
    """A failure that is certainly the connection's, the most severe first."""
    stops = [one for one in failures if stops_all_calls(one.code) and not one.granular]
    limited = [one for one in stops if one.code == ErrorCode.RATE_LIMITED]
    ended_by_a_person = [
        one
        for one in stops
        if one.code not in {ErrorCode.RATE_LIMITED, ErrorCode.AUTH_ERROR}
        and not (succeeded and one.code == ErrorCode.INSUFFICIENT_SCOPE)
    ]
    return next(iter([*ended_by_a_person, *limited]), None)


def _by_account(failures: Sequence[GitLabFailure], account: GitLabFailure | None) -> Blame:
    if account is None:
        return Blame(None, works=True)
    kinds = {kind_of(failure) for failure in failures}
    if kind_of(account) is Kind.REFUSED and not kinds & {Kind.REFUSED, Kind.TOKEN}:
        return Blame(None, works=True)  # GitLab answers and denies only that call
    return Blame(account, works=False)
