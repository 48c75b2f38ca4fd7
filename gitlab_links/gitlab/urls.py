"""GitLab web addresses: the base URL of an instance, and the URLs of issues and merge requests."""

import re
from dataclasses import dataclass

from gitlab_links.config.allowed_hosts import AllowedHosts, literal_address
from gitlab_links.errors import Invalid
from gitlab_links.gitlab.drawer_urls import UnreadableDrawer, item_in_drawer
from gitlab_links.gitlab.item_paths import (
    EXAMPLE,
    NamesNoItem,
    Page,
    bad_address,
    bad_epic,
    bad_url,
    is_address,
    item_of_page,
    item_of_reference,
    item_ref,
    page_at,
)
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.gitlab.pasted_text import (
    MAX_PASTED_LENGTH,
    begins_with_host,
    read_reference,
    unwrapped,
)
from gitlab_links.gitlab.web_address import (
    CONTROL_OR_SPACE,
    DEFAULT_PORTS,
    AddressError,
    Fault,
    WebAddress,
    parse_web_address,
)

_BASE_SEGMENT = re.compile(r"[A-Za-z0-9_~.-]+")
_ENCODED_TRICK = re.compile(r"%(?:2e|2f|5c|00)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """The base URL of a GitLab. The host is in lower case, IPv6 without brackets; ``port`` is
    None for the default port. ``path`` is the relative root: empty, or with a leading and
    without a trailing slash.
    """

    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def effective_port(self) -> int:
        """The port to connect to, also if the URL does not name it."""
        return self.port or DEFAULT_PORTS[self.scheme]

    @property
    def origin(self) -> str:
        """``scheme://host[:port]``. A token belongs to one origin."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port else "")

    def __str__(self) -> str:
        return self.origin + self.path


def item_url(base: BaseUrl | str, ref: ItemRef) -> str:
    """The URL of an item's page, in a form that works since GitLab 12.

    ``base`` may be the stored text of a BaseUrl.
    """
    return f"{base}/{ref.project_path}/-/{ref.type.plural}/{ref.iid}"


def parse_base_url(text: object, allowed: AllowedHosts) -> BaseUrl:
    """The normalised base URL from an admin's input.

    An address without a scheme, such as gitlab.com, is one of https. Raises Invalid with a
    ``base_url_*`` code and the message under ``errors["base_url"]``.
    Literal internal addresses and loopback names are refused here. The addresses of a name
    are checked at each connection.
    """
    if isinstance(text, str) and begins_with_host(text, ""):
        text = f"https://{text}"
    try:
        address = parse_web_address(text)
    except AddressError as error:
        message = error.message
        if error.fault is Fault.SCHEME and "//" not in str(text):
            message = "It is not an address. Enter one like https://gitlab.example.com."
        raise _bad_base(f"base_url_{error.fault.value}", message) from None
    if address.has_suffix:
        raise _bad_base("base_url_invalid", "It has a query or a fragment; leave them out.")
    base = BaseUrl(address.scheme, address.host, address.port, _parse_base_path(address.path))
    check_host(base, allowed, sent="the token")
    return base


def _parse_base_path(path: str) -> str:
    trimmed = path.removesuffix("/")
    if not trimmed:
        return ""
    segments = trimmed.split("/")[1:]
    for segment in segments:
        if segment in {"", ".", "..", "-"} or _BASE_SEGMENT.fullmatch(segment) is None:
            raise _bad_base(
                "base_url_path",
                f"{path[:80]!r} cannot be the path of a GitLab. Enter the address of GitLab "
                "itself, such as https://gitlab.example.com or https://example.com/gitlab.",
            )
    if segments[-2:-1] == ["api"] and re.fullmatch(r"v[0-9]", segments[-1]):
        raise _bad_base("base_url_path", "It is the address of the API; leave out /api/v4.")
    return trimmed


def check_host(base: BaseUrl, allowed: AllowedHosts, *, sent: str) -> None:
    """Refuse an internal host that is not allowed, and http to it, by which ``sent`` could be read.

    Raises Invalid with a ``base_url_*`` code and the message under ``errors["base_url"]``.
    """
    literal = literal_address(base.host)
    port = base.effective_port
    if allowed.never_permits(base.host):
        raise _bad_base(
            "base_url_blocked_address",
            f"{base.host} is the metadata service of a cloud, which is never allowed.",
        )
    if base.scheme != "https" and not allowed.lists(base.host, port):
        raise _bad_base(
            "base_url_scheme",
            f"It starts with http://, which would send {sent} unencrypted: use https://. "
            + _who_can_allow(base, "The operator can allow http for a host on a private network"),
        )
    permitted = (
        allowed.permits_name(base.host, port)
        if literal is None
        else allowed.permits(base.scheme, base.host, port, literal)
    )
    if not permitted:
        raise _bad_base(
            "base_url_blocked_address",
            f"{base.host} is an internal address. "
            + _who_can_allow(base, "The operator of this service can allow it"),
        )


def _who_can_allow(base: BaseUrl, otherwise: str) -> str:
    if not AllowedHosts.permits_by_port_only(base.host):
        return f"{otherwise} (GITLAB_ALLOWED_HOSTS)."
    host = f"[{base.host}]" if ":" in base.host else base.host
    return (
        f"{base.host} is the machine of this service. The operator can allow it only with its "
        f"exact port (GITLAB_ALLOWED_HOSTS={host}:{base.effective_port})."
    )


def parse_item_url(text: object, base: BaseUrl) -> ItemRef:
    """The issue or merge request on the GitLab at ``base`` that a pasted text names.

    Accepts the address of an item's page, in all its forms and followed by any subpage, query
    or fragment; the address of a page with the item in a drawer; ``group/project#1`` and
    ``group/project!1``. Each may be in brackets, in a Markdown link, or without
    ``https://``. Raises Invalid with a ``url_*`` code and the message under
    ``errors["url"]``.
    """
    pasted = _pasted_text(text)
    authority = base.origin.partition("://")[2]
    first, _, _ = pasted.partition("/")
    reference = read_reference(pasted) if first.lower() != authority else None
    if reference is not None:
        return item_of_reference(reference.path, reference.sigil, reference.number)
    if begins_with_host(pasted, authority):
        pasted = f"{base.scheme}://{pasted}"
    location, _, _ = pasted.partition("#")
    location, _, query = location.partition("?")
    try:
        segments = _segments_under(base, parse_web_address(location))
    except AddressError as error:
        raise bad_address(pasted, error) from None
    return _shown_item(page_at(segments), query)


def _pasted_text(text: object) -> str:
    """The unwrapped text. A blank or control character in it is refused: there may be two
    addresses.
    """
    if not isinstance(text, str):
        raise bad_url("url_invalid", "It is not text.")
    if len(text) > MAX_PASTED_LENGTH:
        raise bad_url(
            "url_too_long", f"It has {len(text)} characters; {MAX_PASTED_LENGTH} is the most."
        )
    pasted = unwrapped(text)
    if CONTROL_OR_SPACE.search(pasted) is not None:
        if not is_address(pasted) and pasted.isprintable():
            raise NamesNoItem(pasted)
        raise bad_url(
            "url_invalid", "It contains a space or a control character: paste one address only."
        )
    return pasted


def _shown_item(page: Page, query: str) -> ItemRef:
    """The item that the person saw: the one in the drawer, or else that of the page."""
    try:
        drawer = item_in_drawer(query)
    except UnreadableDrawer:
        raise bad_url(
            "url_not_issue_or_mr",
            "It shows an item in a panel and does not name it. Open the item on a page of its "
            "own and paste that address.",
        ) from None
    if drawer is None:
        return item_of_page(page)
    if drawer.full_path is None:
        if page.is_of_group:
            raise bad_epic()
        return item_ref(page.place, ItemType.ISSUE, str(drawer.iid))
    if "/" not in drawer.full_path or page.may_be_epic_at(drawer.full_path):
        raise bad_epic()
    return item_of_reference(drawer.full_path, ItemType.ISSUE.sigil, str(drawer.iid))


def _segments_under(base: BaseUrl, address: WebAddress) -> list[str]:
    wrong_scheme = bad_url(
        "url_invalid", f"It starts with {address.scheme}://; this GitLab is at {base}."
    )
    elsewhere = bad_url("url_host_mismatch", f"It is not on the GitLab of this org, {base}.")
    if (address.host, address.port or DEFAULT_PORTS[address.scheme]) != (
        base.host,
        base.effective_port,
    ):
        same_host = address.host == base.host and address.port is None
        raise wrong_scheme if same_host and address.scheme != base.scheme else elsewhere
    if address.scheme != base.scheme:
        raise wrong_scheme
    if not f"{address.path}/".startswith(f"{base.path}/"):
        raise elsewhere
    segments = address.path[len(base.path) + 1 :].removesuffix("/").split("/")
    if segments == [""]:
        raise bad_url(
            "url_not_issue_or_mr",
            f"Paste the address of an issue or merge request, like {EXAMPLE}.",
        )
    for segment in segments:
        if segment in {"", ".", ".."} or _ENCODED_TRICK.search(segment) is not None:
            raise bad_url("url_project_path", "Its path has an empty, '.', '..' or encoded part.")
    return segments


def _bad_base(code: str, message: str) -> Invalid:
    return Invalid(message, code=code, errors={"base_url": [message]})
