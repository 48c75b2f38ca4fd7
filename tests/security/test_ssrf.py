"""No connection leaves for an internal address, whatever the database or DNS says."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.extensions import db
from gitlab_links.health.token_check import call_gitlab, load_question
from gitlab_links.integrations.changes import find_integration
from gitlab_links.security import cipher
from tests.gitlab.servers import Server, reply_json, serving
from tests.security.conftest import TOKEN, World

PUBLIC, PRIVATE, LOOPBACK, METADATA = "93.184.216.34", "10.1.2.3", "127.0.0.1", "169.254.169.254"


_getaddrinfo = socket.getaddrinfo


class Network:
    """Stands where the operating system would resolve and connect: remembers, refuses."""

    def __init__(self) -> None:
        self.answers: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []
        self.connected: list[str] = []

    def resolve(self, host: str, port: int, *args: Any, **options: Any) -> list[Any]:
        if host not in self.answers:
            return _getaddrinfo(host, port, *args, **options)
        self.asked.append(host)
        known = self.answers[host]
        found = known.pop(0) if len(known) > 1 else known[0]
        families = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(families[":" in one], 0, 0, "", (one, port)) for one in found]

    def connect(self, address: tuple[str, int]) -> None:
        self.connected.append(address[0])
        raise ConnectionRefusedError


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    from gitlab_links.gitlab import guarded_socket

    network = Network()
    monkeypatch.setattr(guarded_socket.socket, "getaddrinfo", network.resolve)
    monkeypatch.setattr(
        guarded_socket._WithDeadline, "connect", lambda _, address: network.connect(address)
    )
    return network


def validated(world: World, base_url: str) -> str | None:
    """What validation says of an address that got into the row past every check."""
    with world.app.app_context():
        integration = find_integration(world.org.id)
        assert integration is not None
        integration.base_url = base_url
        integration.token_ciphertext = cipher().encrypt(
            TOKEN, org_id=world.org.id, origin=base_url, purpose="token"
        )
        db.session.flush()
        question = load_question(world.org.id)
        db.session.rollback()
        return call_gitlab(question).error_code


SPELLINGS = ["https://127.0.0.1", "https://127.0.0.1:8443", "https://10.0.0.1",
    "https://192.168.0.1", "https://172.16.0.1", "https://169.254.169.254", "https://0.0.0.0",
    "https://[::1]", "https://[::]", "https://[::ffff:127.0.0.1]", "https://[::ffff:a9fe:a9fe]",
    "https://[64:ff9b::7f00:1]", "https://[fe80::1]", "https://[fd00:ec2::254]",
    "https://[2002:7f00:1::]", "https://100.64.0.1", "https://localhost",
    "https://metadata.google.internal", "https://127.1", "https://2130706433",
    "https://0x7f000001", "https://0177.0.0.1", "http://93.184.216.34",
    "https://user@93.184.216.34", "https://93.184.216.34?", "ftp://93.184.216.34",
    "https://93.184.216.34/..", ]  # fmt: skip


@pytest.mark.parametrize("base_url", SPELLINGS)
def test_no_spelling_in_the_database_leads_inside(
    standing: World, network: Network, base_url: str
) -> None:
    assert validated(standing, base_url) == "blocked_address"
    assert network.connected == []


@pytest.mark.parametrize("records", [[LOOPBACK], [PRIVATE], [METADATA], ["::1"],
    ["::ffff:10.0.0.1"], [PUBLIC, PRIVATE], [PRIVATE, PUBLIC], [PUBLIC, PUBLIC, METADATA],
    [PUBLIC, "::1"], ["0.0.0.0"], ["fe80::1%eth0"], ["100.100.100.200"]], ids=str, )  # fmt: skip
def test_one_internal_record_refuses_the_name(
    standing: World, network: Network, records: list[str]
) -> None:
    network.answers["gitlab.example.com"] = [records]
    assert validated(standing, "https://gitlab.example.com") == "blocked_address"
    assert network.connected == []


def test_the_checked_address_is_connected_to_and_the_name_asked_once(
    standing: World, network: Network
) -> None:
    """A second answer, which a rebinding server would give, is never asked for."""
    network.answers["rebind.example.com"] = [[PUBLIC], [LOOPBACK]]
    assert validated(standing, "https://rebind.example.com") == "network_error"
    assert (network.connected, network.asked) == ([PUBLIC], ["rebind.example.com"])


def test_a_name_that_is_public_today_and_internal_tomorrow_is_checked_tomorrow(
    standing: World, network: Network
) -> None:
    network.answers["rebind.example.com"] = [[PUBLIC], [METADATA]]
    assert validated(standing, "https://rebind.example.com") == "network_error"
    assert validated(standing, "https://rebind.example.com") == "blocked_address"
    assert network.connected == [PUBLIC]


@pytest.mark.parametrize(
    ("listed", "base_url", "address", "allowed"),
    [
        ("gitlab.lan", "https://gitlab.lan", PRIVATE, True),
        ("gitlab.lan", "http://gitlab.lan", PRIVATE, True),
        ("gitlab.lan:8443", "https://gitlab.lan:8443", PRIVATE, True),
        ("gitlab.lan:8443", "https://gitlab.lan", PRIVATE, False),
        ("10.0.0.0/8", "https://gitlab.lan", PRIVATE, True),
        ("10.0.0.0/8", "https://gitlab.lan", "192.168.1.1", False),
        ("10.0.0.0/8", "http://gitlab.lan", PRIVATE, False),
        ("gitlab.lan", "http://gitlab.lan", PUBLIC, False),
        ("gitlab.lan", "https://other.lan", PRIVATE, False),
        ("gitlab.lan", "https://gitlab.lan", LOOPBACK, False),
        ("gitlab.lan:443", "https://gitlab.lan", LOOPBACK, True),
        ("gitlab.lan:443", "https://gitlab.lan", METADATA, False),
        ("0.0.0.0/0", "https://gitlab.lan", METADATA, False),
        ("0.0.0.0/0", "https://gitlab.lan", LOOPBACK, False),
        ("127.0.0.1:8443", "https://127.0.0.1:8443", LOOPBACK, True),
        ("127.0.0.1:8443", "https://127.0.0.1:8444", LOOPBACK, False),
        ("127.0.0.1:8443", "https://localhost:8443", LOOPBACK, False),
    ],
)
def test_the_operators_list_opens_what_it_names_and_no_more(
    standing: World,
    monkeypatch: pytest.MonkeyPatch,
    network: Network,
    listed: str,
    base_url: str,
    address: str,
    allowed: bool,
) -> None:
    extensions = standing.app.extensions
    hosts = AllowedHosts.parse((listed,))
    changed = replace(extensions["settings"], gitlab_allowed_hosts=hosts)
    monkeypatch.setitem(extensions, "settings", changed)
    network.answers[base_url.partition("://")[2].partition(":")[0]] = [[address]]

    assert validated(standing, base_url) == ("network_error" if allowed else "blocked_address")
    assert network.connected == ([address] if allowed else [])


@pytest.fixture
def inside() -> Iterator[Server]:
    """A service on loopback that nobody allowed."""
    with serving(lambda _: reply_json({"secret": 1})) as running:
        yield running


def test_an_internal_service_sees_no_connection_from_any_door(world: World, inside: Server) -> None:
    address = f"127.0.0.1:{inside.port}"
    for scheme in ("http", "https"):
        assert validated(world, f"{scheme}://{address}") == "blocked_address"
        answer = world.send(
            "PATCH", "integrations/gitlab", json={"base_url": f"{scheme}://{address}"}
        )
        assert answer.status_code == 422
        endpoint = {"url": f"{scheme}://{address}/hook"}
        assert world.send("POST", "event-endpoints", json=endpoint).status_code == 422
    assert inside.connections == 0


def test_an_allowance_that_is_withdrawn_counts_at_once(
    standing: World, monkeypatch: pytest.MonkeyPatch, network: Network
) -> None:
    extensions = standing.app.extensions
    hosts = AllowedHosts.parse(("10.1.2.3",))
    changed = replace(extensions["settings"], gitlab_allowed_hosts=hosts)
    with monkeypatch.context() as allowing:
        allowing.setitem(extensions, "settings", changed)
        assert validated(standing, "http://10.1.2.3") == "network_error"
    assert validated(standing, "http://10.1.2.3") == "blocked_address"
    assert network.connected == ["10.1.2.3"]
