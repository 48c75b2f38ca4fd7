"""Base URLs as admins type them, and as attackers do."""

import re

import pytest

from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.errors import Invalid
from gitlab_links.gitlab.urls import parse_base_url
from tests.gitlab.addresses import ROOTED

NOTHING_LISTED = AllowedHosts()
LISTED = AllowedHosts.parse(["gitlab.lan", "gitlab.lan:8443", "localhost:8080", "10.0.0.0/8"])


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("https://gitlab.com", "https://gitlab.com"),
        ("https://gitlab.com/", "https://gitlab.com"),
        ("gitlab.com", "https://gitlab.com"),
        ("gitlab.com:8443/gitlab/", "https://gitlab.com:8443/gitlab"),
        ("HTTPS://GitLab.COM", "https://gitlab.com"),
        ("https://gitlab.com:443", "https://gitlab.com"),
        ("https://gitlab.com:8443/", "https://gitlab.com:8443"),
        ("https://gitlab.com:65535", "https://gitlab.com:65535"),
        ("https://gitlab.com.", "https://gitlab.com"),
        ("https://example.com/gitlab/", "https://example.com/gitlab"),
        ("https://example.com/Tools/GitLab", "https://example.com/Tools/GitLab"),
        ("https://example.com/tools/v4", "https://example.com/tools/v4"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://gitlab", "https://gitlab"),
        ("https://8.8.8.8", "https://8.8.8.8"),
        ("https://[2606:4700::1111]", "https://[2606:4700::1111]"),
        ("https://[2606:4700:0:0::1111]:8443/x", "https://[2606:4700::1111]:8443/x"),
        ("http://gitlab.lan", "http://gitlab.lan"),
        ("http://gitlab.lan:80", "http://gitlab.lan"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://10.1.2.3", "http://10.1.2.3"),
    ],
)
def test_a_base_url_is_normalised(text, normalised):
    base = parse_base_url(text, LISTED)
    assert str(base) == normalised
    assert parse_base_url(normalised, LISTED) == base


BAD_BASES = [
    (None, "invalid"),
    (7, "invalid"),
    (["https://gitlab.com"], "invalid"),
    ("", "invalid"),
    (" https://gitlab.com", "invalid"),
    ("https://gitlab.com\n", "invalid"),
    ("https://git\x00lab.com", "invalid"),
    ("https://git\tlab.com", "invalid"),
    ("https://gitlab.com\\@evil.example", "invalid"),
    ("https:\\\\gitlab.com", "invalid"),
    ("https://gitlab.com?x=1", "invalid"),
    ("https://gitlab.com/#top", "invalid"),
    ("https://gitlab.com#", "invalid"),
    ("https://gitlab.com/" + "a" * 482, "too_long"),
    ("https://gitläb.com", "not_ascii"),
    ("https://gitlab.com/\u202e", "not_ascii"),
    ("https://gitlab。com", "not_ascii"),
    ("gitlab", "scheme"),
    ("user@gitlab.com", "scheme"),
    ("//gitlab.com", "scheme"),
    ("https:gitlab.com", "scheme"),
    ("https:/gitlab.com", "scheme"),
    ("ftp://gitlab.com", "scheme"),
    ("javascript:alert(1)", "scheme"),
    ("file:///etc/passwd", "scheme"),
    ("http://gitlab.com", "scheme"),
    ("http://localhost:8081", "scheme"),
    ("https://user@gitlab.com", "credentials"),
    ("https://user:secret@gitlab.com", "credentials"),
    ("https://@gitlab.com", "credentials"),
    ("https://gitlab.com@evil.example", "credentials"),
    ("https://", "host"),
    ("https:///path", "host"),
    ("https://.", "host"),
    ("https://gitlab..com", "host"),
    ("https://gitlab.com..", "host"),
    ("https://-gitlab.com", "host"),
    ("https://git_lab.com", "host"),
    ("https://git%6cab.com", "host"),
    ("https://" + "a" * 64 + ".com", "host"),
    ("https://" + "a." * 127 + "com", "host"),
    ("https://127.1", "host"),
    ("https://2130706433", "host"),
    ("https://0x7f000001", "host"),
    ("https://0x7f.1", "host"),
    ("https://0177.0.0.1", "host"),
    ("https://017700000001", "host"),
    ("https://127.0.0.1.", "blocked_address"),
    ("https://256.1.1.1", "host"),
    ("https://1.2.3.4.5", "host"),
    ("https://[::1", "host"),
    ("https://[127.0.0.1]", "host"),
    ("https://[fe80::1%25eth0]", "host"),
    ("https://[::1]x", "host"),
    ("https://gitlab.com:", "port"),
    ("https://gitlab.com:0", "port"),
    ("https://gitlab.com:65536", "port"),
    ("https://gitlab.com:-1", "port"),
    ("https://gitlab.com:+443", "port"),
    ("https://gitlab.com:4_4", "port"),
    ("https://gitlab.com:0443", "port"),
    ("https://gitlab.com:443:443", "port"),
    ("https://gitlab.com//", "path"),
    ("https://gitlab.com/a//b", "path"),
    ("https://gitlab.com/..", "path"),
    ("https://gitlab.com/a/../b", "path"),
    ("https://gitlab.com/.", "path"),
    ("https://gitlab.com/%2e%2e/", "path"),
    ("https://gitlab.com/a;b", "path"),
    ("https://gitlab.com/group/project/-/issues/1", "path"),
    ("https://gitlab.com/api/v4", "path"),
    ("https://gitlab.com/tools/gitlab/api/v4", "path"),
    ("https://localhost", "blocked_address"),
    ("https://LocalHost:8443", "blocked_address"),
    ("https://gitlab.localhost", "blocked_address"),
    ("https://127.0.0.1", "blocked_address"),
    ("https://0.0.0.0", "blocked_address"),
    ("https://192.168.1.1", "blocked_address"),
    ("https://100.64.0.1", "blocked_address"),
    ("https://169.254.169.254", "blocked_address"),
    ("https://metadata.google.internal", "blocked_address"),
    ("https://[::1]", "blocked_address"),
    ("https://[::ffff:127.0.0.1]", "blocked_address"),
    ("https://[::ffff:a9fe:a9fe]", "blocked_address"),
    ("https://[64:ff9b::7f00:1]", "blocked_address"),
    ("https://[fd00::1]", "blocked_address"),
    ("https://224.0.0.1", "blocked_address"),
]


