"""who proves what of a webhook, and what came of it

Revision 0011, after 0010, made 2026-11-29 13:50:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("gitlab_webhook_deliveries", schema=None) as batch_op:
        for column in (
            sa.Column("hook_project_id", sa.Uuid(), nullable=True),
            sa.Column("signed", sa.Boolean(), server_default=sa.false(), nullable=False),
            sa.Column("request_id", sa.String(length=64), nullable=True),
            sa.Column("event_uuid", sa.String(length=100), nullable=True),
            sa.Column("webhook_uuid", sa.String(length=100), nullable=True),
            sa.Column("item_id", sa.Uuid(), nullable=True),
            sa.Column("effect", sa.String(length=30), nullable=True),
            sa.Column("doubt", sa.String(length=30), nullable=True),
            sa.Column("changes", sa.JSON(none_as_null=True), nullable=True),
        ):
            batch_op.add_column(column)
    with op.batch_alter_table("gitlab_items", schema=None) as batch_op:
        batch_op.add_column(sa.Column("unconfirmed_since", TIME, nullable=True))
        batch_op.add_column(sa.Column("unconfirmed_updated_at", TIME, nullable=True))
        batch_op.add_column(
            sa.Column("unconfirmed_before", sa.JSON(none_as_null=True), nullable=True)
        )
    with op.batch_alter_table("task_gitlab_links", schema=None) as batch_op:
        batch_op.add_column(sa.Column("made_path", sa.String(length=1000), nullable=True))
        batch_op.add_column(sa.Column("made_iid", sa.BigInteger(), nullable=True))
    op.create_table(
        "gitlab_webhook_tallies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("first_at", TIME, nullable=False),
        sa.Column("last_at", TIME, nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["orgs.id"],
            name=op.f("fk_gitlab_webhook_tallies_org_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gitlab_webhook_tallies")),
        sa.UniqueConstraint(
            "org_id",
            "kind",
            "subject",
            "day",
            name=op.f("uq_gitlab_webhook_tallies_org_id_kind_subject_day"),
        ),
    )


def downgrade() -> None:
    op.drop_table("gitlab_webhook_tallies")
    with op.batch_alter_table("task_gitlab_links", schema=None) as batch_op:
        batch_op.drop_column("made_iid")
        batch_op.drop_column("made_path")
    with op.batch_alter_table("gitlab_items", schema=None) as batch_op:
        for column in ("unconfirmed_before", "unconfirmed_updated_at", "unconfirmed_since"):
            batch_op.drop_column(column)
    with op.batch_alter_table("gitlab_webhook_deliveries", schema=None) as batch_op:
        for column in (
            "changes",
            "doubt",
            "effect",
            "item_id",
            "webhook_uuid",
            "event_uuid",
            "request_id",
            "signed",
            "hook_project_id",
        ):
            batch_op.drop_column(column)
