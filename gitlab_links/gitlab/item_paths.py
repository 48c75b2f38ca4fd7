"""Which item the path of a GitLab page names. Refusals are Invalid with a ``url_*`` code."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gitlab_links.errors import Invalid
from gitlab_links.gitlab.items import MAX_IID, ItemRef, ItemType
from gitlab_links.gitlab.web_address import AddressError, Fault, check_ascii

_PATH_SEGMENT = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*")
_IID = re.compile(r"[1-9][0-9]{0,18}")
_MAX_SEGMENT_LENGTH = 255
_EPIC_PAGES = frozenset({"epics", "epic_boards", "roadmap"})
_EPICS_ONLY = (["epic_boards"], ["roadmap"])

_KINDS = {
    "issues": ItemType.ISSUE,
    "work_items": ItemType.ISSUE,
    "incidents": ItemType.ISSUE,
    "merge_requests": ItemType.MERGE_REQUEST,
}
# Pages without ``/-/`` in GitLabs before 16, from which the project is read.
_LEGACY_PAGES = frozenset({*_KINDS, "boards", "epics"})
_SIGILS = {"#": ItemType.ISSUE, "!": ItemType.MERGE_REQUEST}
EXAMPLE = "https://gitlab.example.com/group/project/-/issues/1"


@dataclass(frozen=True, slots=True)
class Page:
    """The path of a page: what stands before and behind ``/-/``."""

    place: Sequence[str]
    rest: Sequence[str]

    @property
    def is_of_group(self) -> bool:
        """Whether it is a page of a group: GitLab keeps that name from top-level groups."""
        return self.place[:1] == ["groups"]

    def may_be_epic_at(self, full_path: str) -> bool:
        """Whether an item of ``full_path`` in a drawer of this page belongs to a group."""
        if not self.is_of_group:
            return False
        group = "/".join(self.place[1:]).lower()
        above = f"{group}/".startswith(f"{full_path.lower()}/")
        return above or list(self.rest) == ["epics"] or self.rest[:1] in _EPICS_ONLY


def page_at(segments: list[str]) -> Page:
    """Take a path apart at its first ``-``, a name that GitLab keeps from groups; in a path
    without one at the page's name furthest right, as a group may be called ``issues``.
    """
    if "-" in segments:
        dash = segments.index("-")
        return Page(segments[:dash], segments[dash + 1 :])
    places = [place for place in range(1, len(segments)) if segments[place] in _LEGACY_PAGES]
    for place in reversed(places):
        behind = [part for part in segments[place + 1 : place + 3] if part != "incident"]
        if behind and _IID.fullmatch(behind[0]) is not None:
            return Page(segments[:place], segments[place:])
    if places and places[-1] >= 2:
        return Page(segments[: places[-1]], segments[places[-1] :])
    return Page(segments, [])


def item_of_page(page: Page) -> ItemRef:
    """The item whose own page it is."""
    kind, rest = _kind_and_rest(page.rest)
    if kind in _EPIC_PAGES or (page.is_of_group and kind == "work_items"):
        raise bad_epic()
    if kind not in _KINDS or page.is_of_group:
        raise bad_url(
            "url_not_issue_or_mr", f"It names neither an issue nor a merge request, as {EXAMPLE}."
        )
    return item_ref(page.place, _KINDS[kind], rest[0] if rest else "")


def item_ref(project: Sequence[str], item_type: ItemType, number: str) -> ItemRef:
    """The item with that number in a project, each checked."""
    if _IID.fullmatch(number) is None or int(number) > MAX_IID:
        raise bad_url(
            "url_iid", f"{number[:40]!r} is no number that GitLab gives an item, as in {EXAMPLE}."
        )
    return ItemRef(_project_path(project), item_type, int(number))


def item_of_reference(path: str, sigil: str, number: str) -> ItemRef:
    """The item that ``group/project#1`` or ``group/project!1`` names."""
    if sigil not in _SIGILS:
        raise bad_epic()
    try:
        check_ascii(path, "Its project path")
    except AddressError as error:
        raise bad_url(f"url_{error.fault.value}", error.message) from None
    return item_ref(path.split("/"), _SIGILS[sigil], number)


def _kind_and_rest(parts: Sequence[str]) -> tuple[str, Sequence[str]]:
    if list(parts[:2]) in (["issues", "incident"], ["quality", "test_cases"]):
        return "issues", parts[2:]
    return (parts[0], parts[1:]) if parts else ("", parts)


def _project_path(segments: Sequence[str]) -> str:
    if len(segments) < 2 or segments[0] == "groups":
        raise bad_url(
            "url_project_path", f"It names no project within a group or user, as {EXAMPLE}."
        )
    for segment in segments:
        well_formed = _PATH_SEGMENT.fullmatch(segment) is not None
        if (
            not well_formed
            or segment in {".", ".."}
            or segment.lower().endswith((".git", ".atom"))
            or len(segment) > _MAX_SEGMENT_LENGTH
        ):
            raise bad_url(
                "url_project_path", f"{segment[:80]!r} in its path is no GitLab group or project."
            )
    return "/".join(segments)


def bad_epic() -> Invalid:
    """The refusal of what belongs to a group."""
    return bad_url(
        "url_epic_unsupported",
        "It names a group's epic; only a project's issues and merge requests can be linked.",
    )


def bad_url(code: str, message: str) -> Invalid:
    """A refusal, with the message beside the field."""
    return Invalid(message, code=code, errors={"url": [message]})


def bad_address(error: AddressError) -> Invalid:
    """The refusal of what is no web address at all."""
    vague = error.fault in {Fault.SCHEME, Fault.HOST, Fault.PORT}
    return bad_url("url_invalid" if vague else f"url_{error.fault.value}", error.message)
