"""the labels, people and milestones that filters suggest

Revision 0060, after 0059, made 2026-11-30 11:45:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

from gitlab_links.search.reindexing import store_all_facts

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "item_facts",
        *(sa.Column(name, sa.Uuid(), nullable=False) for name in ("id", "org_id")),
        sa.Column("kind", sa.String(20), nullable=False),
        *(sa.Column(name, sa.String(255), nullable=False) for name in ("value", "name")),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(20), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name=op.f("fk_item_facts_org_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item_facts")),
        sa.UniqueConstraint(
            *("org_id", "kind", "value", "name"), name=op.f("uq_item_facts_org_id_kind_value_name")
        ),
    )
    store_all_facts(op.get_bind())


def downgrade() -> None:
    op.drop_table("item_facts")
