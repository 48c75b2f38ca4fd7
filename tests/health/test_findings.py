"""Every finding has its words, and its code stands in the documents."""

from pathlib import Path

import pytest

from gitlab_links.gitlab.error_codes import ErrorCode, Severity, facts_of
from gitlab_links.health import messages
from gitlab_links.health.findings import Finding

API = (Path(__file__).parents[2] / "docs" / "api" / "README.md").read_text(encoding="utf-8")
OF_CONNECTIONS = [
    code for code in ErrorCode if facts_of(code).stops_all_calls and not code.startswith("missing_")
]


# The words for insufficient_scope where the token has permissions instead.
OF_NO_CODE = {"insufficient_permissions"}


@pytest.mark.parametrize("code", sorted({*messages._SUMMARIES, *OF_CONNECTIONS} - OF_NO_CODE))
def test_the_code_of_a_finding_is_documented(code):
    assert f"`{code}`" in API


@pytest.mark.parametrize("reason", ["token_missing", "signature_wrong"])
def test_what_is_wrong_with_a_refused_webhook_is_not_put_into_gitlabs_mouth(reason):
    detail = {"times": 3, "last_at": "2026-05-01 12:00", "address": "10.0.0.9", "reason": reason}
    finding = Finding("webhooks_refused", Severity.WARNING, detail=detail)

    assert "GitLab says" not in messages.summary(finding)


def test_what_has_a_summary_has_a_remedy():
    assert messages._SUMMARIES.keys() == messages._REMEDIES.keys()
