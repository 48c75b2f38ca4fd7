"""indexes for the orders and filters of the list of tasks

Revision 0037, after 0036, made 2026-11-29 21:00:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

OPEN = sa.text("state = 'opened'")
INDEXES = (
    ("ix_tasks_org_id_status_number", "tasks", ["org_id", "status", "number"]),
    ("ix_tasks_org_id_updated_at", "tasks", ["org_id", "updated_at"]),
    ("ix_tasks_org_id_links_changed_at", "tasks", ["org_id", "links_changed_at"]),
    ("ix_tasks_by_title", "tasks", ["org_id", sa.text("lower(title)"), "number"]),
    (
        "ix_tasks_by_due_date",
        "tasks",
        ["org_id", sa.text("(due_date IS NULL)"), "due_date", "number"],
    ),
    ("ix_gitlab_items_org_id_source_updated_at", "gitlab_items", ["org_id", "source_updated_at"]),
)


def upgrade() -> None:
    for name, table, columns in INDEXES:
        op.create_index(name, table, columns)
    op.create_index(
        "ix_gitlab_items_open",
        "gitlab_items",
        [
            *("org_id", "type", "pipeline_status", "merge_status", "draft", "due_date"),
            *("confidential", "error_code", "id"),
        ],
        postgresql_where=OPEN,
        sqlite_where=OPEN,
    )


def downgrade() -> None:
    op.drop_index("ix_gitlab_items_open", "gitlab_items")
    for name, table, _ in reversed(INDEXES):
        op.drop_index(name, table)
