"""Read the comment of a comment event."""

from dataclasses import dataclass
from datetime import datetime

from gitlab_links.gitlab.fields import Object, read_id
from gitlab_links.gitlab.item_text import MAX_DESCRIPTION_LENGTH
from gitlab_links.gitlab.times import parse_time


@dataclass(frozen=True, slots=True)
class Comment:
    """A person's comment on an item, as it was at ``updated_at`` by GitLab's clock;
    ``is_edited``: it is not as it was written.
    """

    id: int
    text: str
    updated_at: datetime
    is_edited: bool = False


def read_comment(attributes: Object) -> Comment | None:
    """The comment; None for what GitLab itself notes, and without id or time."""
    comment_id, text = read_id(attributes.get("id")), attributes.get("note")
    created_at = parse_time(attributes.get("created_at"))
    updated_at = parse_time(attributes.get("updated_at")) or created_at
    if attributes.get("system") or comment_id is None or updated_at is None:
        return None
    if not isinstance(text, str):
        return None
    is_edited = updated_at != created_at
    return Comment(comment_id, text[:MAX_DESCRIPTION_LENGTH], updated_at, is_edited)
