"""What the service may connect to: case by case, because each one is an attack somebody ran."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.config.allowed_hosts import AllowedHosts, is_public

NOBODY = AllowedHosts.parse([])

INTERNAL = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.8.8.8",
    "169.254.1.1",
    "172.16.0.1",
    "192.0.0.1",
    "192.0.0.9",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "172.65.251.78", "2606:4700:90:0:f22e:fbec:5bed:a9b9"]
METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
    "fe80::a9fe:a9fe",
]


def permits(hosts: AllowedHosts, host: str, address: str, *, port=443, scheme="https") -> bool:
    return hosts.permits(scheme, host, port, ip_address(address))


@pytest.mark.parametrize("address", INTERNAL)
def test_an_internal_address_is_refused_unless_listed(address):
    assert not permits(NOBODY, "gitlab.example.com", address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_permitted_by_https_only(address):
    assert permits(NOBODY, "gitlab.example.com", address)
    assert not permits(NOBODY, "gitlab.example.com", address, scheme="http", port=80)


@pytest.mark.parametrize("address", METADATA)
def test_a_metadata_address_is_refused_even_when_everything_is_listed(address):
    hosts = AllowedHosts.parse(["gitlab.lan", "gitlab.lan:443", "0.0.0.0/0", "::/0"])
    assert not permits(hosts, "gitlab.lan", address)


@pytest.mark.parametrize("name", ["metadata.google.internal", "metadata", "instance-data"])
def test_a_metadata_name_is_refused_whatever_it_resolves_to(name):
    assert not NOBODY.permits_name(name, 80)
    assert not permits(NOBODY, name, "8.8.8.8")


@pytest.mark.parametrize("entry", ["gitlab.lan", "gitlab.lan:443", "GITLAB.lan."])
def test_a_listed_host_opens_a_private_address_for_itself(entry):
    hosts = AllowedHosts.parse([entry])
    assert permits(hosts, "gitlab.lan", "10.1.2.3")
    assert not permits(hosts, "other.lan", "10.1.2.3")


@pytest.mark.parametrize("entry", ["10.0.0.0/8", "10.1.2.3/32"])
def test_a_listed_network_opens_its_addresses_for_any_host(entry):
    hosts = AllowedHosts.parse([entry])
    assert permits(hosts, "gitlab.lan", "10.1.2.3")
    assert not permits(hosts, "gitlab.lan", "192.168.1.1")


def test_a_port_in_an_entry_binds():
    hosts = AllowedHosts.parse(["gitlab.lan:8443"])
    assert permits(hosts, "gitlab.lan", "10.1.2.3", port=8443)
    assert not permits(hosts, "gitlab.lan", "10.1.2.3", port=443)


def test_a_network_covers_what_maps_into_it():
    hosts = AllowedHosts.parse(["10.0.0.0/8"])
    assert permits(hosts, "gitlab.lan", "::ffff:10.1.2.3")
    assert not permits(hosts, "gitlab.lan", "::ffff:192.168.1.1")
    assert not permits(hosts, "gitlab.lan", "192.168.1.1")


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "0.0.0.0", "::ffff:127.0.0.1", "64:ff9b::7f00:1"]
)
def test_loopback_is_permitted_for_its_exact_host_and_port_only(address):
    hosts = AllowedHosts.parse(["localhost:8080", "gitlab.lan", "0.0.0.0/0", "::/0"])
    assert permits(hosts, "localhost", address, port=8080, scheme="http")
    assert not permits(hosts, "localhost", address, port=8081)
    assert not permits(hosts, "gitlab.lan", address, port=8080)
    assert not permits(hosts, "127.0.0.1", address, port=8080)


def test_plain_http_needs_a_listing_and_stays_inside():
    hosts = AllowedHosts.parse(["gitlab.lan", "192.168.0.0/16", "198.99.0.0/16"])
    assert permits(hosts, "gitlab.lan", "10.1.2.3", scheme="http", port=80)
    assert permits(hosts, "192.168.1.1", "192.168.1.1", scheme="http", port=80)
    assert not permits(hosts, "other.lan", "192.168.1.1", scheme="http", port=80)
    # A listed name whose record changed to a public address would leak the token.
    assert not permits(hosts, "gitlab.lan", "8.8.8.8", scheme="http", port=80)
    # Public space used inside is the operator's word, given as a network.
    assert permits(hosts, "gitlab.lan", "198.99.1.1", scheme="http", port=80)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("", "is not a host"),
        ("http://gitlab.lan", "has a scheme; give the host alone"),
        ("gitlab.lan/path", "is not a CIDR network"),
        ("10.0.0.1/8", "is not a CIDR network"),
        ("gitlab lan", "is not a host"),
        ("*.lan", "is not a host"),
        ("127.1", "is not a host"),
        ("0x7f000001", "is not a host"),
        ("2130706433", "is not a host"),
        ("gitlab.lan:", "no port"),
        ("gitlab.lan:0", "no port"),
        ("gitlab.lan:65536", "no port"),
        ("gitlab.lan:http", "no port"),
        ("[::1", "is not a host"),
        ("fe80::1%eth0", "is not a host"),
        ("localhost", "loopback"),
        ("gitlab.localhost", "loopback"),
        ("127.0.0.1", "loopback"),
        ("0.0.0.0", "loopback"),
        ("[::1]", "loopback"),
        ("127.0.0.0/8", "loopback"),
        ("127.0.0.1/32", "loopback"),
        ("::1/128", "loopback"),
        ("169.254.169.254", "metadata"),
        ("169.254.169.254:80", "metadata"),
        ("169.254.169.254/32", "metadata"),
        ("metadata.google.internal", "metadata"),
        ("[fd00:ec2::254]:80", "metadata"),
    ],
)
def test_a_bad_entry_is_named_in_a_sentence(entry, words):
    with pytest.raises(ValueError, match=words) as caught:
        AllowedHosts.parse(["gitlab.lan", entry])
    assert repr(entry) in str(caught.value)


def test_entries_are_read_in_every_spelling():
    hosts = AllowedHosts.parse(
        ["GitLab.LAN", "127.0.0.1:8080", "[::1]:8080", "fd00::5", "[fd00::6]", "fd00::/8"]
    )
    assert hosts.hosts == {
        ("gitlab.lan", None),
        ("127.0.0.1", 8080),
        ("::1", 8080),
        ("fd00::5", None),
        ("fd00::6", None),
    }
    assert permits(hosts, "::1", "::1", port=8080, scheme="http")
    assert hosts == AllowedHosts.parse(
        ["gitlab.lan", "127.0.0.1:8080", "[::1]:8080", "[fd00::5]", "fd00::6", "fd00::/8"]
    )


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_no_more_public_inside_ipv6(address):
    for text in (f"::ffff:{address}", f"64:ff9b::{address}", f"::{address}"):
        assert not is_public(ip_address(text))


@given(st.ip_addresses())
def test_whatever_is_public_is_global(address):
    assert not is_public(address) or (address.is_global and not address.is_multicast)
