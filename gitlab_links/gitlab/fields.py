"""Read single values from GitLab's JSON: any shape is accepted, only clean values are returned.

Every reader takes any JSON value and returns a clean one, or None if the value is not usable.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from gitlab_links.gitlab.items import MAX_IID, ItemState
from gitlab_links.gitlab.snapshot import UNKNOWN, Label, Milestone, Person, Review, Unknown

MAX_TITLE_LENGTH = 255  # GitLab's own limit for titles of items, labels and milestones
MAX_NAME_LENGTH = 255
MAX_WORD_LENGTH = 60  # a status, a kind, an action
MAX_PATH_LENGTH = 1000
MAX_BRANCH_LENGTH = 255
MAX_COUNT = 2**31 - 1
MAX_LABELS = 200
MAX_PEOPLE = 200

DEFAULT_LABEL_COLOR = "#6699cc"  # GitLab's colour for a label without one
_DARK_TEXT, _LIGHT_TEXT = "#1f1e24", "#ffffff"

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# With direction overrides, a title can be displayed as another title.
_DIRECTION_OVERRIDES = re.compile("[\u202a-\u202e\u2066-\u2069]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_HEX_COLOR = re.compile(r"#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{3})")
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_DIGITS = re.compile(r"[1-9][0-9]{0,18}")
_SEGMENT = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9_.][A-Za-z0-9_.-]*"
_PROJECT_PATH = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})+")
# Below a GitLab under a path, that path comes first. Old ones have no ``/-``.
_PIPELINE_PATH = re.compile(
    rf"(?:https?://[^/?#\s\\]+)?((?:/{_SEGMENT}){{2,}}(?:/-)?/pipelines/{_DIGITS.pattern})"
)
_DRAFT_TITLE = re.compile(r"\s*(?:\[draft\]|\(draft\)|draft:|\[wip\]|wip:)", re.IGNORECASE)
_STATES = {state.value: state for state in ItemState} | {"reopened": ItemState.OPENED}
_STATE_IDS = {
    1: ItemState.OPENED,
    2: ItemState.CLOSED,
    3: ItemState.MERGED,
    4: ItemState.LOCKED,
}

T = TypeVar("T")
Object = Mapping[str, Any]
EMPTY: Object = {}


def read_object(value: object) -> Object:
    """The value if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else EMPTY


def read_given(
    source: Object, field: str, reader: Callable[[object], T | None]
) -> T | Unknown | None:
    """The field's value: None for null, UNKNOWN if the field is missing or unreadable."""
    if field not in source:
        return UNKNOWN
    if source[field] is None:
        return None
    value = reader(source[field])
    return UNKNOWN if value is None else value


def read_text(value: object, limit: int) -> str | None:
    """One line of visible text of at most ``limit`` characters, with … at the end if it was
    cut; None if nothing is left.
    """
    if not isinstance(value, str):
        return None
    line = value[:limit]
    if not line.isprintable():
        line = _CONTROLS.sub(" ", line)
        line = _DIRECTION_OVERRIDES.sub("", line)
        line = _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", line)
    line = line.strip()
    if line and len(value) > limit:
        line = line[: limit - 1] + "…"
    return line or None


def read_word(value: object) -> str | None:
    """A short machine-made word: a kind, an action, a status."""
    return read_text(value, MAX_WORD_LENGTH)


def read_id(value: object) -> int | None:
    """An id or iid from 1 to 2^63-1; a custom webhook template may send it as text."""
    if isinstance(value, str) and _DIGITS.fullmatch(value) is not None:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_IID:
        return value
    return None


def read_project_path(value: object) -> str | None:
    """A full project path in GitLab's spelling, or None: a cut path is another project's."""
    if not isinstance(value, str) or len(value) > MAX_PATH_LENGTH:
        return None
    return value if _PROJECT_PATH.fullmatch(value) is not None else None


def read_branch(value: object) -> str | None:
    """A branch name unchanged, or None if it is too long: a cut name is another branch's."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_BRANCH_LENGTH:
        return None
    return value if value.isprintable() else None


def read_sha(value: object) -> str | None:
    """The SHA-1 or SHA-256 hash of a commit."""
    return value if isinstance(value, str) and _SHA.fullmatch(value) is not None else None


def read_count(value: object) -> int | None:
    """A number of things, at least 0."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        return None
    return min(value, MAX_COUNT)


