"""looking back for mentions

Revision 0043, after 0042, made 2026-11-29 21:20:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mention_backfills",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.String(length=10), nullable=False),
        sa.Column("is_linking", sa.Boolean(), nullable=False),
        sa.Column("requested_by", sa.Uuid(), nullable=True),
        sa.Column("left", sa.JSON(), nullable=False),
        sa.Column("lists", sa.Integer(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("links_made", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error_code", sa.String(length=40), nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name=op.f("fk_mention_backfills_org_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["requested_by"],
            ["users.id"],
            name=op.f("fk_mention_backfills_requested_by"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mention_backfills")),
    )
    op.create_index("ix_mention_backfills_org_id_id", "mention_backfills", ["org_id", "id"])
    op.create_index("ix_mention_backfills_requested_by", "mention_backfills", ["requested_by"])
    op.create_index(
        "ix_mention_backfills_due",
        "mention_backfills",
        ["org_id", "due_at"],
        postgresql_where=sa.text("due_at IS NOT NULL"),
        sqlite_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_table(
        "mention_backfill_items",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("backfill_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("iid", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("confidential", sa.Boolean(), nullable=False),
        sa.Column("tasks", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["backfill_id"],
            ["mention_backfills.id"],
            name=op.f("fk_mention_backfill_items_backfill_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["gitlab_projects.id"],
            name=op.f("fk_mention_backfill_items_project_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mention_backfill_items")),
        sa.UniqueConstraint(
            "backfill_id",
            "project_id",
            "type",
            "iid",
            name=op.f("uq_mention_backfill_items_backfill_id_project_id_type_iid"),
        ),
    )
    op.create_index("ix_mention_backfill_items_project_id", "mention_backfill_items", ["project_id"])


def downgrade() -> None:
    op.drop_table("mention_backfill_items")
    op.drop_table("mention_backfills")
