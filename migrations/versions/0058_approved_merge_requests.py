"""whether a merge request is approved

Revision 0058, after 0057, made 2026-11-30 08:40:00.000000+00:00
"""

from types import SimpleNamespace

import sqlalchemy as sa
from alembic import op

from gitlab_links.links.waits import is_approved

revision = "0058"
down_revision = "0057"
branch_labels = None
depends_on = None

_ITEMS = sa.table(
    "gitlab_items",
    sa.column("id", sa.Uuid),
    *(sa.column(name, sa.String) for name in ("type", "state", "merge_status", "pipeline_status")),
    *(sa.column(name, sa.Boolean) for name in ("draft", "approved")),
    *(sa.column(name, sa.JSON) for name in ("assignees", "reviewers", "reviews", "author")),
)


def upgrade() -> None:
    op.add_column(
        "gitlab_items", sa.Column("approved", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.create_index(
        "ix_gitlab_items_approved",
        "gitlab_items",
        ["org_id", "id"],
        postgresql_where=sa.text("approved"),
        sqlite_where=sa.text("approved = 1"),
    )
    reviewed = sa.select(_ITEMS).where(
        _ITEMS.c.type == "merge_request", _ITEMS.c.state == "opened", _ITEMS.c.reviews.is_not(None)
    )
    connection = op.get_bind()
    times = {"gitlab_created_at": None, "source_updated_at": None}  # which decide nothing here
    approved = [
        {"item": row["id"]}
        for row in connection.execute(reviewed).mappings()
        if is_approved(SimpleNamespace(**row, **times))
    ]
    if approved:
        mark = sa.update(_ITEMS).where(_ITEMS.c.id == sa.bindparam("item")).values(approved=True)
        connection.execute(mark, approved)


def downgrade() -> None:
    op.drop_index("ix_gitlab_items_approved", "gitlab_items")
    op.drop_column("gitlab_items", "approved")
