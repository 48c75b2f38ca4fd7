"""Pages take forms and nothing else; what else comes is refused before it is read."""

import io
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.sessions import TRIES_PER_ADDRESS
from tests.api.callers import Caller, browser, nobody
from tests.factories import Factory

BODIES = {
    "an object": b'{"email": 5}',
    "a number": b"5",
    "nesting": b"[" * 60_000,
    "nothing": b"",
}


@pytest.fixture
def org(factory: Factory) -> Org:
    return factory.org(task_key="ACME")


@pytest.fixture
def member(app: Flask, factory: Factory, org: Org) -> Caller:
    caller = browser(app, factory.membership(org).user_id)
    caller.post(
        f"/orgs/{org.id}/tasks/new",
        data={
            "title": "First",
            "description": "",
            "external_url": "",
            "assignee_id": "",
            "due_date": "",
        },
    )
    return caller


def forms(org: Org) -> list[str]:
    """The pages that read a form by its class, and some that read it by hand."""
    base = f"/orgs/{org.id}"
    return [
        "/login",
        "/logout",
        "/account/password",
        f"{base}/tasks/new",
        f"{base}/tasks/ACME-1/edit",
        f"{base}/tasks/ACME-1/status",
        f"{base}/tasks/ACME-1/links",
        f"{base}/gitlab",
        f"{base}/api-keys",
    ]


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("kind", ["application/json", "application/x+json", "text/plain"])
def test_a_page_refuses_what_is_no_form(
    app: Flask, org: Org, member: Caller, capsys: pytest.CaptureFixture[str], kind: str, body: bytes
) -> None:
    for path in forms(org):
        for caller in (member, nobody(app)):
            answer = caller.post(path, data=body, content_type=kind)
            assert (path, answer.status_code) == (path, 415)
    assert "Traceback" not in capsys.readouterr().err


def test_a_body_without_a_type_is_no_form(app: Flask, org: Org, member: Caller) -> None:
    for path in forms(org):
        assert (path, member.post(path, data=b"a=b").status_code) == (path, 415)


def test_a_body_that_hides_its_length_is_no_form_either(member: Caller) -> None:
    answer = member.post(
        "/logout",
        input_stream=io.BytesIO(b"5"),
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )
    assert answer.status_code == 415


def test_a_file_has_no_place_in_any_form(
    app: Flask, org: Org, member: Caller, capsys: pytest.CaptureFixture[str]
) -> None:
    fields = ("email", "current", "title", "csrf_token", "other")
    for path in forms(org):
        for caller in (member, nobody(app)):
            for field in fields:
                parts = {field: (io.BytesIO(b"content"), "file.txt")}
                answer = caller.post(path, data=parts, content_type="multipart/form-data")
                assert (path, answer.status_code) == (path, 415)
    assert "Traceback" not in capsys.readouterr().err


NAMELESS = b"--x\r\nContent-Disposition: form-data\r\n\r\nhi\r\n--x--\r\n"


@pytest.mark.parametrize(
    ("kind", "body"),
    [("application/json", b"5"), ("multipart/form-data; boundary=x", NAMELESS)],
    ids=["json", "a part without a name"],
)
def test_no_form_page_at_all_takes_it(
    app: Flask, org: Org, member: Caller, kind: str, body: bytes
) -> None:
    """Every route of a page that takes a POST, for strangers and for who is logged in."""
    pages = sorted(
        {rule.rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    )
    paths = [
        re.sub(r"<uuid:\w+>", str(org.id), rule).replace("<reference>", "ACME-1")
        for rule in pages
        if not rule.startswith("/api/")
    ]
    assert len(paths) > 30
    for number, rule in enumerate(paths):
        path = re.sub("<.*?>", "x", re.sub(r"<any\((\w+).*?>", r"\1", rule))
        stranger = {"REMOTE_ADDR": f"10.0.0.{number}"}  # or the throttle answers
        for caller, place in ((member, {}), (nobody(app), stranger)):
            answer = caller.post(path, data=body, content_type=kind, environ_overrides=place)
            assert (path, answer.status_code) == (path, 415)


def test_a_form_sent_to_the_api_by_a_browser_is_refused(org: Org, member: Caller) -> None:
    for body in (NAMELESS, NAMELESS.replace(b"data\r", b'data; name="a"; filename="b"\r')):
        answer = member.post(
            f"/api/orgs/{org.id}/tasks", data=body, content_type="multipart/form-data; boundary=x"
        )
        assert (answer.status_code, answer.json["code"]) == (415, "unsupported_media_type")


def test_programs_get_a_code_and_people_a_page(client: FlaskClient) -> None:
    options = {"data": b"5", "content_type": "application/json"}
    answer = client.post("/login", headers={"Accept": "application/json"}, **options)
    assert answer.json["code"] == "unsupported_media_type"
    answer = client.post("/login", headers={"Accept": "text/html"}, **options)
    assert (answer.status_code, answer.mimetype) == (415, "text/html")
    assert "Open the page" in answer.text


def test_a_form_with_parts_is_read(app: Flask, org: Org, member: Caller) -> None:
    answer = member.post(
        f"/orgs/{org.id}/tasks/new",
        data={
            "title": "Ship",
            "description": "",
            "external_url": "",
            "assignee_id": "",
            "due_date": "",
        },
        content_type="multipart/form-data",
    )
    assert answer.status_code == 302


@pytest.mark.usefixtures("clock")  # the window must not end meanwhile
def test_what_is_no_form_counts_as_a_failed_login_of_the_address(client: FlaskClient) -> None:
    def junk() -> int:
        return client.post("/login", data=b"5", content_type="application/json").status_code

    assert {junk() for _ in range(TRIES_PER_ADDRESS)} == {415}
    assert junk() == 429
    page = client.get("/login").get_data(as_text=True)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token is not None
    form = {"email": "a@example.com", "password": "x", "csrf_token": token.group(1)}
    assert client.post("/login", data=form).status_code == 429
