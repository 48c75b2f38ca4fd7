"""Every way in which a GitLab can misbehave: its own code, the right next attempt, in time."""

import ssl
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gitlab_links.allowed_hosts import AllowedHosts
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.gitlab import guarded_session
from gitlab_links.hooks.reconnection import configure
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.integrations.operations import IntegrationChange
from gitlab_links.jobs.fetches import fetch_slice
from gitlab_links.links.models import GitLabProject
from gitlab_links.sync.fetching import LAST_ANSWER_AT
from tests.conftest import GITLAB_TOKEN

TIMEOUT = 1.2


@pytest.fixture
def impatient(connected, make_app):
    """The jobs' application, with a deadline that tests can wait for; its context is pushed."""
    with make_app(gitlab_timeout=TIMEOUT).app_context() as context:
        yield context


@pytest.fixture
def link(connected):
    return connected.link(connected.issue(connected.project()))


@dataclass(frozen=True)
class Run:
    """When a run began and ended."""

    before: datetime
    after: datetime

    @property
    def seconds(self):
        return (self.after - self.before).total_seconds()

    def comes_before(self, moment, least, most):
        """Whether a moment is from ``least`` to ``most`` seconds after something in the run."""
        earliest = self.before + timedelta(seconds=least)
        return earliest <= moment <= self.after + timedelta(seconds=most)


def fetch(connected):
    """One run of the job."""
    before = utcnow()
    fetch_slice(connected.org.id)
    return Run(before, utcnow())


def misbehave(connected, kind="status", **details):
    return connected.gitlab.state.faults.answer(kind, **{"times": None, **details})


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"status": 403}, "http_403"),
        ({"status": 404}, "not_found"),
        ({"status": 409}, "http_409"),
        ({"status": 418}, "http_418"),
        ({"kind": "html"}, "http_200"),
        ({"kind": "truncated"}, "http_200"),
        ({"kind": "empty"}, "http_200"),
        ({"kind": "redirect", "location": "http://127.0.0.1:9/elsewhere"}, "http_302"),
        ({"kind": "redirect"}, "http_302"),  # to itself, for ever
    ],
)
def test_a_refusal_is_told_on_the_item_and_tried_again_in_seconds(
    connected, impatient, link, fault, code
):
    misbehave(connected, **fault)
    run = fetch(connected)
    view = connected.view(link)
    assert (view.sync.status, view.sync.error_code) == ("error", code)
    assert run.comes_before(view.sync.next_sync_at, 4, 5)
    integration = connected.integration()
    assert (integration.error_code, integration.failures) == (None, 0)
    assert run.seconds < TIMEOUT * LAST_ANSWER_AT + 3


@pytest.mark.parametrize("kind", ["large", "gzip_bomb"])
def test_an_answer_without_measure_is_cut_off(connected, make_app, link, kind):
    misbehave(connected, kind)
    with make_app(gitlab_timeout=5).app_context():
        assert fetch(connected).seconds < 6
    view = connected.view(link)
    assert (view.sync.status, view.sync.error_code) == ("error", "http_200")


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"status": 500}, "http_500"),
        ({"status": 502}, "http_502"),
        ({"kind": "close"}, "network_error"),
        ({"kind": "drip", "seconds": 0.05}, "network_error"),
    ],
)
def test_trouble_opens_the_breaker_at_the_third_time_and_is_over_with_one_answer(
    connected, impatient, link, fault, code
):
    misbehave(connected, **fault)
    for attempt in range(1, 4):
        connected.make_due()
        run = fetch(connected)
        assert run.seconds < TIMEOUT * LAST_ANSWER_AT + 3
        assert connected.view(link).sync.error_code == code
        assert connected.integration().failures == attempt
    integration = connected.integration()
    assert integration.error_code == code
    assert run.comes_before(integration.paused_until, 16, 20)
    assert run.comes_before(connected.view(link).sync.next_sync_at, 16, 20)
    before = connected.calls()
    connected.make_due()
    fetch(connected)
    assert connected.calls() == before  # the breaker is open

    connected.gitlab.state.faults.clear()
    end_pause()
    fetch(connected)
    assert connected.view(link).sync.status == "ok"
    assert (connected.integration().error_code, connected.integration().failures) == (None, 0)


def end_pause():
    db.session.rollback()
    table = OrgGitLabIntegration.__table__
    with db.engine.begin() as connection:
        connection.execute(table.update().values(paused_until=utcnow()))


def test_while_the_breaker_is_half_open_one_call_finds_out(connected, impatient):
    for number in range(4):
        connected.link(connected.issue(connected.project(f"acme/p{number}")))
    misbehave(connected, status=503)
    fetch(connected)
    assert connected.calls() == 4
    assert connected.integration().failures == 4
    end_pause()
    connected.make_due()
    fetch(connected)
    assert connected.calls() == 5


