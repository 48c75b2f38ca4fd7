"""Nobody gets past the gate who is not declared to."""

import io

import pytest
from flask import Flask

from gitlab_links.http.access import declaration_of
from gitlab_links.http.guard import MAX_BODY_BYTES
from tests.api.callers import program
from tests.conftest import MakeApp
from tests.factories import Factory


def test_every_route_declares_its_callers(app: Flask) -> None:
    undeclared = [
        rule.endpoint
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if declaration_of(app, rule.endpoint, method) is None
    ]
    assert undeclared == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_route_that_declares_nothing_is_closed(small: Flask, method: str) -> None:
    answer = small.test_client().open("/api/t/undeclared", method=method)
    assert answer.status_code == 403


def test_a_public_write_needs_the_token_too(small: Flask) -> None:
    answer = small.test_client().post("/api/t/users?email=a@example.com")
    assert (answer.status_code, answer.json["code"]) == (403, "csrf_failed")


@pytest.mark.parametrize(("extra", "status"), [(0, 201), (1, 413)])
def test_a_body_that_hides_its_length_is_cut_off(
    app: Flask, factory: Factory, extra: int, status: int
) -> None:
    org = factory.org()
    body = b'{"title": "a"}'
    stream = io.BytesIO(body + b" " * (MAX_BODY_BYTES - len(body) + extra))
    answer = program(app, factory.api_key(org)).post(
        f"/api/orgs/{org.id}/tasks",
        input_stream=stream,
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )
    assert answer.status_code == status
    assert answer.json.get("code") in {None, "body_too_large"}


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("links.example.com", 404),
        ("links.example.com:8443", 404),
        ("localhost", 404),
        ("127.0.0.1:8000", 404),
        ("evil.example", 400),
        ("links.example.com.evil.example", 400),
    ],
)
def test_other_host_names_are_refused_once_there_is_a_public_one(
    make_app: MakeApp, host: str, status: int
) -> None:
    app = make_app(public_base_url="https://links.example.com")
    answer = app.test_client().get("/api/nowhere", headers={"Host": host})
    assert answer.status_code == status


def test_probes_may_use_any_name(make_app: MakeApp) -> None:
    client = make_app(public_base_url="https://links.example.com").test_client()
    assert client.get("/healthz", headers={"Host": "10.1.2.3:8000"}).status_code == 200


def test_on_a_laptop_any_name_will_do(make_app: MakeApp) -> None:
    client = make_app(public_base_url="http://127.0.0.1:8000").test_client()
    assert client.get("/api/nowhere", headers={"Host": "laptop.local"}).status_code == 404


@pytest.mark.parametrize("public", ["http://127.0.0.1:8000", "https://links.example.com"])
@pytest.mark.parametrize("host", ["a" * 64 + ".example.com", "a..b"])
def test_a_host_header_that_no_address_can_be_made_from_is_no_failure_of_ours(
    make_app: MakeApp, capsys: pytest.CaptureFixture[str], public: str, host: str
) -> None:
    client = make_app(public_base_url=public).test_client()
    answer = client.get("/login", headers={"Host": host, "Accept": "text/html"})
    assert (answer.status_code, answer.mimetype) == (400, "text/html")
    assert capsys.readouterr().err == ""
