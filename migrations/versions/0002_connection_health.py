"""connection health

Revision 0002, after 0001, made 2026-11-23 08:30:00.839428+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "health_problems",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=1000), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("notice_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("notice_attempts", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name=op.f("fk_health_problems_org_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_health_problems")),
    )
    with op.batch_alter_table("health_problems", schema=None) as batch_op:
        batch_op.create_index(
            "ix_health_problems_notice_due",
            ["notice_due_at"],
            unique=False,
            postgresql_where=sa.text("notice_due_at IS NOT NULL"),
            sqlite_where=sa.text("notice_due_at IS NOT NULL"),
        )
        batch_op.create_index(
            "uq_health_problems_open",
            ["org_id", "code", "subject"],
            unique=True,
            postgresql_where=sa.text("closed_at IS NULL"),
            sqlite_where=sa.text("closed_at IS NULL"),
        )

    op.create_table(
        "gitlab_change_counts",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("by_webhook", sa.Integer(), nullable=False),
        sa.Column("by_sweep", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name=op.f("fk_gitlab_change_counts_org_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["gitlab_projects.id"],
            name=op.f("fk_gitlab_change_counts_project_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gitlab_change_counts")),
        sa.UniqueConstraint(
            "project_id", "day", name=op.f("uq_gitlab_change_counts_project_id_day")
        ),
    )
    with op.batch_alter_table("gitlab_change_counts", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_gitlab_change_counts_org_id_day"), ["org_id", "day"], unique=False
        )

    op.create_table(
        "gitlab_hook_secrets",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("integration_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["integration_id"],
            ["org_gitlab_integrations.id"],
            name=op.f("fk_gitlab_hook_secrets_integration_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name=op.f("fk_gitlab_hook_secrets_org_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["gitlab_projects.id"],
            name=op.f("fk_gitlab_hook_secrets_project_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gitlab_hook_secrets")),
        sa.UniqueConstraint(
            "org_id", "secret_hash", name=op.f("uq_gitlab_hook_secrets_org_id_secret_hash")
        ),
    )
    with op.batch_alter_table("gitlab_hook_secrets", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_gitlab_hook_secrets_integration_id"), ["integration_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_gitlab_hook_secrets_project_id"), ["project_id"], unique=False
        )

    op.create_table(
        "gitlab_project_watches",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("last_event_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_event_via", sa.String(length=10), nullable=True),
        sa.Column("last_missed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("hook_id", sa.BigInteger(), nullable=True),
        sa.Column("disabled_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("events_missing", sa.JSON(), nullable=False),
        sa.Column("error_code", sa.String(length=40), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("check_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["orgs.id"],
            name=op.f("fk_gitlab_project_watches_org_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["gitlab_projects.id"],
            name=op.f("fk_gitlab_project_watches_project_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gitlab_project_watches")),
        sa.UniqueConstraint("project_id", name=op.f("uq_gitlab_project_watches_project_id")),
    )
    with op.batch_alter_table("gitlab_project_watches", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_gitlab_project_watches_org_id_check_due_at"),
            ["org_id", "check_due_at"],
            unique=False,
        )

    with op.batch_alter_table("gitlab_items", schema=None) as batch_op:
        batch_op.add_column(sa.Column("heard_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("unheard_since", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(
            "ix_gitlab_items_unheard",
            ["unheard_since"],
            unique=False,
            postgresql_where=sa.text("unheard_since IS NOT NULL"),
            sqlite_where=sa.text("unheard_since IS NOT NULL"),
        )

    with op.batch_alter_table("org_gitlab_integrations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("token_username", sa.String(length=255), nullable=True))
        batch_op.add_column(
            sa.Column("token_checked_at", sa.DateTime(timezone=True), nullable=True)
        )
        batch_op.add_column(
            sa.Column("token_check_due_at", sa.DateTime(timezone=True), nullable=True)
        )
        batch_op.add_column(sa.Column(
                "token_auto_rotate", sa.Boolean(), server_default=sa.false(), nullable=False
            ))
        batch_op.add_column(
            sa.Column("confidential_roles", sa.JSON(none_as_null=True), nullable=True)
        )
        batch_op.add_column(sa.Column("notify_url_ciphertext", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("notify_url_host", sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column("notify_email", sa.String(length=254), nullable=True))
        batch_op.create_index(
            batch_op.f("ix_org_gitlab_integrations_token_check_due_at"),
            ["token_check_due_at"],
            unique=False,
        )


def downgrade() -> None:
    with op.batch_alter_table("org_gitlab_integrations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_org_gitlab_integrations_token_check_due_at"))
        batch_op.drop_column("notify_email")
        batch_op.drop_column("notify_url_host")
        batch_op.drop_column("notify_url_ciphertext")
        batch_op.drop_column("confidential_roles")
        batch_op.drop_column("token_auto_rotate")
        batch_op.drop_column("token_check_due_at")
        batch_op.drop_column("token_checked_at")
        batch_op.drop_column("token_username")

    with op.batch_alter_table("gitlab_items", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_gitlab_items_unheard",
            postgresql_where=sa.text("unheard_since IS NOT NULL"),
            sqlite_where=sa.text("unheard_since IS NOT NULL"),
        )
        batch_op.drop_column("unheard_since")
        batch_op.drop_column("heard_at")

    with op.batch_alter_table("gitlab_project_watches", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_gitlab_project_watches_org_id_check_due_at"))

    op.drop_table("gitlab_project_watches")
    with op.batch_alter_table("gitlab_hook_secrets", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_gitlab_hook_secrets_project_id"))
        batch_op.drop_index(batch_op.f("ix_gitlab_hook_secrets_integration_id"))

    op.drop_table("gitlab_hook_secrets")
    with op.batch_alter_table("gitlab_change_counts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_gitlab_change_counts_org_id_day"))

    op.drop_table("gitlab_change_counts")
    with op.batch_alter_table("health_problems", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_health_problems_open",
            postgresql_where=sa.text("closed_at IS NULL"),
            sqlite_where=sa.text("closed_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_health_problems_notice_due",
            postgresql_where=sa.text("notice_due_at IS NOT NULL"),
            sqlite_where=sa.text("notice_due_at IS NOT NULL"),
        )

    op.drop_table("health_problems")
