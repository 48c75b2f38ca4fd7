"""GitLab's reason for a refusal is always one line of text with limited length."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.gitlab.answers import failure_of_status
from gitlab_links.gitlab.refusals import LONGEST_REASON, MOST_PERMISSIONS, Refusal, read_refusal


def refusal(**body):
    return read_refusal(json.dumps(body).encode())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"message": "403 Forbidden - Your account has been blocked."},
         "Your account has been blocked."),
        ({"message": "403 Forbidden"}, None),
        ({"message": "You must accept the Terms of Service."},
         "You must accept the Terms of Service."),
        ({"error": "invalid_token", "error_description": "Token was revoked."},
         "Token was revoked."),
        ({"message": {"base": ["no"]}}, None),
        ({"message": "<b>no</b>\n\x1b[31m\u202eevil"}, "<b>no</b> [31m evil"),
        ({}, None),
    ],
)  # fmt: skip
def test_the_reason_is_gitlabs_own_in_one_line(body, reason):
    assert refusal(**body).reason == reason


@pytest.mark.parametrize(
    ("sentence", "permissions", "words"),
    [
        ("Access denied: This operation requires a fine-grained personal access token with the "
         "following project permissions: [Project: Read, Work Item: Read].",
         ("Project: Read", "Work Item: Read"), "Project: Read and Work Item: Read"),
        ('Access denied: Your Personal Access Token lacks the required permissions: '
         '[read_issue] for "acme/press".', ("read_issue",), "read_issue"),
        ("Access denied.", (), "a permission that GitLab does not name"),
        ("permissions: [<script>, Work Item: Read]", ("Work Item: Read",), "Work Item: Read"),
    ],
)  # fmt: skip
def test_the_permissions_that_are_missing_are_named(sentence, permissions, words):
    found = refusal(error="insufficient_granular_scope", error_description=sentence)
    assert (found.granular, found.permissions) == (True, permissions)
    failure = failure_of_status(
        403,
        json.dumps(
            {"error": "insufficient_granular_scope", "error_description": sentence}
        ).encode(),
        None,
    )
    assert (failure.code, failure.granular) == ("insufficient_scope", True)
    assert failure.needed == permissions
    assert failure.needed_words == words
    assert failure.detail == f"The fine-grained token lacks {words}."


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"3", b"{" * 5000, b"\xff\xfe", b"null"])
def test_a_body_that_is_no_object_says_nothing(body):
    assert read_refusal(body) == Refusal()


@given(st.text(), st.sampled_from(["message", "error_description", "error"]))
def test_every_reason_is_short_and_visible(text, name):
    reason = refusal(**{name: text * 50}).reason
    assert reason is None or (len(reason) <= LONGEST_REASON and reason.isprintable())


@given(st.lists(st.text(min_size=1, max_size=80), max_size=40))
def test_the_number_of_permissions_is_limited(names):
    sentence = f"the following permissions: [{', '.join(names)}]"
    found = refusal(error="insufficient_granular_scope", error_description=sentence)
    assert len(found.permissions) <= MOST_PERMISSIONS