def test_what_failed_while_gitlab_was_away_is_fetched_at_once_when_it_is_back(connected, impatient):
    links = [connected.link(connected.issue(connected.project(f"acme/p{n}"))) for n in range(6)]
    misbehave(connected, status=503)
    for _ in range(3):
        connected.make_due()
        end_pause()
        fetch(connected)
    assert {connected.view(link).sync.error_code for link in links} >= {"http_503"}
    connected.gitlab.state.faults.clear()
    end_pause()
    connected.make_due()
    fetch(connected)
    assert {connected.view(link).sync.status for link in links} == {"ok"}


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [(None, 60), ("7", 7), ("0", 1), ("99999", 3600), ("soon", 60), ("date", 90), ("past", 1)],
)
def test_a_rate_limit_pauses_the_whole_connection_for_as_long_as_it_says(
    connected, impatient, link, retry_after, seconds
):
    if retry_after in ("date", "past"):
        ahead = 90 if retry_after == "date" else -90
        retry_after = format_datetime(utcnow() + timedelta(seconds=ahead), usegmt=True)
    misbehave(connected, status=429, retry_after=retry_after)
    run = fetch(connected)
    integration = connected.integration()
    assert integration.error_code == "rate_limited"
    told_as_date = retry_after is not None and "GMT" in retry_after
    # A date knows no fractions, and time has passed since it was written.
    least = seconds - 2 - run.seconds if told_as_date else seconds
    assert run.comes_before(integration.paused_until, least, seconds)
    view = connected.view(link)
    assert view.sync.status == "never"  # late, and no error
    assert view.sync.error_code == "rate_limited"
    if seconds > 1:
        assert view.sync.paused_until == integration.paused_until
        before = connected.calls()
        fetch(connected)
        assert connected.calls() == before


def test_after_a_rate_limit_what_was_asked_for_is_still_asked_for(connected, impatient, link):
    misbehave(connected, status=429, retry_after="30", times=1)
    fetch(connected)
    assert connected.item(link).refresh_requested_at is not None
    end_pause()
    fetch(connected)
    assert connected.view(link).sync.status == "ok"


def test_a_refused_token_is_not_tried_again_until_it_is_changed(connected, impatient, link):
    token = connected.gitlab.state.people.tokens[GITLAB_TOKEN]
    token.revoked = True
    fetch(connected)
    assert connected.integration().error_code == "auth_error"
    assert connected.view(link).sync.error_code == "auth_error"
    before = connected.calls()
    end_pause()
    fetch(connected)
    assert connected.calls() == before
    token.revoked = False
    configure(connected.principal, IntegrationChange(token=GITLAB_TOKEN))
    db.session.commit()
    fetch(connected)
    assert connected.view(link).sync.status == "ok"
    assert connected.integration().error_code is None


def test_a_token_of_too_small_a_scope_is_told_and_looked_at_again_seldom(
    connected, impatient, link
):
    connected.gitlab.state.people.tokens[GITLAB_TOKEN].scopes = ["read_user"]
    run = fetch(connected)
    integration = connected.integration()
    assert integration.error_code == "insufficient_scope"
    assert run.comes_before(integration.paused_until, 300, 300)
    assert connected.view(link).sync.error_code == "insufficient_scope"


def test_trouble_with_one_project_does_not_keep_the_others_from_theirs(connected, impatient):
    bad = connected.project("acme/bad")
    refused = connected.link(connected.issue(bad))
    links = [connected.link(connected.issue(connected.project(f"acme/p{n}"))) for n in range(8)]
    for fault in ({"status": 500}, {"kind": "close"}, {"kind": "drip", "seconds": 0.05}):
        connected.gitlab.state.faults.clear()
        misbehave(connected, project_id=bad.id, **fault)
        connected.make_due()
        end_pause()
        for _ in range(3):
            fetch(connected)
        assert {connected.view(link).sync.status for link in links} == {"ok"}
    assert connected.view(refused).sync.status == "error"


def test_details_that_fail_leave_the_list_as_it_was_told(connected, impatient):
    mr = connected.merge_request(connected.project())
    link = connected.link(mr)
    misbehave(connected, status=500, route="merge_requests/:iid")
    fetch(connected)
    assert (connected.view(link).title, connected.view(link).sync.status) == ("Rollers", "ok")


def test_a_name_that_does_not_resolve_is_a_network_error(connected, impatient, link):
    connect_to(connected, "https://gitlab.invalid")
    fetch(connected)
    assert connected.view(link).sync.error_code == "network_error"


def test_a_resolver_that_hangs_holds_no_worker(connected, impatient, link, monkeypatch):
    """Looking up a name knows no deadline of its own."""
    hangs = threading.Event()

    def never(host, port):
        hangs.wait(20)
        return []

    connect_to(connected, "https://gitlab.invalid")
    monkeypatch.setitem(guarded_session.GuardedSession.__init__.__kwdefaults__, "resolver", never)
    from gitlab_links.gitlab.client import GitLabClient

    monkeypatch.setitem(GitLabClient.__init__.__kwdefaults__, "resolver", never)
    try:
        assert fetch(connected).seconds < TIMEOUT * LAST_ANSWER_AT + 3
    finally:
        hangs.set()
    assert connected.view(link).sync.error_code == "network_error"


def connect_to(connected, base_url):
    """Point connection and links at another address; the token is set anew, being bound."""
    configure(connected.principal, IntegrationChange(base_url=base_url, token=GITLAB_TOKEN))
    db.session.execute(GitLabProject.__table__.update().values(base_url=base_url))
    db.session.commit()


@pytest.fixture
def untrusted(tmp_path):
    """The address of an HTTPS server whose certificate nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(utcnow() - timedelta(days=1))
        .not_valid_after(utcnow() + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    server.handle_error = lambda *_: None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_wrong_certificate_is_a_network_error(connected, make_app, link, untrusted):
    allowed = AllowedHosts.parse((untrusted,))
    with make_app(gitlab_timeout=2, gitlab_allowed_hosts=allowed).app_context():
        connect_to(connected, f"https://{untrusted}")
        fetch(connected)
    assert connected.view(link).sync.error_code == "network_error"


def test_an_address_that_the_operator_no_longer_allows_is_not_called(connected, make_app, link):
    before = connected.calls()
    with make_app(gitlab_allowed_hosts=AllowedHosts.parse(())).app_context():
        fetch(connected)
    assert connected.calls() == before
    assert connected.integration().error_code == "blocked_address"
    assert connected.view(link).sync.error_code == "blocked_address"
