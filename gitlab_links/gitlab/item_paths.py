"""Find the item that the path of a GitLab page names. Raises Invalid with a ``url_*`` code."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gitlab_links.errors import Invalid
from gitlab_links.gitlab.items import MAX_IID, ItemRef, ItemType
from gitlab_links.gitlab.pasted_text import begins_with_host
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
# Before GitLab 16 these pages have no ``/-/``: the page name ends the project path.
_LEGACY_PAGES = frozenset({*_KINDS, "boards", "epics"})
_SIGILS = {"#": ItemType.ISSUE, "!": ItemType.MERGE_REQUEST}
EXAMPLE = "https://gitlab.example.com/group/project/-/issues/1"
REFERENCES = "write a reference like group/app#12 (issue) or group/app!12 (merge request)"
_NUMBER_ALONE = re.compile(r"[#!][0-9]+")
_OF_REFERENCES = re.compile(r"[/#!]")
_ALSO_OF_WORDS = frozenset({Fault.INVALID, Fault.SCHEME, Fault.NOT_ASCII})


@dataclass(frozen=True, slots=True)
class Page:
    """The path of a page: the parts before and after ``/-/``."""

    place: Sequence[str]
    rest: Sequence[str]

    @property
    def is_of_group(self) -> bool:
        """Whether it is a page of a group. GitLab reserves the name ``groups``."""
        return self.place[:1] == ["groups"]

    def may_be_epic_at(self, full_path: str) -> bool:
        """Whether an item of ``full_path`` in a drawer of this page belongs to a group."""
        if not self.is_of_group:
            return False
        group = "/".join(self.place[1:]).lower()
        above = f"{group}/".startswith(f"{full_path.lower()}/")
        return above or list(self.rest) == ["epics"] or self.rest[:1] in _EPICS_ONLY


def page_at(segments: list[str]) -> Page:
    """Split a path at its first ``-``, which GitLab reserves. A path without ``-`` is split at
    the last page name, because a group may be called ``issues``.
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
    """The item whose own page this is."""
    kind, rest = _kind_and_rest(page.rest)
    if kind in _EPIC_PAGES or (page.is_of_group and kind == "work_items"):
        raise bad_epic()
    if kind not in _KINDS or page.is_of_group:
        raise bad_url(
            "url_not_issue_or_mr",
            f"Paste the address of an issue or merge request, like {EXAMPLE}.",
        )
    return item_ref(page.place, _KINDS[kind], rest[0] if rest else "")


def item_ref(project: Sequence[str], item_type: ItemType, number: str) -> ItemRef:
    """The item with that number in a project, after checking both."""
    if _IID.fullmatch(number) is None or int(number) > MAX_IID:
        raise bad_url(
            "url_iid", f"{number[:40]!r} is not the number of an item. An example: {EXAMPLE}."
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
            "url_project_path", f"It does not name a project in a group. An example: {EXAMPLE}."
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
                "url_project_path",
                f"{segment[:80]!r} in its path is not a GitLab group or project.",
            )
    return "/".join(segments)


def bad_epic() -> Invalid:
    """The refusal of an item that belongs to a group."""
    return bad_url(
        "url_epic_unsupported",
        "It is the epic of a group. Only a project's issues and merge requests can be linked.",
    )


def bad_url(code: str, message: str) -> Invalid:
    """A refusal with its message at the field ``url``."""
    return Invalid(message, code=code, errors={"url": [message]})


class NamesNoItem(Invalid, code="url_invalid"):
    """A text that is neither an address nor a reference, such as words of a title."""

    def __init__(self, text: str, *, code: str | None = None) -> None:
        self.is_number = _NUMBER_ALONE.fullmatch(text) is not None
        message = f"This names no issue or merge request. Paste its address, or {REFERENCES}."
        if not text:
            message = f"Paste the address of an issue or merge request, or {REFERENCES}."
        elif self.is_number:
            message = f"{text[:40]} leaves out the project. Write group/app{text[:40]}."
        super().__init__(message, code=code, errors={"url": [message]})


def bad_address(text: str, error: AddressError) -> Invalid:
    """The refusal of a text that is not a web address."""
    vague = error.fault in {Fault.SCHEME, Fault.HOST, Fault.PORT}
    code = "url_invalid" if vague else f"url_{error.fault.value}"
    if is_address(text) or error.fault not in _ALSO_OF_WORDS:
        return bad_url(code, error.message)
    if error.fault is Fault.NOT_ASCII and _OF_REFERENCES.search(text) is not None:
        return bad_url(code, error.message)
    return NamesNoItem(text, code=code)


def is_address(text: str) -> bool:
    """Whether a text is meant as an address, rather than as a reference or as words."""
    return "//" in text or begins_with_host(text, "")
