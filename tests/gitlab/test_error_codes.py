"""One table has the facts of every error code."""

import pytest

from gitlab_links.gitlab.error_codes import (
    EndedBy,
    ErrorCode,
    facts_of,
    in_words,
    needs_a_person,
    stops_all_calls,
)


@pytest.mark.parametrize(
    "code", [*ErrorCode, "http_500", "http_418", "http_302", "a_code_of_tomorrow"]
)
def test_every_code_has_a_summary_a_remedy_and_advice(code):
    facts = facts_of(code)
    for text in (facts.summary, facts.remedy, facts.advice):
        assert text[0].isupper()
        assert text.endswith(".")
    assert "Ask an admin" not in facts.remedy


def test_errors_that_need_a_person_are_distinguished_from_temporary_ones():
    assert needs_a_person("auth_error")
    assert needs_a_person("blocked_address")
    assert not needs_a_person("rate_limited")
    assert not needs_a_person("http_502")
    assert facts_of("blocked_address").ended_by is EndedBy.OPERATOR


def test_a_failure_of_one_item_does_not_stop_the_others():
    assert [
        code for code in ("not_found", "network_error", "http_403") if stops_all_calls(code)
    ] == []


@pytest.mark.parametrize("code", ["processing_error", "processing_interrupted"])
def test_a_delivery_that_failed_here_does_not_blame_gitlab(code):
    assert "GitLab" not in facts_of(code).summary


def test_what_a_person_began_and_a_pause_ended_is_theirs_to_repeat() -> None:
    assert "No action needed" in facts_of("rate_limited").remedy
    words = in_words("rate_limited")
    assert "No action needed" not in words
    assert words.endswith("asked for a pause. Wait a few minutes, then do it again.")
