"""Split a pasted web address into its parts, strictly: nothing is guessed or repaired."""

import re
from dataclasses import dataclass
from enum import Enum

from gitlab_links.config.allowed_hosts import literal_address
from gitlab_links.one_line import named_sign

MAX_URL_LENGTH = 500
DEFAULT_PORTS = {"https": 443, "http": 80}

# U+FFFD replaces a NUL or half a surrogate pair.
CONTROL_OR_SPACE = re.compile("[\x00-\x20\x7f\N{REPLACEMENT CHARACTER}]")
_HOST_AND_REST = re.compile(r"((?:[^/?#]*://)?[^/?#]*)(.*)", re.DOTALL)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")


class Fault(Enum):
    """The problem with an address, independent of its purpose."""

    INVALID = "invalid"
    TOO_LONG = "too_long"
    NOT_ASCII = "not_ascii"
    SCHEME = "scheme"
    CREDENTIALS = "credentials"
    HOST = "host"
    PORT = "port"


class AddressError(Exception):
    """An address that cannot be split into its parts; the message says why."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault
        self.message = message


@dataclass(frozen=True, slots=True)
class WebAddress:
    """``scheme://host[:port]path``. The host is in lower case and without brackets; ``port`` is
    None for the default port.

    ``path`` is unchanged. ``has_suffix``: the address has a query or fragment, which is
    dropped.
    """

    scheme: str
    host: str
    port: int | None
    path: str
    has_suffix: bool


def parse_web_address(text: object) -> WebAddress:
    """Split an http or https address into its parts. Raises AddressError."""
    rest = _plain_text(text)
    scheme_match = _SCHEME.match(rest)
    if scheme_match is None or not rest.startswith("://", scheme_match.end() - 1):
        raise AddressError(Fault.SCHEME, "It does not start with https://.")
    scheme = scheme_match.group(1).lower()
    if scheme not in DEFAULT_PORTS:
        raise AddressError(Fault.SCHEME, f"It starts with {scheme}:// instead of https://.")
    rest = rest[scheme_match.end() + 2 :]
    resource = re.split(r"[?#]", rest, maxsplit=1)
    authority, slash, path = resource[0].partition("/")
    if "@" in authority:
        raise AddressError(
            Fault.CREDENTIALS, "It contains a user name or password before the '@'; leave them out."
        )
    host, port_text = _split_port(authority)
    port = None if port_text is None else _parse_port(port_text)
    return WebAddress(
        scheme=scheme,
        host=_parse_host(host),
        port=None if port == DEFAULT_PORTS[scheme] else port,
        path=slash + path,
        has_suffix=len(resource) > 1,
    )


def _plain_text(text: object) -> str:
    if not isinstance(text, str):
        raise AddressError(Fault.INVALID, "It is not text.")
    if not text:
        raise AddressError(Fault.INVALID, "It is empty.")
    if len(text) > MAX_URL_LENGTH:
        raise AddressError(
            Fault.TOO_LONG, f"It has {len(text)} characters; {MAX_URL_LENGTH} is the most."
        )
    if CONTROL_OR_SPACE.search(text) is not None:
        raise AddressError(Fault.INVALID, "It contains a space or a control character.")
    if "\\" in text:
        raise AddressError(Fault.INVALID, "It contains a backslash.")
    host, path = _HOST_AND_REST.match(text).groups()  # type: ignore[union-attr]
    check_ascii(host, "Its host", "An international host name is written in punycode (xn--...).")
    check_ascii(path, "Its path")
    return text


def check_ascii(text: str, what: str, remedy: str = "") -> None:
    """Raise AddressError for a character outside ASCII. The message names the character,
    because it may be invisible or resemble another.
    """
    found = next((sign for sign in text if not sign.isascii()), None)
    if found is None:
        return
    shown = f"{found!r}, " if found.isprintable() and not found.isspace() else ""
    message = f"{what} contains {shown}{named_sign(found)}, which is not ASCII."
    raise AddressError(Fault.NOT_ASCII, f"{message} {remedy}".strip())


def _split_port(authority: str) -> tuple[str, str | None]:
    if authority.startswith("["):
        host, bracket, rest = authority.partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise AddressError(Fault.HOST, "Its IPv6 address is not closed by a bracket.")
        return host + bracket, rest[1:] if rest else None
    host, colon, port = authority.partition(":")
    return host, port if colon else None


def _parse_port(text: str) -> int:
    if _PORT.fullmatch(text) is None or int(text) > 65535:
        raise AddressError(
            Fault.PORT, f"Its port is {text[:10]!r}; a port is a number from 1 to 65535."
        )
    return int(text)


def _parse_host(written: str) -> str:
    host = written.lower()
    if host.startswith("["):
        address = literal_address(host[1:-1]) if "%" not in host else None
        if address is None or address.version != 6:
            raise AddressError(Fault.HOST, f"{written!r} is not an IPv6 address.")
        return str(address)
    host = host.removesuffix(".")
    if not host:
        raise AddressError(Fault.HOST, "It has no host.")
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressError(Fault.HOST, f"{written[:80]!r} is not a host name.")
    if _NUMERIC_LABEL.fullmatch(labels[-1]) is not None and literal_address(host) is None:
        # Browsers and libc read 127.1, 2130706433 and 0x7f000001 as addresses.
        raise AddressError(
            Fault.HOST,
            f"{written[:80]!r} is neither a host name nor an address of four decimal numbers.",
        )
    return host
