"""an API key names the SECRET_KEY that its secret was hashed with

Revision 0065, after 0064, made 2026-12-01 04:34:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0065"
down_revision = "0064"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("hashed_with", sa.String(64), nullable=True))
    # Of older keys it is not known: SECRET_KEY was changed and accepted since.
    op.execute(
        "UPDATE api_keys SET hashed_with = (SELECT secret_key_digest FROM installation)"
        " WHERE created_at >= (SELECT noted_at FROM installation)"
    )


def downgrade() -> None:
    op.drop_column("api_keys", "hashed_with")
