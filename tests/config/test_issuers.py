"""The issuer among the settings."""

import pytest

from gitlab_links.config.issuers import Issuer
from gitlab_links.config.settings import ConfigError, Settings

BASE = {
    "SECRET_KEY": "long enough to be a secret",
    "OIDC_ISSUER": "https://gitlab.example.com/",
    "OIDC_CLIENT_ID": "id",
    "OIDC_CLIENT_SECRET": "its secret",
}


def test_an_issuer_with_what_is_usual() -> None:
    found = Settings.from_environ(BASE).issuer
    assert found == Issuer("https://gitlab.example.com", "id", "its secret", "GitLab")
    assert "its secret" not in repr(found)


def test_everything_else_is_chosen() -> None:
    more = {
        "OIDC_LABEL": "Acme",
        "OIDC_TRUST_ADDRESSES": "yes",
        "PASSWORD_LOGIN": "no",
        "BREAK_GLASS_EMAIL": "Root@Example.com",
    }
    found = Settings.from_environ(BASE | more).issuer
    assert found is not None
    assert (found.label, found.trusts_addresses, found.passwords) == ("Acme", True, False)
    assert found.lets_in_by_password("root@example.com")
    assert not found.lets_in_by_password("ana@example.com")


def test_without_an_issuer_there_is_none() -> None:
    assert Settings.from_environ({"SECRET_KEY": BASE["SECRET_KEY"]}).issuer is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"OIDC_CLIENT_ID": ""}, "OIDC_CLIENT_ID: required with OIDC_ISSUER"),
        ({"OIDC_CLIENT_SECRET": ""}, "OIDC_CLIENT_SECRET: required with OIDC_ISSUER"),
        ({"OIDC_CLIENT_SECRET": "change-me"}, "OIDC_CLIENT_SECRET: is still a placeholder"),
        ({"OIDC_ISSUER": "gitlab.example.com"}, "OIDC_ISSUER: must be a URL"),
        ({"OIDC_TRUST_ADDRESSES": "maybe"}, "OIDC_TRUST_ADDRESSES: must be yes or no"),
        ({"PASSWORD_LOGIN": "no"}, "BREAK_GLASS_EMAIL: required"),
        ({"PASSWORD_LOGIN": "no", "OIDC_ISSUER": ""}, "PASSWORD_LOGIN: no is possible only"),
        ({"BREAK_GLASS_EMAIL": "x"}, "BREAK_GLASS_EMAIL: must be an e-mail address"),
        ({"OIDC_LABEL": "x" * 41}, "OIDC_LABEL: must be a name"),
    ],
)
def test_what_is_wrong_prevents_the_start(changes: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Settings.from_environ(BASE | changes)
