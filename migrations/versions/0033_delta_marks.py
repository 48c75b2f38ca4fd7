"""how far the changes of a project are known

Revision 0033, after 0032, made 2026-11-29 20:30:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gitlab_delta_marks",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("seen_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reached", sa.DateTime(timezone=True), nullable=True),
        sa.Column("proven_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error_code", sa.String(length=40), nullable=True),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("calls_so_far", sa.Integer(), nullable=False),
        sa.Column("changes_so_far", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["orgs.id"],
            name=op.f("fk_gitlab_delta_marks_org_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["gitlab_projects.id"],
            name=op.f("fk_gitlab_delta_marks_project_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gitlab_delta_marks")),
        sa.UniqueConstraint("project_id", "kind", name=op.f("uq_gitlab_delta_marks_project_id_kind")),
    )
    with op.batch_alter_table("gitlab_delta_marks", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_gitlab_delta_marks_org_id_due_at"), ["org_id", "due_at"], unique=False
        )


def downgrade() -> None:
    op.drop_table("gitlab_delta_marks")
