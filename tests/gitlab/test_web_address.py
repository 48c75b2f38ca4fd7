"""Web addresses taken apart: what each part becomes, and what a person reads who mistyped one."""

import pytest

from gitlab_links.gitlab.web_address import (
    MAX_URL_LENGTH,
    AddressError,
    Fault,
    WebAddress,
    parse_web_address,
)

LONGEST_HOST = ("a" * 63 + ".") * 3 + "a" * 57 + ".com"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://gitlab.com", WebAddress("https", "gitlab.com", None, "", False)),
        ("HTTP://GitLab.com:80/A//b", WebAddress("http", "gitlab.com", None, "/A//b", False)),
        ("http://[FD00:0::1]:443/?", WebAddress("http", "fd00::1", 443, "/", True)),
        ("https://10.0.0.1.#a?b#c", WebAddress("https", "10.0.0.1", None, "", True)),
        (f"https://{LONGEST_HOST}.", WebAddress("https", LONGEST_HOST, None, "", False)),
    ],
)
def test_an_address_has_its_parts(text, address):
    assert parse_web_address(text) == address


def test_the_longest_address_is_taken():
    text = "https://gitlab.com/".ljust(MAX_URL_LENGTH, "a")
    assert len(parse_web_address(text).path) == MAX_URL_LENGTH - len("https://gitlab.com")


PUNYCODE = "An international host name is written in punycode (xn--...)."
NEITHER = "is neither a host name nor an address of four decimal numbers."
CREDENTIALS = "It contains a user name or password before the '@'; leave them out."
UNSEEN = "It contains a space or a control character."
UNCLOSED = "Its IPv6 address is not closed by a bracket."


@pytest.mark.parametrize(
    ("text", "fault", "message"),
    [
        (7, Fault.INVALID, "It is not text."),
        ("", Fault.INVALID, "It is empty."),
        ("https://".ljust(501, "a"), Fault.TOO_LONG, "It has 501 characters; 500 is the most."),
        *(
            (f"https://a{one}b", Fault.INVALID, UNSEEN)
            for one in " \0\x1f\x7f\N{REPLACEMENT CHARACTER}"
        ),
        ("https://a\\b", Fault.INVALID, "It contains a backslash."),
        (
            "https://bücher.example",
            Fault.NOT_ASCII,
            "Its host contains 'ü', LATIN SMALL LETTER U WITH DIAERESIS (U+00FC), which is not "
            f"ASCII. {PUNYCODE}",
        ),
        (
            "https://gitlab.com/prójekt",
            Fault.NOT_ASCII,
            "Its path contains 'ó', LATIN SMALL LETTER O WITH ACUTE (U+00F3), which is not ASCII.",
        ),
        (
            "https://gitlab\u200b.com",
            Fault.NOT_ASCII,
            f"Its host contains ZERO WIDTH SPACE (U+200B), which is not ASCII. {PUNYCODE}",
        ),
        (
            "https://gitlab.com/\ue000",
            Fault.NOT_ASCII,
            "Its path contains a character without a name (U+E000), which is not ASCII.",
        ),
        ("gitlab.com", Fault.SCHEME, "It does not start with https://."),
        ("://gitlab.com", Fault.SCHEME, "It does not start with https://."),
        ("ftp://gitlab.com", Fault.SCHEME, "It starts with ftp:// instead of https://."),
        ("GIT+ssh://gitlab.com", Fault.SCHEME, "It starts with git+ssh:// instead of https://."),
        ("https://me@gitlab.com", Fault.CREDENTIALS, CREDENTIALS),
        ("https://[::1", Fault.HOST, UNCLOSED),
        ("https://[::1]]", Fault.HOST, UNCLOSED),
        ("https://[::g]", Fault.HOST, "'[::g]' is not an IPv6 address."),
        ("https://.", Fault.HOST, "It has no host."),
        ("https://gitlab-.com", Fault.HOST, "'gitlab-.com' is not a host name."),
        ("https://gitlab.0x", Fault.HOST, f"'gitlab.0x' {NEITHER}"),
        (f"https://{'a_' * 41}", Fault.HOST, f"{'a_' * 40!r} is not a host name."),
        (
            f"https://{LONGEST_HOST}m",
            Fault.HOST,
            f"{LONGEST_HOST[:80]!r} is not a host name.",
        ),
        (
            f"https://{'1.' * 41}1",
            Fault.HOST,
            f"{'1.' * 40!r} {NEITHER}",
        ),
        (
            "https://gitlab.com:123456789012",
            Fault.PORT,
            "Its port is '1234567890'; a port is a number from 1 to 65535.",
        ),
    ],
)
def test_a_fault_has_a_message(text, fault, message):
    with pytest.raises(AddressError) as caught:
        parse_web_address(text)
    assert (caught.value.fault, caught.value.message) == (fault, message)
    assert str(caught.value) == message
