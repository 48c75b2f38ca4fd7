"""Tables of GitLab projects and items as last received, and of the links from tasks."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Date,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    event,
    false,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from gitlab_links.clock import utcnow
from gitlab_links.gitlab.items import address_in_api
from gitlab_links.links.waits import accounts_waited_on, is_approved
from gitlab_links.storage.database import Base, Identified, partial_index


class GitLabProject(Identified, Base):
    """A GitLab project with links or hooks of the org.

    ``gitlab_id`` is null until GitLab first sends it. From then on it is the identity, and ``path``
    is only the current name. ``path_key`` is the path in lower case, or null once another project
    has that path. ``former_path`` is the path until ``renamed_at``. ``base_url`` is the project's
    GitLab. ``successor_id`` is set while items or links wait to be moved to that row, see
    ``sync.project_successors``; if ``succeeded_since`` is set, only links made after it move. Until
    ``trusted_until``, items count as fresh because the project's webhooks are proven to arrive, see
    ``deltas.trust``. ``error_reason`` is GitLab's reason for its last refusal of a call for this
    project. ``default_branch`` is null until GitLab first sends it.
    """

    __tablename__ = "gitlab_projects"
    __table_args__ = (
        UniqueConstraint("org_id", "base_url", "gitlab_id"),
        UniqueConstraint("org_id", "base_url", "path_key"),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    base_url: Mapped[str] = mapped_column(String(500))
    gitlab_id: Mapped[int | None] = mapped_column(BigInteger)
    path: Mapped[str] = mapped_column(String(1000))
    path_key: Mapped[str | None] = mapped_column(String(1000))
    former_path: Mapped[str | None] = mapped_column(String(1000))
    renamed_at: Mapped[datetime | None]
    successor_id: Mapped[uuid.UUID | None]  # a row that is never deleted before this one
    succeeded_since: Mapped[datetime | None]
    trusted_until: Mapped[datetime | None]
    error_reason: Mapped[str | None] = mapped_column(String(255))
    default_branch: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

    @property
    def address_in_api(self) -> int | str:
        """What names the project in a call to GitLab."""
        return address_in_api(self.gitlab_id, self.path)


class GitLabItem(Identified, Base):
    """An issue or merge request, cached once per org for all links to it.

    Sources of the content: ``source_updated_at`` is GitLab's time of the content, by GitLab's
    clock. ``fetched_at`` is the start of the newest applied fetch, ``webhook_applied_at`` the
    receipt of the newest applied webhook, both by our clock; ``last_synced_at`` is the later
    of the two. ``changed_at`` changes with every shown field.

    Schedule: ``next_sync_at`` is when the next fetch is due, for any reason.
    ``refresh_requested_at`` is the newest request that no fetch has answered; it precedes
    scheduled fetches. ``last_webhook_at`` is the receipt of the item's newest event;
    ``missed_since`` is set after a fetch found a change without an event.

    Merge requests: ``source_project_id``, ``source_branch`` and ``head_sha`` identify its
    pipelines. ``detail_wanted`` requests the single form, which has the pipeline's status;
    ``detail_fetched_at`` is the time of the last one, ``pipeline_hidden`` is set if the token may
    not see its pipeline. ``merge_rechecks`` counts the calls for a merge status that GitLab is
    computing. ``status_wanted_at`` requests the two statuses alone, which one call reads for many
    merge requests. ``head_pipeline_id`` is GitLab's id of the pipeline whose status that was;
    ``pipeline_webhook_at`` is the receipt of the newest event whose body brought its next status.

    ``reviews`` says how far each reviewer is and since when, see ``sync.reviews``. ``waits_on``
    names the accounts that the merge request waits on, and ``approved`` is whether it is
    approved, see ``links.waits``.

    ``mentions`` are the tasks that its texts mention, by field, see ``mentions.reading``: from
    GitLab's API or a project's own webhook, in the order of all other content. Null until they
    are first read. ``announced``: the row was made for an event that mentions a task, and has no
    link unless GitLab's API confirms that.

    Identity: ``gitlab_id`` is GitLab's id across projects; another item with the same number
    has another id. ``moved_path`` and ``moved_iid`` are the new place of a confidential issue,
    whose row keeps its identity, see ``sync.issue_moves``.

    Confirmation by GitLab's API: ``unconfirmed_since`` is the receipt of the oldest applied
    webhook that no fetch has confirmed, ``unconfirmed_updated_at`` the time of its object, and
    ``unconfirmed_before`` the former values of the fields that webhooks changed since.
    ``unproven_since`` is the receipt of the oldest webhook that changed what the status rules see
    of the item, by a secret that proves too little for them; null if what is shown is proven.
    """

    __tablename__ = "gitlab_items"
    __table_args__ = (
        UniqueConstraint("project_id", "type", "iid"),
        Index("ix_gitlab_items_due", "org_id", "next_sync_at"),
        Index(None, "org_id", "source_updated_at"),
        Index(None, "org_id", "changed_at"),
        Index(None, "org_id", "iid"),
        # What needs somebody is read from this index alone.
        partial_index(
            "ix_gitlab_items_open",
            *("org_id", "type", "pipeline_status", "merge_status", "draft", "due_date"),
            *("confidential", "error_code", "id"),
            where="state = 'opened'",
        ),
        Index(
            "ix_gitlab_items_approved",
            *("org_id", "id"),
            postgresql_where=text("approved"),
            sqlite_where=text("approved = 1"),
        ),
        Index("ix_gitlab_items_group_due", "project_id", "type", "next_sync_at"),
        partial_index(
            "ix_gitlab_items_requested",
            "org_id",
            "refresh_requested_at",
            where="refresh_requested_at IS NOT NULL",
        ),
        partial_index(
            "ix_gitlab_items_unheard", "unheard_since", where="unheard_since IS NOT NULL"
        ),
        partial_index(
            "ix_gitlab_items_moved", "org_id", "moved_iid", where="moved_iid IS NOT NULL"
        ),
        partial_index(
            "ix_gitlab_items_status_wanted",
            "org_id",
            "status_wanted_at",
            where="status_wanted_at IS NOT NULL",
        ),
        partial_index(
            "ix_gitlab_items_source",
            "org_id",
            "source_project_id",
            "source_branch",
            where="source_branch IS NOT NULL",
        ),
        partial_index(
            "ix_gitlab_items_with_error",
            *("org_id", "type", "confidential", "error_code", "id"),
            where="error_code IS NOT NULL",
        ),
        partial_index("ix_gitlab_items_waiting", "org_id", where="waits_on IS NOT NULL"),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    project_id: Mapped[uuid.UUID] = mapped_column(
        Uuid, ForeignKey("gitlab_projects.id", ondelete="CASCADE")
    )
    type: Mapped[str] = mapped_column(String(20))
    iid: Mapped[int] = mapped_column(BigInteger)

    title: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str | None] = mapped_column(String(20))
    draft: Mapped[bool] = mapped_column(default=False)
    confidential: Mapped[bool] = mapped_column(default=False)
    labels: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    assignees: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    reviewers: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    reviews: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    waits_on: Mapped[str | None] = mapped_column(Text)
    approved: Mapped[bool] = mapped_column(default=False, server_default=false())
    author: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    milestone_id: Mapped[int | None] = mapped_column(BigInteger)
    milestone: Mapped[str | None] = mapped_column(String(255))
    due_date: Mapped[date | None] = mapped_column(Date)
    merge_status: Mapped[str | None] = mapped_column(String(60))
    pipeline_status: Mapped[str | None] = mapped_column(String(60))
    pipeline_path: Mapped[str | None] = mapped_column(String(1000))
    comments: Mapped[int | None]
    moved_to_id: Mapped[int | None] = mapped_column(BigInteger)
    moved_path: Mapped[str | None] = mapped_column(String(1000))
    moved_iid: Mapped[int | None] = mapped_column(BigInteger)
    gitlab_created_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    merged_at: Mapped[datetime | None]
    gitlab_id: Mapped[int | None] = mapped_column(BigInteger)
    source_project_id: Mapped[int | None] = mapped_column(BigInteger)
    source_branch: Mapped[str | None] = mapped_column(String(255))
    head_sha: Mapped[str | None] = mapped_column(String(64))
    target_branch: Mapped[str | None] = mapped_column(String(255))
    merged_by: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    mentions: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    announced: Mapped[bool] = mapped_column(default=False, server_default=false())

    source_updated_at: Mapped[datetime | None]
    fetched_at: Mapped[datetime | None]
    webhook_applied_at: Mapped[datetime | None] = mapped_column("told_at")
    last_synced_at: Mapped[datetime | None]
    next_sync_at: Mapped[datetime] = mapped_column(default=utcnow)
    refresh_requested_at: Mapped[datetime | None] = mapped_column(default=utcnow)
    detail_wanted: Mapped[bool] = mapped_column(default=False)
    detail_fetched_at: Mapped[datetime | None]
    pipeline_hidden: Mapped[bool | None] = mapped_column(default=False)
    merge_rechecks: Mapped[int | None] = mapped_column(default=0)
    status_wanted_at: Mapped[datetime | None]
    head_pipeline_id: Mapped[int | None] = mapped_column(BigInteger)
    pipeline_webhook_at: Mapped[datetime | None]
    error_code: Mapped[str | None] = mapped_column(String(40))
    failures: Mapped[int] = mapped_column(default=0)
    changed_at: Mapped[datetime] = mapped_column(default=utcnow)
    last_webhook_at: Mapped[datetime | None] = mapped_column("heard_at")
    missed_since: Mapped[datetime | None] = mapped_column("unheard_since")
    unconfirmed_since: Mapped[datetime | None]
    unconfirmed_updated_at: Mapped[datetime | None]
    unconfirmed_before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    unproven_since: Mapped[datetime | None]

    project: Mapped[GitLabProject] = relationship(lazy="raise")


@event.listens_for(GitLabItem, "before_insert")
@event.listens_for(GitLabItem, "before_update")
def _note_reviews(_mapper: Any, _connection: Any, item: GitLabItem) -> None:
    """Whoever changes an item: a list of what waits must not depend on remembering this."""
    wanted, approved = accounts_waited_on(item), is_approved(item)
    if item.waits_on != wanted:
        item.waits_on = wanted
    if item.approved is not approved:
        item.approved = approved


class TaskGitLabLink(Identified, Base):
    """A task's link to an item. Its URL is built from the item, so it follows renames.

    ``made_path`` and ``made_iid`` are the reference when the link was created; a withheld item
    shows this one.

    Provenance: ``made_by_person`` is false for a link that only mentions in GitLab made, which
    goes with the last of them. ``mentioned_in`` has the fields of the item that mention the
    task, null if none does; ``closes`` is set if one of them says that the item closes it.
    ``backfilled``: found by looking back over old items, which triggers nothing.
    """

    __tablename__ = "task_gitlab_links"
    __table_args__ = (
        UniqueConstraint("task_id", "item_id"),
        Index(None, "org_id", "id"),
        Index(None, "org_id", "made_iid"),
        Index(None, "org_id", "created_at"),
        # From a task to its items in order, and back, without reading the rows of the links.
        Index(None, "task_id", "id", "item_id"),
        Index(None, "item_id", "task_id"),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    task_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("tasks.id", ondelete="CASCADE"))
    item_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("gitlab_items.id"))
    created_by: Mapped[uuid.UUID | None] = mapped_column(
        Uuid, ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    made_path: Mapped[str | None] = mapped_column(String(1000))
    made_iid: Mapped[int | None] = mapped_column(BigInteger)
    made_by_person: Mapped[bool] = mapped_column(default=True, server_default=true())
    mentioned_in: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    closes: Mapped[bool] = mapped_column(default=False, server_default=false())
    backfilled: Mapped[bool] = mapped_column(default=False, server_default=false())

    item: Mapped[GitLabItem] = relationship(lazy="raise")


class DismissedMention(Identified, Base):
    """A mention whose link a person removed. It makes none until it is gone and comes back."""

    __tablename__ = "dismissed_mentions"
    __table_args__ = (
        UniqueConstraint("task_id", "item_id"),
        Index(None, "item_id"),
        Index(None, "org_id", "id"),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    task_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("tasks.id", ondelete="CASCADE"))
    item_id: Mapped[uuid.UUID] = mapped_column(
        Uuid, ForeignKey("gitlab_items.id", ondelete="CASCADE")
    )
    dismissed_by: Mapped[uuid.UUID | None] = mapped_column(
        Uuid, ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    dismissed_at: Mapped[datetime] = mapped_column(default=utcnow)
