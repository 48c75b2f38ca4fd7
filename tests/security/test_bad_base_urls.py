"""Base URLs that are refused, each by its own code; nothing is changed by any of them."""

import pytest

from gitlab_links.extensions import db
from gitlab_links.integrations.changes import find_integration
from tests.security.conftest import GITLAB, World, refusal

REFUSED = {
    "base_url_invalid": (
        " https://gitlab.example.org",
        "https://gitlab.example.org ",
        "https://gitlab.exam\tple.org",
        "https://gitlab.example.org\n",
        "https://gitlab.example.org\r\nHost: evil",
        "https://gitlab.example.org\x00",
        "https://gitlab.example.org/\x7f",
        "https://gitlab.example.org/\ud800",
        "https:\\\\gitlab.example.org",
        "https://gitlab.example.org\\@evil.example",
        "https://gitlab.example.org?private_token=x",
        "https://gitlab.example.org/?",
        "https://gitlab.example.org#top",
        "https://gitlab.example.org/gitlab#",
        "   ",
    ),
    "base_url_scheme": (
        "gitlab",
        "//gitlab.example.org",
        "/gitlab",
        "https:gitlab.example.org",
        "https:/gitlab.example.org",
        "http://gitlab.example.org",
        "HTTP://gitlab.example.org:80",
        "ftp://gitlab.example.org",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "javascript:alert(1)",
        "data:text/html,hello",
        "unix:///var/run/docker.sock",
        "https",
        "://gitlab.example.org",
        "http://10.0.0.1",
        "http://127.0.0.1:1",
    ),
    "base_url_credentials": (
        "https://root:secret@gitlab.example.org",
        "https://root@gitlab.example.org",
        "https://@gitlab.example.org",
        "https://:@gitlab.example.org",
        "https://gitlab.example.org@evil.example",
        "https://gitlab.example.org:443@evil.example",
        "https://a@b@gitlab.example.org",
    ),
    "base_url_host": (
        "https://",
        "https:///gitlab",
        "https://:443",
        "https://.",
        "https://..",
        "https://.example.org",
        "https://gitlab..example.org",
        "https://gitlab.example.org..",
        "https://-gitlab.example.org",
        "https://gitlab-.example.org",
        "https://git_lab.example.org",
        "https://gitlab%2eexample.org",
        "https://127.0.0.1%00.example.org:443",
        "https://*.example.org",
        "https://gitlab,example.org",
        "https://" + "a" * 64 + ".example.org",
        "https://" + "a." * 127 + "org",
        "https://127.1",
        "https://127.0.1",
        "https://2130706433",
        "https://0x7f000001",
        "https://0x7f.0x0.0x0.0x1",
        "https://0177.0.0.1",
        "https://017700000001",
        "https://0",
        "https://10.1",
        "https://1.1.1.1.1",
        "https://256.256.256.256",
        "https://192.168.0.0x1",
        "https://127.0.0.01",
        "https://[::1",
        "https://[]",
        "https://[::1]evil.example",
        "https://[fe80::1%25eth0]",
        "https://[fe80::1%eth0]",
        "https://[1.2.3.4]",
        "https://[gitlab.example.org]",
        "https://[::ffff:127.0.0.1.]",
        "https://[v1.fe80::a]",
    ),
    "base_url_port": (
        "https://gitlab.example.org:0",
        "https://gitlab.example.org:",
        "https://gitlab.example.org:65536",
        "https://gitlab.example.org:99999",
        "https://gitlab.example.org:-1",
        "https://gitlab.example.org:+443",
        "https://gitlab.example.org:0443",
        "https://gitlab.example.org:4_43",
        "https://gitlab.example.org:abc",
        "https://gitlab.example.org:443:443",
        "https://gitlab.example.org:0x1bb",
        "https://[2606:4700::1]:0",
    ),
    "base_url_path": (
        "https://gitlab.example.org//",
        "https://gitlab.example.org//gitlab",
        "https://gitlab.example.org/gitlab//",
        "https://gitlab.example.org/..",
        "https://gitlab.example.org/gitlab/../admin",
        "https://gitlab.example.org/./gitlab",
        "https://gitlab.example.org/%2e%2e/admin",
        "https://gitlab.example.org/%2fadmin",
        "https://gitlab.example.org/gitlab;x=1",
        "https://gitlab.example.org/git%20lab",
        "https://gitlab.example.org/api/v4",
        "https://gitlab.example.org/gitlab/api/v4/",
        "https://gitlab.example.org/acme/app/-/issues/1",
    ),
    "base_url_not_ascii": (
        "https://gitläb.example.org",
        "https://gitlab.example.org/gitläb",
        "https://ｇitlab.example.org",
        "https://gitlab。example.org",
        "https://gitlab.example.org：443",
        "https://127.0.0.1\u200b",
        "https://１２７.0.0.1",
        "https://①②⑦.0.0.1",
        "https://gitlab.example.org\u2028",
        "https://\u202egro.elpmaxe",
        "https://gitlab.example.org\xa0",
        "https://gitlab\xad.example.org",
    ),
    "base_url_too_long": (
        "https://gitlab.example.org/" + "a" * 474,
        "https://" + "a" * 10_000,
        "x" * 501,
    ),
    "base_url_blocked_address": (
        "https://localhost",
        "https://LOCALHOST:8443",
        "https://localhost.",
        "https://gitlab.localhost",
        "https://localhost.localdomain",
        "https://ip6-localhost",
        "https://127.0.0.1",
        "https://127.255.255.254:8443",
        "https://0.0.0.0",
        "https://10.0.0.1",
        "https://172.16.0.1",
        "https://172.31.255.255",
        "https://192.168.1.1/gitlab",
        "https://100.64.0.1",
        "https://169.254.169.254",
        "https://169.254.1.1",
        "https://198.18.0.1",
        "https://192.0.0.1",
        "https://192.0.2.1",
        "https://198.51.100.1",
        "https://203.0.113.1",
        "https://224.0.0.1",
        "https://240.0.0.1",
        "https://255.255.255.255",
        "https://168.63.129.16",
        "https://100.100.100.200",
        "https://192.88.99.1",
        "https://metadata.google.internal",
        "https://metadata",
        "https://instance-data",
        "https://[::1]",
        "https://[::]",
        "https://[0:0:0:0:0:0:0:1]",
        "https://[::ffff:127.0.0.1]",
        "https://[::ffff:7f00:1]",
        "https://[::ffff:10.0.0.1]",
        "https://[::127.0.0.1]",
        "https://[fe80::1]",
        "https://[fc00::1]",
        "https://[fd00:ec2::254]",
        "https://[ff02::1]",
        "https://[64:ff9b::7f00:1]",
        "https://[64:ff9b::a9fe:a9fe]",
        "https://[2002:7f00:1::]",
        "https://[2001::1]",
        "https://[2001:db8::1]",
        "https://[100::1]",
    ),
}

