"""A GitLab that cannot be spoken to: no name, no trust, or no leave."""

import ssl
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gitlab_links.clock import utcnow
from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.extensions import db
from gitlab_links.gitlab import guarded_session
from gitlab_links.health.reconnection import configure
from gitlab_links.integrations.changes import IntegrationChange
from gitlab_links.links.models import GitLabProject
from tests.conftest import GITLAB_TOKEN
from tests.hanging import HANGS
from tests.jobs.misbehaving import fetch
from tests.serving import served


def test_a_name_that_does_not_resolve_is_a_network_error(connected, impatient, link):
    connect_to(connected, "https://gitlab.invalid")
    fetch(connected)
    assert connected.view(link).sync.error_code == "network_error"


@pytest.mark.slow
def test_a_resolver_that_hangs_holds_no_worker(connected, impatient, link, monkeypatch):
    """Looking up a name knows no deadline of its own."""
    hangs = threading.Event()

    def never(host, port):
        hangs.wait(HANGS)
        return []

    connect_to(connected, "https://gitlab.invalid")
    monkeypatch.setitem(guarded_session.GuardedSession.__init__.__kwdefaults__, "resolver", never)
    from gitlab_links.gitlab.client import GitLabClient

    monkeypatch.setitem(GitLabClient.__init__.__kwdefaults__, "resolver", never)
    try:
        assert fetch(connected).seconds < HANGS
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
    with served(server):
        yield f"127.0.0.1:{server.server_port}"


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
