"""What of an event is withheld from a reader: the rule for items, applied to the past.

The present state of the item counts as well as that of the event: what has become confidential
since is withheld with its past. The item of a link that is gone is not known any more, so the
changes of an issue are then withheld, because it may have become confidential since.
"""

from sqlalchemy import ColumnElement, Select, and_, false, func, or_

from gitlab_links.events.models import Event, EventType
from gitlab_links.gitlab.items import ItemType
from gitlab_links.links.confidentiality import withheld
from gitlab_links.links.models import GitLabItem


def with_items(statement: Select[Event]) -> Select[Event]:
    """Join the items of events, which :func:`event_withheld` reads."""
    return statement.outerjoin(GitLabItem, GitLabItem.id == Event.item_id)


def event_withheld() -> ColumnElement[bool]:
    """Whether a reader who may not see everything gets only the ids and the reference.

    Of such a ``link.changed`` they get nothing: that and when an item changed is a hint too.
    """
    unknown = and_(
        Event.item_id.is_not(None),
        GitLabItem.id.is_(None),
        Event.item_type == ItemType.ISSUE.value,
        Event.type == EventType.LINK_CHANGED.value,
    )
    return or_(Event.confidential, func.coalesce(withheld(), false()), unknown)


def event_readable(*, all_seen: bool) -> ColumnElement[bool]:
    """Whether the reader gets the event at all."""
    if all_seen:
        return Event.id.is_not(None)
    return or_(Event.type != EventType.LINK_CHANGED.value, ~event_withheld())
