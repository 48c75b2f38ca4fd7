"""items of which a webhook says what it does not prove

Revision 0049, after 0048, made 2026-11-29 23:50:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("gitlab_items", sa.Column("unproven_since", TIME, nullable=True))


def downgrade() -> None:
    op.drop_column("gitlab_items", "unproven_since")