CASES = [(text, code) for code, texts in REFUSED.items() for text in texts]


@pytest.mark.parametrize(
    ("text", "code"), CASES, ids=[f"{code}-{text!a:.60}" for text, code in CASES]
)
def test_it_is_refused_by_its_own_code(standing: World, text: str, code: str) -> None:
    response = standing.send("PATCH", "integrations/gitlab", json={"base_url": text})

    assert refusal(response) == (422, code)
    problem = response.get_json()
    assert list(problem["errors"]) == ["base_url"]
    assert problem["errors"]["base_url"][0].endswith((".", "?"))
    with standing.app.app_context():
        kept = find_integration(standing.org.id)
        assert kept is not None
        assert (kept.base_url, kept.token_ciphertext is None) == (GITLAB, False)
        db.session.rollback()


@pytest.mark.parametrize("value", [1, 0, True, False, None, [], [GITLAB], {}, {"url": GITLAB}, 1.5])
def test_what_is_no_text_names_the_field(standing: World, value: object) -> None:
    response = standing.send("PATCH", "integrations/gitlab", json={"base_url": value})

    assert refusal(response) == (422, "validation_error")
    assert list(response.get_json()["errors"]) == ["base_url"]


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("HTTPS://GitLab.Example.ORG:443/", "https://gitlab.example.org"),
        ("https://gitlab.example.org./", "https://gitlab.example.org"),
        ("https://gitlab.example.org:8443/gitlab/", "https://gitlab.example.org:8443/gitlab"),
        ("https://xn--gitlb-hra.example.org", "https://xn--gitlb-hra.example.org"),
        ("https://[2606:4700:0::1]:443/", "https://[2606:4700::1]"),
        ("https://8.8.8.8", "https://8.8.8.8"),
        ("https://example.org/~git/GitLab", "https://example.org/~git/GitLab"),
        ("https://gitlab.example.org/" + "a" * 473, "https://gitlab.example.org/" + "a" * 473),
    ],
)
def test_what_is_fine_is_kept_normalised(standing: World, text: str, stored: str) -> None:
    response = standing.send("PATCH", "integrations/gitlab", json={"base_url": text})

    assert (response.status_code, response.get_json()["gitlab"]["base_url"]) == (200, stored)
