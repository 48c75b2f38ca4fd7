"""The texts of an item in which a task may be mentioned."""

from gitlab_links.gitlab.fields import Object, read_branch
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.snapshot import UNKNOWN, ItemText, Unknown

# GitLab's own limit of a description, in characters.
MAX_DESCRIPTION_LENGTH = 1024 * 1024


def read_item_text(item_type: ItemType, item: Object) -> ItemText:
    """The texts of an item in the REST API or in a webhook body, as GitLab has them."""
    return ItemText(
        title=_text(item, "title"),
        description=_text(item, "description"),
        source_branch=_branch(item) if item_type is ItemType.MERGE_REQUEST else None,
    )


def _text(item: Object, field: str) -> str | Unknown | None:
    """UNKNOWN if it is missing or no text; null means that there is none."""
    value = item.get(field, UNKNOWN)
    if value is None:
        return None
    return value[:MAX_DESCRIPTION_LENGTH] if isinstance(value, str) else UNKNOWN


def _branch(item: Object) -> str | Unknown | None:
    return read_branch(item["source_branch"]) if "source_branch" in item else UNKNOWN
