"""Tables of the status rules."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Uuid, true
from sqlalchemy.orm import Mapped, mapped_column

from gitlab_links.clock import utcnow
from gitlab_links.storage.database import Base, partial_index

# How long a task's items must be without news before it is done.
DEFAULT_WAIT_SECONDS = 10
LONGEST_WAIT_SECONDS = 3600


class RulesMode(StrEnum):
    """``off``; ``trial``: what is wanted is computed and shown, and nothing is written; ``on``;
    ``stopped``: they changed too many tasks in a minute, and go on as a trial.
    """

    OFF = "off"
    TRIAL = "trial"
    ON = "on"
    STOPPED = "stopped"


class OrgRules(Base):
    """The status rules of an org; without a row they are off, with the defaults.

    ``version`` grows with each change of what the rules do. What was wanted of a task by an
    older version is no ground to change it: see :class:`TaskRuleState`. ``branches`` are
    patterns besides the default branch of a project.
    """

    __tablename__ = "org_status_rules"

    org_id: Mapped[uuid.UUID] = mapped_column(
        Uuid, ForeignKey("orgs.id", ondelete="CASCADE"), primary_key=True
    )
    mode: Mapped[str] = mapped_column(String(10), default=RulesMode.OFF)
    version: Mapped[int] = mapped_column(default=1)
    started: Mapped[bool] = mapped_column(default=True)
    all_merged: Mapped[bool] = mapped_column(default=True)
    reopened: Mapped[bool] = mapped_column(default=True)
    branches: Mapped[list[str]] = mapped_column(JSON, default=list)
    count_mentions: Mapped[bool] = mapped_column(default=False)
    count_issues: Mapped[bool] = mapped_column(default=False)
    count_forks: Mapped[bool] = mapped_column(default=False)
    wait_seconds: Mapped[int] = mapped_column(default=DEFAULT_WAIT_SECONDS)
    stopped_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)


class TaskRuleState(Base):
    """What the rules know of a task; without a row they have not looked at it.

    ``wanted`` is what its links called for when they were last looked at, by the rules of
    ``version``. A task is changed only if that changes within a version. ``undecided``: what it
    is now cannot be said, and ``wanted`` is from before.

    ``news_at`` is when one of its items or links last changed; ``due_at`` is when to look at it,
    null if there is nothing new.

    ``former_status`` and ``reasons`` belong to the last change by a rule, at ``changed_at``: the
    status before it, and what its links said. ``counted``: it counts towards the most that rules
    change in a minute; not if somebody had it applied after a stop.

    ``held_since`` is when the rules kept back a change of the status to ``wanted`` because they
    had stopped; null if there is none, or if somebody has set the status since.

    ``task_id`` is no foreign key: to insert one would lock the task, which deleting a task locks
    before its items, and whoever changes an item locks after them.
    """

    __tablename__ = "task_rule_states"
    __table_args__ = (
        partial_index("ix_task_rule_states_due", "org_id", "due_at", where="due_at IS NOT NULL"),
        partial_index("ix_task_rule_states_held", "org_id", where="held_since IS NOT NULL"),
        partial_index(
            "ix_task_rule_states_changed", "org_id", "changed_at", where="changed_at IS NOT NULL"
        ),
        Index("ix_task_rule_states_org_id_wanted", "org_id", "wanted"),
    )

    task_id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    wanted: Mapped[str] = mapped_column(String(12), default="nothing")
    version: Mapped[int] = mapped_column(default=0)
    undecided: Mapped[bool] = mapped_column(default=False)
    news_at: Mapped[datetime] = mapped_column(default=utcnow)
    due_at: Mapped[datetime | None]
    changed_at: Mapped[datetime | None]
    counted: Mapped[bool] = mapped_column(default=True, server_default=true())
    held_since: Mapped[datetime | None]
    former_status: Mapped[str | None] = mapped_column(String(20))
    reasons: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    pinned_at: Mapped[datetime | None]
    pinned_by: Mapped[uuid.UUID | None] = mapped_column(
        Uuid, ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
