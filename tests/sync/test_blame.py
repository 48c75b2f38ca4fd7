"""Whose failure it is: the connection's or the project's."""

from dataclasses import dataclass

import pytest

from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.sync.blame import REFUSED_HERE, blame, wants_account


@dataclass
class Answered:
    failure: GitLabFailure | None


@dataclass
class Round:
    answers: list[Answered]
    account_asked: bool = False
    account_failure: GitLabFailure | None = None


def failed(code, **details):
    return GitLabFailure(code, "in words", **details)


def judged(*codes, account="not asked"):
    """The verdict on answers (None is a success) and on the answer about the account."""
    answers = [Answered(None if code is None else failed(code)) for code in codes]
    if account == "not asked":
        return blame(Round(answers))
    return blame(Round(answers, True, None if account is None else failed(account)))


def connection(verdict):
    return verdict.connection and verdict.connection.code


QUESTIONABLE = [
    "auth_error", "network_error", "http_500", "http_502", "http_403", "http_302", "http_200",
]  # fmt: skip


@pytest.mark.parametrize("code", QUESTIONABLE)
def test_beside_a_success_it_is_the_projects(code):
    verdict = judged(code, None)
    assert connection(verdict) is None
    assert verdict.item_code(failed(code)) == (REFUSED_HERE if code == "auth_error" else code)


@pytest.mark.parametrize("code", QUESTIONABLE)
def test_if_the_account_check_succeeds_it_is_the_projects(code):
    verdict = judged(code, account=None)
    assert (connection(verdict), verdict.works) == (None, True)
    assert verdict.item_code(failed(code)) is not None


@pytest.mark.parametrize("code", QUESTIONABLE)
def test_if_the_account_check_fails_too_it_is_the_connections(code):
    verdict = judged(code, code, account=code)
    assert (connection(verdict), verdict.works) == (code, False)


@pytest.mark.parametrize("code", ["auth_error", "http_403", "http_302", "http_200"])
def test_what_the_whole_connection_is_refused_leaves_its_items_due(code):
    assert judged(code, account=code).item_code(failed(code)) is None


def test_trouble_is_noted_on_the_items_also_while_it_is_the_connections():
    assert judged("http_502", account="http_502").item_code(failed("http_502")) == "http_502"


def test_a_refused_account_is_the_failure_whatever_the_calls_gave():
    assert connection(judged("http_500", account="auth_error")) == "auth_error"


def test_an_account_that_may_not_be_asked_about_proves_no_trouble():
    """GitLab answers: it refuses."""
    verdict = judged("http_500", account="http_403")
    assert (connection(verdict), verdict.works) == (None, True)


def test_the_account_is_checked_only_if_that_decides():
    assert wants_account([Answered(failed("http_500")), Answered(failed("not_found"))])
    assert not wants_account([Answered(failed("http_500")), Answered(None)])
    assert not wants_account([Answered(failed("not_found"))])
    assert not wants_account([Answered(failed("rate_limited"))])


def test_without_time_for_the_check_trouble_counts_as_the_connections():
    assert connection(judged("network_error")) == "network_error"
    assert connection(judged("http_403")) is None


@pytest.mark.parametrize("code", ["rate_limited", "blocked_address"])
def test_what_stops_all_calls_is_the_connections_whatever_else_there_was(code):
    verdict = judged(None, code, "http_500")
    assert connection(verdict) == code
    assert verdict.item_code(failed(code)) is None


def test_a_scope_that_is_missing_for_all_is_the_connections_and_for_one_the_projects():
    assert connection(judged("insufficient_scope")) == "insufficient_scope"
    verdict = judged("insufficient_scope", None)
    assert connection(verdict) is None
    assert verdict.item_code(failed("insufficient_scope")) == "insufficient_scope"


def test_a_permission_that_a_fine_grained_token_lacks_is_the_projects():
    lacking = failed("insufficient_scope", granular=True, needed=("Work Item: Read",))
    verdict = blame(Round([Answered(lacking)]))
    assert (connection(verdict), verdict.works) == (None, True)
    assert verdict.item_code(lacking) == "insufficient_scope"
