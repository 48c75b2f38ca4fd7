"""versions of GitLab, by address

Revision 0018, after 0017, made 2026-11-29 14:40:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("org_gitlab_integrations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("gitlab_versions", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("org_gitlab_integrations", schema=None) as batch_op:
        batch_op.drop_column("gitlab_versions")
