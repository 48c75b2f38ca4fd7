"""GitLab web addresses: the base URL of an instance, and the URLs of issues and merge requests."""

import re
from dataclasses import dataclass

from gitlab_links.allowed_hosts import AllowedHosts, literal_address
from gitlab_links.errors import Invalid
from gitlab_links.gitlab.items import MAX_IID, ItemRef, ItemType
from gitlab_links.gitlab.web_address import (
    DEFAULT_PORTS,
    AddressError,
    Fault,
    WebAddress,
    parse_web_address,
)

_BASE_SEGMENT = re.compile(r"[A-Za-z0-9_~.-]+")
_PATH_SEGMENT = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*")
_ENCODED_TRICK = re.compile(r"%(?:2e|2f|5c|00)", re.IGNORECASE)
_IID = re.compile(r"[1-9][0-9]{0,18}")
_MAX_SEGMENT_LENGTH = 255

_KINDS = {
    "issues": ItemType.ISSUE,
    "work_items": ItemType.ISSUE,
    "merge_requests": ItemType.MERGE_REQUEST,
}
_WEB_KINDS = {ItemType.ISSUE: "issues", ItemType.MERGE_REQUEST: "merge_requests"}
_EXAMPLE = "https://gitlab.example.com/group/project/-/issues/1"
_FAULT_CODES = {
    Fault.SCHEME: "url_invalid",
    Fault.HOST: "url_invalid",
    Fault.PORT: "url_invalid",
}


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """Where a GitLab lives. Host in lower case, IPv6 without brackets, no default port;
    ``path`` is the relative root, empty or with a leading and no trailing slash.
    """

    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def effective_port(self) -> int:
        """The port connections go to, whether written or not."""
        return self.port or DEFAULT_PORTS[self.scheme]

    @property
    def origin(self) -> str:
        """``scheme://host[:port]``: what a token is bound to."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port else "")

    def __str__(self) -> str:
        return self.origin + self.path


def item_url(base: BaseUrl | str, ref: ItemRef) -> str:
    """The page of an item, in the form every GitLab since 12 understands.

    ``base`` may be the text of a BaseUrl, as it is stored.
    """
    return f"{base}/{ref.project_path}/-/{_WEB_KINDS[ref.type]}/{ref.iid}"


def parse_base_url(text: object, allowed: AllowedHosts) -> BaseUrl:
    """The base URL an admin typed, normalised.

    Raises Invalid with a ``base_url_*`` code and the message under ``errors["base_url"]``.
    Literal internal addresses and loopback names are refused here; what a name resolves
    to is checked at each connection.
    """
    try:
        address = parse_web_address(text)
    except AddressError as error:
        raise _bad_base(f"base_url_{error.fault.value}", error.message) from None
    if address.has_suffix:
        raise _bad_base("base_url_invalid", "It has a query or a fragment; leave them out.")
    base = BaseUrl(address.scheme, address.host, address.port, _parse_base_path(address.path))
    _check_host(base, allowed)
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
                f"Its path {path[:80]!r} is not where a GitLab can live: give the address of "
                "the GitLab itself, such as https://gitlab.example.com or "
                "https://example.com/gitlab.",
            )
    if segments[-2:-1] == ["api"] and re.fullmatch(r"v[0-9]", segments[-1]):
        raise _bad_base("base_url_path", "Its path is that of the API; leave /api/v4 out.")
    return trimmed


def _check_host(base: BaseUrl, allowed: AllowedHosts) -> None:
    literal = literal_address(base.host)
    port = base.effective_port
    if base.scheme != "https" and not allowed.lists(base.host, port):
        raise _bad_base(
            "base_url_scheme",
            "It starts with http://, and the token would travel in clear: use https://. "
            "The operator can allow http for a host on a private network (GITLAB_ALLOWED_HOSTS).",
        )
    permitted = (
        allowed.permits_name(base.host, port)
        if literal is None
        else allowed.permits(base.scheme, base.host, port, literal)
    )
    if not permitted:
        raise _bad_base(
            "base_url_blocked_address",
            f"{base.host} is an internal address. The operator of this service can allow it "
            "(GITLAB_ALLOWED_HOSTS).",
        )


def parse_item_url(text: object, base: BaseUrl) -> ItemRef:
    """The issue or merge request that a pasted URL names on the GitLab at ``base``.

    Takes ``/-/issues/N``, ``/-/work_items/N``, ``/-/issues/incident/N``,
    ``/-/merge_requests/N`` and the forms without ``/-/``, with any page, query or fragment
    behind. Raises Invalid with a ``url_*`` code and the message under ``errors["url"]``.
    """
    try:
        address = parse_web_address(text)
    except AddressError as error:
        code = _FAULT_CODES.get(error.fault, f"url_{error.fault.value}")
        raise _bad_url(code, error.message) from None
    segments = _segments_under(base, address)
    if "-" in segments:
        dash = segments.index("-")
        return _item(segments[:dash], segments[dash + 1 :])
    return _legacy_item(segments)


def _segments_under(base: BaseUrl, address: WebAddress) -> list[str]:
    if (address.host, address.port or DEFAULT_PORTS[address.scheme]) != (
        base.host,
        base.effective_port,
    ):
        if address.host == base.host and address.scheme != base.scheme and address.port is None:
            raise _bad_url(
                "url_invalid", f"It starts with {address.scheme}://; this GitLab is at {base}."
            )
        raise _bad_url("url_host_mismatch", f"It is not on the GitLab of this org, {base}.")
    if address.scheme != base.scheme:
        raise _bad_url(
            "url_invalid", f"It starts with {address.scheme}://; this GitLab is at {base}."
        )
    if not f"{address.path}/".startswith(f"{base.path}/"):
        raise _bad_url("url_host_mismatch", f"It is not on the GitLab of this org, {base}.")
    segments = address.path[len(base.path) + 1 :].removesuffix("/").split("/")
    if segments == [""]:
        raise _bad_url("url_not_issue_or_mr", f"It names no issue or merge request, as {_EXAMPLE}.")
    for segment in segments:
        if segment in {"", ".", ".."} or _ENCODED_TRICK.search(segment) is not None:
            raise _bad_url("url_project_path", "Its path has an empty, '.', '..' or encoded part.")
    return segments


def _item(project: list[str], page: list[str]) -> ItemRef:
    """``project`` and ``page`` are what stands before and behind ``/-/``."""
    kind = page[0] if page else ""
    if kind == "epics" or (project[:1] == ["groups"] and kind == "work_items"):
        raise _bad_url(
            "url_epic_unsupported",
            "It names a group's epic; only a project's issues and merge requests can be linked.",
        )
    if kind not in _KINDS or project[:1] == ["groups"]:
        raise _bad_url(
            "url_not_issue_or_mr", f"It names neither an issue nor a merge request, as {_EXAMPLE}."
        )
    rest = page[1:]
    if kind == "issues" and rest[:1] == ["incident"]:
        rest = rest[1:]
    number = rest[0] if rest else ""
    if _IID.fullmatch(number) is None or int(number) > MAX_IID:
        raise _bad_url(
            "url_iid",
            f"{number[:40]!r} behind /{kind}/ is no number that GitLab gives, as in {_EXAMPLE}.",
        )
    return ItemRef(_project_path(project), _KINDS[kind], int(number))


def _legacy_item(segments: list[str]) -> ItemRef:
    """A URL without ``/-/``, read from the right because a group may be called ``issues``."""
    places = [place for place in range(1, len(segments)) if segments[place] in {*_KINDS, "epics"}]
    for place in reversed(places):
        behind = [part for part in segments[place + 1 : place + 3] if part != "incident"]
        if behind and _IID.fullmatch(behind[0]) is not None:
            return _item(segments[:place], segments[place:])
    if places and places[-1] >= 2:
        return _item(segments[: places[-1]], segments[places[-1] :])
    raise _bad_url(
        "url_not_issue_or_mr", f"It names neither an issue nor a merge request, as {_EXAMPLE}."
    )


def _project_path(segments: list[str]) -> str:
    if len(segments) < 2:
        raise _bad_url(
            "url_project_path", f"It names no project within a group or user, as {_EXAMPLE}."
        )
    for segment in segments:
        well_formed = _PATH_SEGMENT.fullmatch(segment) is not None
        if (
            not well_formed
            or segment.lower().endswith((".git", ".atom"))
            or len(segment) > _MAX_SEGMENT_LENGTH
        ):
            raise _bad_url(
                "url_project_path", f"{segment[:80]!r} in its path is no GitLab group or project."
            )
    return "/".join(segments)


def _bad_base(code: str, message: str) -> Invalid:
    return Invalid(message, code=code, errors={"base_url": [message]})


def _bad_url(code: str, message: str) -> Invalid:
    return Invalid(message, code=code, errors={"url": [message]})
