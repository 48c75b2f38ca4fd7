"""Headers and cookies that keep browsers from being used against their owners."""

from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from gitlab_links.config.settings import Settings
from tests.conftest import MakeApp
from tests.databases import make_application


@pytest.mark.parametrize("path", ["/healthz", "/api/me", "/api/nowhere", "/login", "/api/docs"])
def test_every_answer_is_hardened(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers
    assert headers["Cache-Control"]


def test_over_https_browsers_are_made_to_stay_there(make_app: MakeApp) -> None:
    app = make_app(public_base_url="https://links.example.com")
    answer = app.test_client().get("/healthz")
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert app.config["SESSION_COOKIE_NAME"] == "__Host-session"
    assert app.config["SESSION_COOKIE_SECURE"] is True


def test_errors_are_not_kept_by_caches(client: FlaskClient) -> None:
    assert client.get("/api/me").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("hops", "address"), [(0, "127.0.0.1"), (1, "203.0.113.9")])
def test_forwarded_addresses_count_only_behind_a_trusted_proxy(
    settings: Settings, hops: int, address: str
) -> None:
    seen: list[str | None] = []
    app = make_application(replace(settings, trusted_proxies=hops))

    @app.before_request
    def note() -> None:
        from flask import request

        seen.append(request.remote_addr)

    app.test_client().get("/healthz", headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.9"})
    assert seen == [address]


@pytest.mark.parametrize(
    ("offered", "kept"),
    [
        ("0123456789abcdef", True),
        ("a-b_c.d-1234", True),
        ("short", False),
        ("x" * 65, False),
        ("with space", False),
        ("<script>alert", False),
    ],
)
def test_request_ids_are_taken_if_harmless(client: FlaskClient, offered: str, kept: bool) -> None:
    sent_back = client.get("/healthz", headers={"X-Request-ID": offered}).headers["X-Request-ID"]
    assert (sent_back == offered) is kept
    assert len(sent_back) >= 8


def test_request_ids_differ(client: FlaskClient) -> None:
    assert len({client.get("/healthz").headers["X-Request-ID"] for _ in range(5)}) == 5