@pytest.mark.parametrize(("text", "code"), BAD_BASES)
def test_a_bad_base_url_is_refused_by_its_own_code(text, code):
    with pytest.raises(Invalid) as caught:
        parse_base_url(text, LISTED)
    assert caught.value.code == f"base_url_{code}"
    assert caught.value.errors == {"base_url": [caught.value.detail]}
    assert caught.value.detail.endswith(".")


def test_an_address_that_is_listed_with_its_port_is_taken_at_that_port_alone():
    allowed = AllowedHosts.parse(["192.168.7.1:8443"])
    assert str(parse_base_url("https://192.168.7.1:8443", allowed)) == "https://192.168.7.1:8443"
    with pytest.raises(Invalid) as caught:
        parse_base_url("https://192.168.7.1", allowed)
    assert caught.value.code == "base_url_blocked_address"


def test_the_origin_leaves_the_relative_root_out():
    assert ROOTED.origin == "https://example.com"
    assert str(ROOTED) == "https://example.com/tools/gitlab"
    assert (ROOTED.effective_port, ROOTED.port) == (443, None)


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1", "https://127.0.0.1:8443", "http://localhost", "http://[::1]:8080",
        "https://gitlab.localhost", "http://0.0.0.0",
    ],
)  # fmt: skip
def test_the_entry_named_in_the_message_allows_the_machine_itself(text):
    with pytest.raises(Invalid) as caught:
        parse_base_url(text, NOTHING_LISTED)
    entry = re.search(r"GITLAB_ALLOWED_HOSTS=(\S+)\)", caught.value.detail)[1]

    assert parse_base_url(text, AllowedHosts.parse([entry]))
    assert ("[" in entry) == ("[" in text)


@pytest.mark.parametrize("text", ["http://10.1.2.3", "https://10.1.2.3", "http://gitlab.lan"])
def test_a_host_on_a_private_network_is_allowed_by_listing_it(text):
    with pytest.raises(Invalid, match=r"operator.* can allow"):
        parse_base_url(text, NOTHING_LISTED)
    assert parse_base_url(text, AllowedHosts.parse([text.partition("://")[2]]))


@pytest.mark.parametrize(
    "text",
    [
        "http://169.254.169.254", "https://169.254.169.254", "http://metadata.google.internal",
        "https://metadata", "https://[::ffff:a9fe:a9fe]", "http://100.100.100.200",
    ],
)  # fmt: skip
def test_no_message_says_that_a_setting_allows_a_metadata_service(text):
    with pytest.raises(Invalid) as caught:
        parse_base_url(text, NOTHING_LISTED)
    assert caught.value.code == "base_url_blocked_address"
    assert "operator" not in caught.value.detail
    assert "never" in caught.value.detail
    with pytest.raises(ValueError, match="never allowed"):
        AllowedHosts.parse([text.partition("://")[2]])
