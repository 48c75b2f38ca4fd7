"""Projects and items as GitLab last told them, and the links that tasks have to them."""

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
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from gitlab_links.clock import utcnow
from gitlab_links.storage.database import Base, Identified, partial_index


class GitLabProject(Identified, Base):
    """A GitLab project that some link of the org points into.

    ``gitlab_id`` is unknown until GitLab first speaks of the project; from then on it is
    the identity and ``path`` merely the newest name. ``path_key`` is the path in lower
    case while it is known to be current, and null once another project has taken it.
    ``former_path`` is what it was called until ``renamed_at``, as far as was noticed.
    ``base_url`` is the instance the project lives on. ``successor_id`` is set while items or
    links of this row wait to be moved to that one, see ``sync.succession``; those of links
    made after ``succeeded_since``. ``error_reason`` is what GitLab
    said when it last refused a call for this project.
    """

    __tablename__ = "gitlab_projects"
    __table_args__ = (
        UniqueConstraint("org_id", "base_url", "gitlab_id"),
        UniqueConstraint("org_id", "base_url", "path_key"),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("orgs.id", ondelete="CASCADE"))
    base_url: Mapped[str] = mapped_column(String(500))
    gitlab_id: Mapped[int | None] = mapped_column(BigInteger)
    path: Mapped[str] = mapped_column(String(1000))
    path_key: Mapped[str | None] = mapped_column(String(1000))
    former_path: Mapped[str | None] = mapped_column(String(1000))
    renamed_at: Mapped[datetime | None]
    successor_id: Mapped[uuid.UUID | None]  # a row with an id, which never goes before this one
    succeeded_since: Mapped[datetime | None]
    error_reason: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class GitLabItem(Identified, Base):
    """An issue or merge request, cached once however many tasks link it.

    What is known: ``source_updated_at`` is GitLab's own time of the cached content, by
    GitLab's clock; ``fetched_at`` is when the newest applied fetch started and
    ``webhook_applied_at``
    when the newest applied webhook came in, both by ours; ``last_synced_at`` is the later
    of the two. When to look again: ``next_sync_at`` is when the next fetch is due, for
    whatever reason; ``refresh_requested_at`` marks the newest request that no fetch has
    answered yet, which goes before the scheduled ones. ``changed_at`` moves with anything
    that is shown. How changes come: ``last_webhook_at`` is when the newest event about the item
    came in; ``missed_since`` is set while a fetch has found a change that no event told.

    Of a merge request: ``source_project_id``, ``source_branch`` and ``head_sha`` say which
    pipelines are its own. ``detail_wanted`` asks for its single form, which alone gives the
    pipeline's status; ``detail_fetched_at`` is when that was asked last, and
    ``pipeline_hidden`` that it left the pipeline out, which the token may not see.
    ``merge_rechecks`` counts the calls for a merge status that GitLab still works out.
    ``gitlab_id`` is GitLab's id across projects: another item under the same number has
    another.
    ``moved_path`` and ``moved_iid`` say where a confidential issue was moved: it stays what was
    linked, with the content of what it is now, see ``sync.moves``.
    What GitLab's API has not confirmed: ``unconfirmed_since`` is when the oldest of the applied
    webhooks came in that no fetch has confirmed, ``unconfirmed_updated_at`` the time that its
    object bears, ``unconfirmed_before`` what the webhooks since then have changed, as it was.
    """

    __tablename__ = "gitlab_items"
    __table_args__ = (
        UniqueConstraint("project_id", "type", "iid"),
        Index("ix_gitlab_items_due", "org_id", "next_sync_at"),
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
            "ix_gitlab_items_source",
            "org_id",
            "source_project_id",
            "source_branch",
            where="source_branch IS NOT NULL",
        ),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("orgs.id", ondelete="CASCADE"))
    project_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("gitlab_projects.id", ondelete="CASCADE")
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
    author: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    milestone_id: Mapped[int | None] = mapped_column(BigInteger)
    milestone: Mapped[str | None] = mapped_column(String(255))
    due_date: Mapped[date | None] = mapped_column(Date)
    merge_status: Mapped[str | None] = mapped_column(String(60))
    pipeline_status: Mapped[str | None] = mapped_column(String(60))
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
    error_code: Mapped[str | None] = mapped_column(String(40))
    failures: Mapped[int] = mapped_column(default=0)
    changed_at: Mapped[datetime] = mapped_column(default=utcnow)
    last_webhook_at: Mapped[datetime | None] = mapped_column("heard_at")
    missed_since: Mapped[datetime | None] = mapped_column("unheard_since")
    unconfirmed_since: Mapped[datetime | None]
    unconfirmed_updated_at: Mapped[datetime | None]
    unconfirmed_before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    project: Mapped[GitLabProject] = relationship(lazy="raise")


class TaskGitLabLink(Identified, Base):
    """A task's link to an item. Its URL is made from the item, so that it follows renames.

    ``made_path`` and ``made_iid`` are the reference as it was when the link was made: of an
    item that is withheld nothing newer is shown.
    """

    __tablename__ = "task_gitlab_links"
    __table_args__ = (
        UniqueConstraint("task_id", "item_id"),
        Index(None, "org_id", "id"),
        Index(None, "task_id", "id"),
        Index(None, "item_id"),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("orgs.id", ondelete="CASCADE"))
    task_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"))
    item_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gitlab_items.id"))
    created_by: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    made_path: Mapped[str | None] = mapped_column(String(1000))
    made_iid: Mapped[int | None] = mapped_column(BigInteger)

    item: Mapped[GitLabItem] = relationship(lazy="raise")
