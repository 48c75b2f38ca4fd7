"""the links that changed since a time

Revision 0048, after 0047, made 2026-11-29 22:15:00.000000+00:00
"""

from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        op.f("ix_task_gitlab_links_org_id_created_at"),
        "task_gitlab_links",
        ["org_id", "created_at"],
    )
    op.create_index(
        op.f("ix_gitlab_items_org_id_changed_at"), "gitlab_items", ["org_id", "changed_at"]
    )


def downgrade() -> None:
    op.drop_index("ix_gitlab_items_org_id_changed_at", "gitlab_items")
    op.drop_index("ix_task_gitlab_links_org_id_created_at", "task_gitlab_links")
