"""Record what changes of an item, once for each of its links.

The values before and after a batch count: what changes and changes back within one batch of
deliveries or answers is no event.
"""

import uuid
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any

from gitlab_links.audit.changes import SERVICE
from gitlab_links.events.models import EventType
from gitlab_links.events.recording import record
from gitlab_links.gitlab.items import ItemState
from gitlab_links.gitlab.pipelines import PIPELINE_MOVING
from gitlab_links.links.confidentiality import is_withheld
from gitlab_links.links.freshness import GONE
from gitlab_links.links.link_events import link_event, rows_of_items
from gitlab_links.links.models import GitLabItem
from gitlab_links.sync.compared_fields import as_json
from gitlab_links.sync.merge_request_details import MERGE_STATUS_PENDING

# On the way to another status: only the status that GitLab ends with is an event.
MERGE_STATUS_PASSING = MERGE_STATUS_PENDING | {"ci_still_running"}

WEBHOOK = {"kind": "webhook"}
FETCH = {"kind": "fetch"}

State = dict[str, Any]


class ItemChanges:
    """The shown fields of locked items before a batch; ``record`` compares them afterwards."""

    def __init__(self, items: Iterable[GitLabItem]) -> None:
        self._items = {item.id: item for item in items}
        self._before = {item.id: _values(item) for item in self._items.values()}

    def record(self, org_id: uuid.UUID, cause: Mapping[str, Any]) -> None:
        """Record a ``link.changed`` for each link of each changed item, in two statements."""
        changed = {}
        for item in self._items.values():
            values_before, values = self._before[item.id], _values(item)
            if values_before == values:
                continue
            before, after = _state(values_before), _state(values)
            if changes := _changes(before, after):
                hides = _hides(item, before) or _hides(item, after)
                changed[item.id] = changes, hides, _detail(item, changes)
        if not changed:
            return
        events = []
        for row in rows_of_items(list(changed)):
            changes, hides, detail = changed[row.item_id]
            events.append(
                link_event(
                    EventType.LINK_CHANGED,
                    row,
                    hidden=hides,
                    changes=changes,
                    cause=cause,
                    detail=detail,
                )
            )
        record(org_id, SERVICE, *events)


def _state(values: tuple[Any, ...]) -> State:
    return dict(zip(_FIELDS, values, strict=True))


_FIELDS = (
    "title",
    "state",
    "draft",
    "confidential",
    "labels",
    "assignees",
    "reviewers",
    "milestone_id",
    "milestone",
    "due_date",
    "pipeline_status",
    "merge_status",
    "error_code",
)
# They are compared for every item, and shown only if they differ.
_values = attrgetter(*_FIELDS)


def _hides(item: GitLabItem, state: State) -> bool:
    return is_withheld(
        confidential=bool(state["confidential"]),
        gitlab_type=item.type,
        error_code=state["error_code"],
    )


def _changes(before: State, after: State) -> dict[str, list[Any]]:
    """The differing fields as JSON, with both values."""
    found = {}
    for name in _FIELDS:
        if before[name] == after[name]:
            continue
        old, new = _shown(name, before), _shown(name, after)
        if old != new and not _is_passing(name, after):
            found["missing" if name == "error_code" else name] = [old, new]
    return found


def _detail(item: GitLabItem, changes: Mapping[str, list[Any]]) -> Mapping[str, Any] | None:
    """Who merged it, of a change to merged, if GitLab has said so by then."""
    is_merge = changes.get("state", [None])[-1] == ItemState.MERGED
    return {"merged_by": item.merged_by} if is_merge and item.merged_by else None


def _is_passing(name: str, after: State) -> bool:
    """Whether the new value is not the last one: another one follows without anybody's doing."""
    value = after[name]
    if name == "pipeline_status":
        return value in PIPELINE_MOVING
    if name == "merge_status":
        return value is None or value in MERGE_STATUS_PASSING
    # Webhooks name a milestone by its id, and a fetch brings its title.
    return name == "milestone" and value is None and after["milestone_id"] is not None


def _shown(name: str, state: State) -> Any:
    if name == "error_code":
        return state[name] in GONE
    if name == "milestone_id":
        return None  # only its title is shown
    return as_json(name, state[name])