def read_pipeline_path(value: object) -> str | None:
    """The path of a pipeline's page, from its address or path. The host does not count: the page
    is on the GitLab that was asked.
    """
    if not isinstance(value, str) or len(value) > 2 * MAX_PATH_LENGTH:
        return None
    found = _PIPELINE_PATH.fullmatch(value)
    return found[1] if found is not None and len(found[1]) <= MAX_PATH_LENGTH else None


def read_title(item: Object) -> str | Unknown:
    """The title of an item, or UNKNOWN if nothing is left of it."""
    title = read_text(item.get("title"), MAX_TITLE_LENGTH)
    return UNKNOWN if title is None else title


def read_bool(value: object) -> bool | Unknown:
    """True or False, or UNKNOWN for anything else."""
    return value if isinstance(value, bool) else UNKNOWN


def read_state(value: object, state_id: object = None) -> ItemState | Unknown:
    """The state by its name, or by GitLab's number if the name is missing."""
    named = _STATES.get(value.strip().lower()) if isinstance(value, str) else None
    if named is None and isinstance(state_id, int):
        named = _STATE_IDS.get(state_id)
    return named if named is not None else UNKNOWN


def read_draft(item: Object) -> bool | Unknown:
    """``draft``, or ``work_in_progress`` before GitLab 14; by the title if both are missing."""
    for field in ("draft", "work_in_progress"):
        flag = read_bool(item.get(field))
        if flag is not UNKNOWN:
            return flag
    title = item.get("title")
    return _DRAFT_TITLE.match(title) is not None if isinstance(title, str) else UNKNOWN


def read_merge_status(item: Object) -> str | Unknown:
    """``detailed_merge_status``, or ``merge_status``, the only one before GitLab 15.6."""
    status = read_word(item.get("detailed_merge_status")) or read_word(item.get("merge_status"))
    return UNKNOWN if status is None else status


def read_person(value: object) -> Person | None:
    """An account with a user name, which is also shown if there is no display name."""
    data = read_object(value)
    username = read_text(data.get("username"), MAX_NAME_LENGTH)
    if username is None:
        return None
    return Person(username, read_text(data.get("name"), MAX_NAME_LENGTH) or username)


def read_people(values: list[Any]) -> tuple[Person, ...]:
    """The accounts among the values, in order."""
    people = (read_person(value) for value in values[:MAX_PEOPLE])
    return tuple(person for person in people if person is not None)


def read_reviews(values: list[Any]) -> tuple[Review, ...]:
    """How far the reviewers among the values are, of those with a state."""
    reviews = (_read_review(value) for value in values[:MAX_PEOPLE])
    return tuple(review for review in reviews if review is not None)


def _read_review(value: object) -> Review | None:
    person, state = read_person(value), read_word(read_object(value).get("state"))
    if person is None or state is None:
        return None
    return Review(person.username, state, read_object(value).get("re_requested") is True)


def read_labels(values: list[Any]) -> tuple[Label, ...]:
    """Labels from objects, or from bare names, which have no colours."""
    labels = (_read_label(value) for value in values[:MAX_LABELS])
    return tuple(label for label in labels if label is not None)


def _read_label(value: object) -> Label | None:
    data = {"name": value} if isinstance(value, str) else read_object(value)
    name = read_text(data.get("name") or data.get("title"), MAX_TITLE_LENGTH)
    if name is None:
        return None
    color = _read_color(data.get("color"))
    if color is None:
        return Label(name, None, None)
    return Label(name, color, _read_color(data.get("text_color")) or contrasting(color))


def _read_color(value: object) -> str | None:
    if not isinstance(value, str) or _HEX_COLOR.fullmatch(value) is None:
        return None
    color = value.lower()
    return color if len(color) == 7 else "#" + "".join(digit * 2 for digit in color[1:])


def contrasting(color: str) -> str:
    """GitLab's text colour for a ``#rrggbb`` label; webhook bodies leave it out."""
    brightness = sum(int(color[start : start + 2], 16) for start in (1, 3, 5))
    return _DARK_TEXT if brightness > 500 else _LIGHT_TEXT


def read_milestone(value: object) -> Milestone | None:
    """A milestone with an id; its number replaces a missing title."""
    data = read_object(value)
    milestone_id = read_id(data.get("id"))
    if milestone_id is None:
        return None
    title = read_text(data.get("title"), MAX_TITLE_LENGTH)
    return Milestone(
        milestone_id, title or f"%{data.get('iid') or milestone_id}"[:MAX_TITLE_LENGTH]
    )
