"""find the links of an item

Revision 0027, after 0026, made 2026-11-29 20:35:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_task_gitlab_links_org_id_made_iid", "task_gitlab_links", ["org_id", "made_iid"]
    )
    where = sa.text("moved_iid IS NOT NULL")
    op.create_index(
        "ix_gitlab_items_moved",
        "gitlab_items",
        ["org_id", "moved_iid"],
        postgresql_where=where,
        sqlite_where=where,
    )


def downgrade() -> None:
    op.drop_index("ix_gitlab_items_moved", table_name="gitlab_items")
    op.drop_index("ix_task_gitlab_links_org_id_made_iid", table_name="task_gitlab_links")
