"""indexes that cover what a list of tasks reads

Revision 0057, after 0056, made 2026-11-30 03:10:00.000000+00:00
"""

from alembic import op

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None

LINKS, TASKS = "task_gitlab_links", "tasks"


def upgrade() -> None:
    op.create_index(op.f("ix_task_gitlab_links_item_id_task_id"), LINKS, ["item_id", "task_id"])
    op.drop_index("ix_task_gitlab_links_item_id", LINKS)
    op.create_index(
        op.f("ix_task_gitlab_links_task_id_id_item_id"), LINKS, ["task_id", "id", "item_id"]
    )
    op.drop_index("ix_task_gitlab_links_task_id_id", LINKS)
    op.create_index("ix_tasks_listed", TASKS, ["org_id", "id", "number", "status"])
    op.drop_index("ix_tasks_org_id_id", TASKS)


def downgrade() -> None:
    op.create_index("ix_tasks_org_id_id", TASKS, ["org_id", "id"])
    op.drop_index("ix_tasks_listed", TASKS)
    op.create_index("ix_task_gitlab_links_task_id_id", LINKS, ["task_id", "id"])
    op.drop_index("ix_task_gitlab_links_task_id_id_item_id", LINKS)
    op.create_index("ix_task_gitlab_links_item_id", LINKS, ["item_id"])
    op.drop_index("ix_task_gitlab_links_item_id_task_id", LINKS)
