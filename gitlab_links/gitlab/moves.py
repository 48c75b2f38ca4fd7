"""Where a moved issue went: GitLab names it in a system note of the issue it was."""

import re
from dataclasses import dataclass

from gitlab_links.gitlab.fields import read_id, read_object, read_project_path
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.gitlab.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Moved:
    """Where an issue is that was moved, and what it is there."""

    ref: ItemRef
    issue: Snapshot

    @property
    def may_be_confidential(self) -> bool:
        """Whether GitLab does not say that everybody may see it."""
        return self.issue.confidential is not False


_MOVED = re.compile(r"moved to ([^\s#]*)#([0-9]{1,19})")


def read_moves(notes: object, project_path: str) -> list[ItemRef]:
    """The issues that notes say one of ``project_path`` was moved to, in the notes' order.

    A path without a namespace is within that of the project. Anybody may write such a
    sentence, but not as a system note.
    """
    found: list[ItemRef] = []
    for note in notes if isinstance(notes, list) else []:
        told = read_object(note)
        body = told.get("body")
        match = _MOVED.match(body) if isinstance(body, str) else None
        if match is None or told.get("system") is not True:
            continue
        name, iid = match.group(1), read_id(match.group(2))
        namespace = project_path.rpartition("/")[0]
        path = read_project_path(name if "/" in name else f"{namespace}/{name}")
        if path is not None and iid is not None:
            found.append(ItemRef(path, ItemType.ISSUE, iid))
    return found
