"""status rules

Off for every org. The branches that merges go to are learnt with the next fetch or webhook.

Revision 0029, after 0028, made 2026-11-29 20:30:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "org_status_rules",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("mode", sa.String(length=10), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("started", sa.Boolean(), nullable=False),
        sa.Column("all_merged", sa.Boolean(), nullable=False),
        sa.Column("reopened", sa.Boolean(), nullable=False),
        sa.Column("branches", sa.JSON(), nullable=False),
        sa.Column("count_mentions", sa.Boolean(), nullable=False),
        sa.Column("count_issues", sa.Boolean(), nullable=False),
        sa.Column("count_forks", sa.Boolean(), nullable=False),
        sa.Column("wait_seconds", sa.Integer(), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name=op.f("fk_org_status_rules_org_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("org_id", name=op.f("pk_org_status_rules")),
    )
    _create_states()
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.add_column(sa.Column("status_rule", sa.String(length=20), nullable=True))
    with op.batch_alter_table("gitlab_items", schema=None) as batch_op:
        batch_op.add_column(sa.Column("target_branch", sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column("merged_by", sa.JSON(none_as_null=True), nullable=True))
    with op.batch_alter_table("gitlab_projects", schema=None) as batch_op:
        batch_op.add_column(sa.Column("default_branch", sa.String(length=255), nullable=True))


def _create_states() -> None:
    op.create_table(
        "task_rule_states",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("wanted", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("undecided", sa.Boolean(), nullable=False),
        sa.Column("news_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("former_status", sa.String(length=20), nullable=True),
        sa.Column("reasons", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("pinned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pinned_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name=op.f("fk_task_rule_states_org_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["pinned_by"],
            ["users.id"],
            name=op.f("fk_task_rule_states_pinned_by"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_task_rule_states")),
    )
    op.create_index("ix_task_rule_states_pinned_by", "task_rule_states", ["pinned_by"])
    op.create_index(
        "ix_task_rule_states_org_id_wanted", "task_rule_states", ["org_id", "wanted"]
    )
    for name, column in (
        ("ix_task_rule_states_due", "due_at"),
        ("ix_task_rule_states_changed", "changed_at"),
    ):
        op.create_index(
            name,
            "task_rule_states",
            ["org_id", column],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
            sqlite_where=sa.text(f"{column} IS NOT NULL"),
        )


def downgrade() -> None:
    with op.batch_alter_table("gitlab_projects", schema=None) as batch_op:
        batch_op.drop_column("default_branch")
    with op.batch_alter_table("gitlab_items", schema=None) as batch_op:
        batch_op.drop_column("merged_by")
        batch_op.drop_column("target_branch")
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.drop_column("status_rule")
    op.drop_table("task_rule_states")
    op.drop_table("org_status_rules")
