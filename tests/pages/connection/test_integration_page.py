"""The page of the connection: its health in words, and its settings."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.audit.models import AuditEvent
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.health import connecting
from gitlab_links.health.token_check import Question, Validation
from gitlab_links.http.gitlab_waits import waiting_for_gitlab
from gitlab_links.integrations.changes import find_integration
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.integrations.webhook_secrets import webhook_secret_matches
from gitlab_links.pages.connection.integration import TOKEN_PAGE
from tests.api.callers import Caller
from tests.conftest import GITLAB_TOKEN
from tests.factories import Factory
from tests.pages.conftest import As
from tests.pages.markup import Markup, hidden, text_of, words

if TYPE_CHECKING:
    from gitlab_links.demo.gitlab import SimulatedGitLab

BASE_URL = "https://gitlab.example.com"
TOKEN = "glpat-canary-of-the-tests"


@pytest.fixture
def path(base: str) -> str:
    return f"{base}/gitlab"


def stored(app: Flask, org: Org) -> OrgGitLabIntegration | None:
    with app.app_context():
        return find_integration(org.id)


def change(app: Flask, org: Org, **values: Any) -> None:
    with app.app_context():
        row = db.session.scalars(select(OrgGitLabIntegration)).one()
        for name, value in values.items():
            setattr(row, name, value)
        db.session.commit()


def headline(page: Markup) -> str:
    return page.one("h2", id="health-heading").text.strip()


def test_an_org_without_a_connection_is_led_to_it(acting: As, org: Org, path: str) -> None:
    answer = acting(Role.PM).get(path)
    page = Markup.of(answer)
    assert headline(page) == "Not connected yet"
    assert "Start with step 1: set the address of your GitLab." in text_of(answer)
    webhook = page.one("input", id="webhook-url")["value"]
    assert webhook == f"http://localhost/api/orgs/{org.id}/integrations/gitlab/webhook"
    assert [words(box.text) for box in page.all("li") if box.parents[-1] == "ul"][-6:] == [
        "Comments", "Confidential comments", "Issues events", "Confidential issues events",
        "Merge request events", "Pipeline events",
    ]  # fmt: skip


def test_a_new_token_is_asked_for_with_what_the_better_way_needs(
    acting: As, factory: Factory, org: Org, path: str
) -> None:
    admin = acting(Role.ADMIN)
    blank = Markup.of(admin.get(path)).one("a", data_token_page=TOKEN_PAGE)
    assert "hidden" in blank.attributes
    factory.integration(org)
    page = Markup.of(admin.get(path))
    link = page.one("a", data_token_page=TOKEN_PAGE)
    assert link["href"] == f"{BASE_URL}{TOKEN_PAGE}"
    assert "scopes=api,self_rotate" in link["href"]
    assert "this page creates the webhooks" in words(page.one("main").text)


def folded(who: Caller, path: str) -> list[bool]:
    """Of the steps of the set-up, which ones are folded."""
    page = Markup.of(who.get(path))
    steps = [one for one in page.all("details") if one.parents[-2:] == ("ol", "li")]
    return ["open" not in step.attributes for step in steps][:4]


def test_steps_are_open_in_their_turn_and_fold_away_once_they_are_done(
    acting: As, path: str, gitlab: "SimulatedGitLab"
) -> None:
    admin = acting(Role.ADMIN)
    assert folded(admin, path) == [False, True, True, True]
    save(admin, path, {"base_url": gitlab.url, "token": "glpat-refused"})
    assert folded(admin, path) == [False, True, True, True]
    save(admin, path, {"base_url": gitlab.url, "token": GITLAB_TOKEN})
    assert folded(admin, path) == [True, False, True, True]
    admin.post(f"{path}/webhook-secret", data=hidden(admin.get(path), "secrets_version"))
    assert folded(admin, path) == [True, False, False, False]  # the secret is shown, this once
    assert folded(admin, path) == [True, False, True, False]


def test_with_a_token_that_only_reads_the_steps_by_hand_are_open_in_their_turn(
    acting: As, path: str, gitlab: "SimulatedGitLab"
) -> None:
    admin = acting(Role.ADMIN)
    gitlab.state.people.tokens[GITLAB_TOKEN].scopes = ("read_api",)
    save(admin, path, {"base_url": gitlab.url, "token": GITLAB_TOKEN})
    assert folded(admin, path) == [True, False, False, True]


def test_address_and_token_are_saved_and_the_token_never_shown(
    app: Flask, acting: As, org: Org, path: str
) -> None:
    admin = acting(Role.ADMIN)
    answer = save(admin, path, {"base_url": f" {BASE_URL}/ ", "token": TOKEN})
    page = admin.get(answer.headers["Location"])
    assert TOKEN not in page.text
    assert "Token set" in text_of(page)
    assert Markup.of(page).one("input", name="base_url")["value"] == BASE_URL
    row = stored(app, org)
    assert row is not None
    assert row.token_ciphertext is not None
    assert TOKEN not in row.token_ciphertext


def save(who: Caller, path: str, typed: dict[str, Any]) -> TestResponse:
    """Send the form of address and token as the page shows it now."""
    version = Markup.of(who.get(path)).one("input", name="connection_version")["value"]
    return who.post(path, data={**typed, "connection_version": version})


def after_saving(acting: As, path: str, base_url: str, token: str) -> str:
    """The page that follows Save."""
    admin = acting(Role.ADMIN)
    answer = save(admin, path, {"base_url": base_url, "token": token})
    assert answer.status_code == 302
    return admin.get(answer.location).text


def test_a_token_that_gitlab_refuses_is_not_called_saved_in_green(
    acting: As, path: str, gitlab: "SimulatedGitLab"
) -> None:
    page = after_saving(acting, path, gitlab.url, "glpat-of-nobody")
    assert "But it does not work yet: GitLab refuses the access token" in page
    assert "notice is-green" not in page
    assert "Not working" in page


def test_a_mistyped_token_leaves_the_one_that_works(
    app: Flask, acting: As, org: Org, path: str, gitlab: "SimulatedGitLab"
) -> None:
    after_saving(acting, path, gitlab.url, GITLAB_TOKEN)
    admin, before = acting(Role.ADMIN), kept_token(app, org)
    answer = save(admin, path, {"base_url": gitlab.url, "token": "glpat-wrong"})
    assert answer.status_code == 422
    error = Markup.of(answer).one("div", id="token-error").text
    assert "GitLab refuses the access token: it is mistyped" in error
    assert "Nothing was saved, and the present token stays." in error
    assert "Not working" not in text_of(admin.get(path))
    gitlab.state.faults.answer("close", times=None)
    answer = save(admin, path, {"base_url": gitlab.url, "token": GITLAB_TOKEN})
    assert answer.status_code == 422
    error = Markup.of(answer).one("div", id="token-error").text
    assert "GitLab cannot be reached. The new token could not be checked." in error
    with app.app_context(), waiting_for_gitlab(org.id):
        answer = save(admin, path, {"base_url": gitlab.url, "token": GITLAB_TOKEN})
    assert "Another request is waiting" in Markup.of(answer).one("div", id="token-error").text
    assert kept_token(app, org) == before


def test_a_connection_that_another_admin_changes_during_the_check_is_shown_first(
    app: Flask, acting: As, org: Org, path: str, gitlab: "SimulatedGitLab",
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    after_saving(acting, path, gitlab.url, GITLAB_TOKEN)
    admin, other, call = acting(Role.ADMIN), acting(Role.ADMIN), connecting.call_gitlab

    def disconnected_meanwhile(question: Question) -> Validation:
        seen = hidden(other.get(path), "settings_version")
        assert other.post(f"{path}/disconnect", data=seen).status_code == 302
        return call(question)

    monkeypatch.setattr(connecting, "call_gitlab", disconnected_meanwhile)
    answer = save(admin, path, {"base_url": gitlab.url, "token": GITLAB_TOKEN})
    assert answer.status_code == 412
    assert "Base URL, theirs none" in text_of(answer)
    with app.app_context():
        row = find_integration(org.id)
        assert row is None or row.token_ciphertext is None


def kept_token(app: Flask, org: Org) -> str | None:
    with app.app_context():
        row = find_integration(org.id)
        return None if row is None else row.token_ciphertext


def test_an_address_where_no_gitlab_answers_is_said_at_once(
    acting: As, path: str, gitlab: "SimulatedGitLab"
) -> None:
    gitlab.state.faults.answer("html", times=None)
    page = after_saving(acting, path, gitlab.url, GITLAB_TOKEN)
    assert "But it does not work yet: The answer is not" in page
    assert "notice is-green" not in page


def test_a_token_that_gitlab_accepts_is_said_to_be_accepted(
    acting: As, path: str, gitlab: "SimulatedGitLab"
) -> None:
    page = after_saving(acting, path, gitlab.url, GITLAB_TOKEN)
    assert "notice is-green" in page
    assert "accepts the token of" in page


def test_an_empty_token_keeps_the_present_one(
    app: Flask, acting: As, org: Org, factory: Factory, path: str
) -> None:
    before = factory.connect(org, base_url=BASE_URL, token=TOKEN).token_ciphertext
    save(acting(Role.PM), path, {"base_url": f"{BASE_URL}/", "token": ""})
    row = stored(app, org)
    assert row is not None
    assert (row.base_url, row.token_ciphertext) == (BASE_URL, before)


def test_an_empty_address_disconnects_nothing(
    app: Flask, acting: As, org: Org, factory: Factory, path: str
) -> None:
    before = factory.connect(org, base_url=BASE_URL, token=TOKEN).token_ciphertext
    answer = save(acting(Role.ADMIN), path, {"base_url": " ", "token": ""})
    assert answer.status_code == 422
    assert "press Disconnect" in Markup.of(answer).one("div", id="base_url-error").text
    row = stored(app, org)
    assert row is not None
    assert (row.base_url, row.token_ciphertext) == (BASE_URL, before)


@pytest.mark.parametrize(
    "address",
    ["https://gitlab.example.org", f"{BASE_URL}/gitlab", "https://gitlab.example.com:8443"],
)
def test_another_address_asks_before_it_forgets_the_token(
    app: Flask, acting: As, org: Org, factory: Factory, path: str, address: str
) -> None:
    factory.connect(org, base_url=BASE_URL, token=TOKEN, webhook_secret="a-secret")
    admin = acting(Role.ADMIN)
    typed = {"base_url": address, "token": ""}

    answer = save(admin, path, typed)

    assert answer.status_code == 409
    page = Markup.of(answer)
    assert page.one("input", name="base_url")["value"] == address
    assert "deletes the access token and the webhook secret" in text_of(answer)
    kept = stored(app, org)
    assert kept is not None
    assert kept.base_url == BASE_URL
    assert kept.token_ciphertext is not None

    other = save(admin, path, {**typed, "forget": BASE_URL})
    assert other.status_code == 409, "the answer was given for another address"
    answer = save(admin, path, {**typed, "forget": page.one("button", name="forget")["value"]})
    assert answer.status_code == 302
    gone = stored(app, org)
    assert gone is not None
    assert (gone.base_url, gone.token_ciphertext, gone.webhook_secret_hash) == (address, None, None)


def test_another_address_with_nothing_to_forget_is_saved_at_once(
    app: Flask, acting: As, org: Org, factory: Factory, path: str
) -> None:
    factory.connect(org, base_url=BASE_URL)
    save(acting(Role.ADMIN), path, {"base_url": "https://gitlab.example.org", "token": ""})
    row = stored(app, org)
    assert row is not None
    assert row.base_url == "https://gitlab.example.org"


def test_an_admin_who_changes_the_address_sees_what_was_deleted(
    acting: As, org: Org, factory: Factory, path: str
) -> None:
    factory.connect(org, base_url=BASE_URL, token=TOKEN, webhook_secret="a-secret")
    admin = acting(Role.ADMIN)
    message = (
        "The token, the webhook secret and the hook secrets of the previous address were deleted."
    )
    for address, forgotten in ((f"{BASE_URL}/", False), ("https://gitlab.example.org", True)):
        answer = save(admin, path, {"base_url": address, "token": TOKEN})
        assert (message in text_of(admin.get(answer.headers["Location"]))) is forgotten
    assert "Changing it deletes the token and the webhook secrets." in text_of(admin.get(path))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"base_url": "nonsense", "token": TOKEN}, "base_url"),
        ({"base_url": "https://127.0.0.1", "token": TOKEN}, "base_url"),
        ({"base_url": BASE_URL, "token": "with space"}, "token"),
        ({"base_url": "", "token": TOKEN}, "base_url"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(
    app: Flask, acting: As, org: Org, path: str, values: dict[str, str], field: str
) -> None:
    answer = save(acting(Role.ADMIN), path, values)
    assert answer.status_code == 422
    page = Markup.of(answer)
    assert page.one("div", id=f"{field}-error").text.strip()
    assert page.one("input", name="base_url")["value"] == values["base_url"]
    assert TOKEN not in answer.text
    row = stored(app, org)
    assert row is None or row.base_url is None


def test_a_webhook_secret_is_shown_once(app: Flask, acting: As, org: Org, path: str) -> None:
    admin = acting(Role.ADMIN)
    seen = hidden(admin.get(path), "secrets_version")
    answer = admin.post(f"{path}/webhook-secret", data=seen, follow_redirects=True)
    secret = Markup.of(answer).one("input", id="webhook-secret")["value"]
    assert answer.headers["Cache-Control"] == "no-store"
    with app.app_context():
        assert webhook_secret_matches(org.id, find_integration(org.id), secret, utcnow())
    assert secret not in admin.get(path).text
    seen = hidden(admin.get(path), "secrets_version")
    admin.post(f"{path}/webhook-secret", data=seen, follow_redirects=True)
    assert "The previous secret is valid as well" in text_of(admin.get(path))
    with app.app_context():
        details = [event.detail for event in db.session.scalars(select(AuditEvent))]
    assert secret not in str(details)


@pytest.mark.parametrize("token", ["", "no prefix", "whsec_!!"])
def test_a_bad_signing_token_is_refused(acting: As, path: str, token: str) -> None:
    manager = acting(Role.PM)
    seen = hidden(manager.get(path), "secrets_version")
    answer = manager.post(f"{path}/signing-token", data={"signing_token": token, **seen})
    assert answer.status_code == 422
    assert Markup.of(answer).one("div", id="signing_token-error").text.strip()


def test_a_signing_token_is_kept_and_removed(app: Flask, acting: As, org: Org, path: str) -> None:
    manager = acting(Role.PM)
    signing = "whsec_" + "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY="
    seen = hidden(manager.get(path), "secrets_version")
    manager.post(f"{path}/signing-token", data={"signing_token": signing, **seen})
    page = manager.get(path)
    assert "(in use)" in text_of(page)
    assert signing not in page.text
    seen = hidden(page, "secrets_version")
    manager.post(f"{path}/signing-token", data={"clear": "1", **seen})
    row = stored(app, org)
    assert row is not None
    assert row.signing_token_ciphertext is None


def test_disconnecting_forgets_everything(
    app: Flask, acting: As, factory: Factory, org: Org, path: str
) -> None:
    factory.connect(org, base_url=BASE_URL, token=TOKEN)
    admin = acting(Role.ADMIN)
    admin.post(f"{path}/disconnect", data=hidden(admin.get(path), "settings_version"))
    assert stored(app, org) is None


GREEN: dict[str, Any] = {
    "token_scopes": ["read_api"],
    "token_checked_at": utcnow(),
    "token_expires_at": utcnow() + timedelta(days=90),
    "last_synced_at": utcnow(),
}


@pytest.mark.parametrize(
    ("values", "verdict", "said"),
    [
        ({}, "Everything works", "The last event arrived just now."),
        ({"error_code": "auth_error"}, "Not working", "has expired or was revoked"),
        ({"error_code": "network_error"}, "Not working", "cannot be reached"),
        ({"token_expires_at": utcnow() - timedelta(days=1)}, "Not working", "expired on"),
        ({"token_expires_at": utcnow() + timedelta(days=6)}, "Needs your attention",
         "expires within 7 days"),
        ({"error_code": "insufficient_scope", "token_scopes": ["read_user"]}, "Not working",
         "has the scopes read_user and lacks"),
        ({"token_checked_at": None}, "Needs your attention", "Validate the connection."),
        ({"paused_until": utcnow() + timedelta(hours=1)}, "Needs your attention", "pause"),
        ({"webhook_secret_hash": None}, "Needs your attention", "No webhook secret"),
    ],
    ids=["green", "refused", "away", "expired", "expiring", "scopes", "unknown", "paused",
         "no secret"],
)  # fmt: skip
@pytest.mark.usefixtures("clock")  # what was just now must not be some seconds ago
def test_the_health_is_seen_at_a_glance(
    app: Flask, acting: As, factory: Factory, org: Org, path: str,
    values: dict[str, Any], verdict: str, said: str,
) -> None:  # fmt: skip
    factory.connect(org, base_url=BASE_URL, token=TOKEN, webhook_secret="a-secret")
    factory.delivery(org, status="processed")
    change(app, org, **{**GREEN, **values})
    answer = acting(Role.ADMIN).get(path)
    assert headline(Markup.of(answer)) == verdict
    assert said in text_of(answer)


def test_failed_deliveries_and_silence_are_pointed_out(
    app: Flask, acting: As, factory: Factory, org: Org, path: str
) -> None:
    factory.connect(org, base_url=BASE_URL, token=TOKEN, webhook_secret="a-secret")
    change(app, org, **GREEN)
    assert "No event has arrived" in text_of(acting(Role.ADMIN).get(path))
    factory.delivery(org, received_at=utcnow() - timedelta(days=8))
    assert "Settings > Webhooks" in text_of(acting(Role.ADMIN).get(path))
    factory.delivery(org, status="failed")
    text = text_of(acting(Role.ADMIN).get(path))
    assert "1 of the last day's deliveries failed." in text
    assert "1 event, 1 failed" in text


@pytest.mark.usefixtures("clock")  # the hour must not end meanwhile
def test_the_chart_counts_by_the_hour(acting: As, factory: Factory, org: Org, path: str) -> None:
    factory.connect(org, base_url=BASE_URL, token=TOKEN)
    factory.delivery(org, status="processed")
    factory.delivery(org, status="received", due_at=utcnow())
    factory.delivery(factory.org(), status="received", due_at=utcnow())
    page = Markup.of(acting(Role.ADMIN).get(path))
    chart = page.one("svg", role="img")
    assert "2 in all, 2 in the busiest hour, 0 failed" in chart["aria-label"]
    assert len(page.all("rect", class_="bar-back")) == 24
    assert "2 events, 1 waiting" in words(page.one("main").text)
    assert page.one("div", class_="chart-scale").text == "20"
    hours = [time for time in page.all("time") if "data-clock" in time.attributes]
    assert len(hours) == 4
    first = datetime.fromisoformat(hours[0]["datetime"])
    assert timedelta(hours=23) <= utcnow() - first < timedelta(hours=24)


def test_the_headroom_is_shown(
    app: Flask, acting: As, factory: Factory, org: Org, path: str
) -> None:
    factory.connect(org, base_url=BASE_URL, token=TOKEN)
    change(app, org, rate_limit=2000, rate_limit_remaining=1874)
    assert "1,874 of 2,000 calls are left" in text_of(acting(Role.ADMIN).get(path))


def test_validate_says_the_answer_in_words(
    acting: As, factory: Factory, org: Org, path: str, gitlab: "SimulatedGitLab"
) -> None:
    factory.connect(org, base_url=gitlab.url, token=GITLAB_TOKEN)
    admin = acting(Role.ADMIN)
    admin.post(f"{path}/validate")
    text = text_of(admin.get(path))
    assert "accepts the token of Administrator (@root). Its scopes: api." in text


def test_validate_says_what_is_wrong(
    acting: As, factory: Factory, org: Org, path: str, gitlab: "SimulatedGitLab"
) -> None:
    factory.connect(org, base_url=gitlab.url, token="glpat-wrong")
    admin = acting(Role.ADMIN)
    admin.post(f"{path}/validate")
    page = admin.get(path)
    assert "GitLab refuses the access token" in text_of(page)
    assert headline(Markup.of(page)) == "Not working"
