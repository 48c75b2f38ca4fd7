"""Find the new place of a moved issue: GitLab names it in a system note of the old issue."""

import re
from dataclasses import dataclass

from gitlab_links.gitlab.fields import read_id, read_object, read_project_path
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.gitlab.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Moved:
    """A moved issue at its new place."""

    ref: ItemRef
    issue: Snapshot

    @property
    def may_be_confidential(self) -> bool:
        """Whether it is confidential, or GitLab does not say."""
        return self.issue.confidential is not False


_MOVED = re.compile(r"moved to ([^\s#]*)#([0-9]{1,19})")


def read_moves(notes: object, project_path: str) -> list[ItemRef]:
    """The issues that an issue of ``project_path`` was moved to by its notes, in their order.

    A path without a namespace is in the project's namespace. Only system notes count,
    because anybody can write such a sentence in a comment.
    """
    found: list[ItemRef] = []
    for note in notes if isinstance(notes, list) else []:
        fields = read_object(note)
        body = fields.get("body")
        match = _MOVED.match(body) if isinstance(body, str) else None
        if match is None or fields.get("system") is not True:
            continue
        name, iid = match.group(1), read_id(match.group(2))
        namespace = project_path.rpartition("/")[0]
        path = read_project_path(name if "/" in name else f"{namespace}/{name}")
        if path is not None and iid is not None:
            found.append(ItemRef(path, ItemType.ISSUE, iid))
    return found
