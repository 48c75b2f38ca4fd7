"""No event leaves for an internal address, whatever the database or DNS says."""

import uuid

import pytest

from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.outgoing.sending import Network as Connecting
from gitlab_links.outgoing.sending import send
from gitlab_links.outgoing.transport import Request
from tests.gitlab.servers import reply_json, serving
from tests.security.test_ssrf import (
    LOOPBACK,
    METADATA,
    PRIVATE,
    PUBLIC,
    SPELLINGS,
    Network,
    network,  # noqa: F401  # a fixture
)

NOBODY = AllowedHosts.parse(())


def sent_to(url):
    """What comes of an address that got into the row past every check."""
    with Connecting(NOBODY, None).session() as session:
        return send(session, Request(url, {}, b"{}")).failure


@pytest.mark.parametrize("url", SPELLINGS)
def test_no_spelling_in_the_database_leads_inside(network: Network, url: str) -> None:  # noqa: F811
    sent_to(f"{url}/hook/{uuid.uuid4()}")
    assert {one for one in network.connected if one != PUBLIC} == set()
    if not url.startswith(("http://93", "https://user@93", "https://93")):
        assert network.connected == []


@pytest.mark.parametrize(
    "records", [[LOOPBACK], [PRIVATE], [METADATA], ["::1"], [PUBLIC, PRIVATE], ["::ffff:10.0.0.1"]]
)
def test_one_internal_record_refuses_the_name(network: Network, records: list[str]) -> None:  # noqa: F811
    network.answers["hooks.example.com"] = [records]
    assert "is internal" in (sent_to("https://hooks.example.com/x") or "")
    assert network.connected == []


def test_a_second_answer_of_a_rebinding_server_is_never_asked_for(network: Network) -> None:  # noqa: F811
    network.answers["rebind.example.com"] = [[PUBLIC], [LOOPBACK]]
    assert sent_to("https://rebind.example.com/x") == "The address cannot be reached."
    assert (network.connected, network.asked) == ([PUBLIC], ["rebind.example.com"])


def test_an_internal_service_sees_no_connection() -> None:
    with serving(lambda _: reply_json({"secret": 1})) as inside:
        for scheme in ("http", "https"):
            assert "is internal" in (sent_to(f"{scheme}://127.0.0.1:{inside.port}/hook") or "")
        assert inside.connections == 0
