"""Which links to list, for the contract and its requests."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from gitlab_links.api.cursors import Cursors
from gitlab_links.api.schemas.common import Strict, described
from gitlab_links.api.schemas.fields import (
    LINE,
    Cursor,
    Moment,
    WholeNumber,
    choice,
    limit,
    sought,
    sought_person,
    text,
)
from gitlab_links.finding.link_query import MOST_LABELS, LinkQuery, PipelineFilter
from gitlab_links.gitlab.items import MAX_IID, ItemState, ItemType
from gitlab_links.links.freshness import SyncStatus
from gitlab_links.links.link_filters import LinkSort
from gitlab_links.rollup.needs import OF_AN_ITEM, Need

BY_ORDER = Cursors({"created_at": None, "gitlab_updated_at": datetime, "title": str})
_TEXTS = ("q", "state", "pipeline", "person", "assignee", "milestone")


class TaskLinksQuery(Strict):
    """Which of a task's links to list."""

    state = choice(ItemState, load_default=None)
    gitlab_type = choice(ItemType, load_default=None)
    project_path = sought(metadata=described("In upper or lower case.", "acme/app"))
    sync_status = choice(SyncStatus, load_default=None)
    labels = fields.List(
        sought(),
        data_key="label",
        load_default=list,
        validate=validate.Length(0, MOST_LABELS),
        metadata=described("Labels that a link must all have; repeat the parameter."),
    )
    assignee = sought_person("A GitLab username.")
    sort = choice(
        LinkSort,
        load_default=LinkSort.CREATED,
        metadata=described(
            "A minus reverses the order. A cursor has its own order, and another is refused."
        ),
    )
    limit = limit()
    cursor = Cursor(BY_ORDER)


class LinkState(StrEnum):
    """The states to filter by: GitLab's, and two of open items and of links."""

    OPENED = "opened"
    CLOSED = "closed"
    LOCKED = "locked"
    MERGED = "merged"
    DRAFT = "draft"
    PROBLEM = "problem"


class OrgLinksQuery(TaskLinksQuery):
    """Which of an org's links to list: by the filters of the page of links, and some more."""

    q = sought(
        metadata=described(
            "The beginnings of words in the title of the item; its reference (`group/app!5`, "
            "`app!5`, `!5`) or address, or the reference of a task (`ACME-12`). Words of one or "
            "two letters are found as whole words only.",
            "release",
        ),
    )
    need = fields.String(
        load_default=None,
        validate=validate.OneOf([need.value for need in OF_AN_ITEM]),
        metadata=described("Why the item needs somebody."),
    )
    state = choice(
        LinkState,
        load_default=None,
        metadata=described("`draft` is open, too; `problem`: GitLab could not be read for it."),
    )
    pipeline = choice(
        PipelineFilter,
        load_default=None,
        metadata=described("The status of the pipeline of an open merge request."),
    )
    person = sought_person("The GitLab username of who is assigned, reviews or wrote it.")
    milestone = sought(metadata=described("Its title.", "1.0"))
    task_id = fields.UUID(load_default=None)
    updated_since = Moment(
        load_default=None,
        metadata=described(
            "Made, or showing something else, at this time or later; reading an item from GitLab "
            "counts as well. Confidential items count as changed for those who may see them. "
            "Links that were removed are in the feed of events only."
        ),
    )
    url = text(
        0,
        2000,
        LINE,
        load_default=None,
        metadata=described(
            "Finds the links of one item, by its address or reference. With a `?`, `&` or `#` in "
            "it, percent-encode it.",
            "https://gitlab.example.com/acme/app/-/issues/7",
        ),
    )
    project = text(
        0,
        1000,
        LINE,
        load_default=None,
        metadata=described(
            "With `iid`: a project by its path, or by GitLab's id of it (`CI_PROJECT_ID`). All "
            "links of a project are found by `project_path`.",
            "acme/app",
        ),
    )
    iid = WholeNumber(
        load_default=None,
        validate=validate.Range(1, MAX_IID),
        metadata=described(
            "With `project`, finds the links of one item; `gitlab_type` tells an issue from a "
            "merge request (`CI_MERGE_REQUEST_IID`).",
            7,
        ),
    )

    @validates_schema
    def _one_item(self, data: dict[str, Any], **_: Any) -> None:
        """A URL, or both parts of its place."""
        if data["url"] is not None and (data["project"], data["iid"]) != (None, None):
            raise ValidationError({"url": ["Send either url, or project with iid."]})
        if data["project"] is not None and data["iid"] is None:
            words = "Send it with project. All links of a project are found by project_path."
            raise ValidationError({"iid": [words]})
        if data["iid"] is not None and data["project"] is None:
            raise ValidationError({"project": ["Send it with iid."]})


def sought_content(query: dict[str, Any]) -> LinkQuery:
    """What an ``OrgLinksQuery`` asks of items, as the page of links does."""
    need = query["need"]
    return LinkQuery(
        need=None if need is None else Need(need),
        labels=tuple(query["labels"]),
        **{name: query[name] or "" for name in _TEXTS},
    )
