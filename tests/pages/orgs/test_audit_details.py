"""What was changed, as the audit log's page says it."""

import pytest

from gitlab_links.accounts.roles import Role
from gitlab_links.gitlab.error_codes import facts_of
from gitlab_links.pages.orgs.audit_details import details_of
from tests.pages.conftest import As
from tests.pages.markup import text_of


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ({"base_url": "https://gitlab.example"}, ("base URL", "https://gitlab.example")),
        ({"changed": ["base_url", "signing_token"]}, ("changed", "base URL, signing token")),
        ({"role": "pm"}, ("role", "Project manager")),
        ({"role": "of another version"}, ("role", "of another version")),
        ({"error_code": "missing_token"}, ("error code", facts_of("missing_token").summary)),
        ({"due_date": None}, ("due date", "none")),
        ({"scopes": ["read", "write"]}, ("scopes", "read, write")),
        ({"projects": 3}, ("projects", "3")),
    ],
)
def test_a_detail_is_said_in_words(stored: dict[str, object], said: tuple[str, str]) -> None:
    assert details_of(stored) == [said]


def test_that_there_was_no_error_is_left_out() -> None:
    assert details_of({"status": "valid", "error_code": None}) == [("status", "valid")]


def test_a_changed_role_is_named_as_on_the_members_page(acting: As, base: str) -> None:
    admin = acting(Role.ADMIN)
    admin.post(f"{base}/members", data={"email": "ben@example.com", "name": "Ben", "role": "pm"})
    assert "role Project manager" in text_of(admin.get(f"{base}/audit"))
