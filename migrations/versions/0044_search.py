"""the words that are searched, with an index of each database's own

Revision 0044, after 0043, made 2026-11-29 21:10:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

from gitlab_links.search.reindexing import store_all_texts

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

FTS5 = """
CREATE VIRTUAL TABLE search_index USING fts5(
    words, content='search_texts', content_rowid='id',
    tokenize='unicode61 remove_diacritics 0', prefix='3', detail='none', columnsize=0)
"""
TRIGGERS = (
    """CREATE TRIGGER search_texts_added AFTER INSERT ON search_texts BEGIN
        INSERT INTO search_index(rowid, words) VALUES (new.id, new.words);
    END""",
    """CREATE TRIGGER search_texts_gone AFTER DELETE ON search_texts BEGIN
        INSERT INTO search_index(search_index, rowid, words) VALUES ('delete', old.id, old.words);
    END""",
    """CREATE TRIGGER search_texts_changed AFTER UPDATE ON search_texts BEGIN
        INSERT INTO search_index(search_index, rowid, words) VALUES ('delete', old.id, old.words);
        INSERT INTO search_index(rowid, words) VALUES (new.id, new.words);
    END""",
)
GIN = """
CREATE INDEX ix_search_texts_words ON search_texts
    USING gin (array_to_tsvector(string_to_array(words, ' ')))
"""


def upgrade() -> None:
    op.create_table(
        "search_texts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column("item_id", sa.Uuid(), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name=op.f("fk_search_texts_org_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("fk_search_texts_task_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["item_id"],
            ["gitlab_items.id"],
            name=op.f("fk_search_texts_item_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_texts")),
        sa.UniqueConstraint("task_id", name=op.f("uq_search_texts_task_id")),
        sa.UniqueConstraint("item_id", name=op.f("uq_search_texts_item_id")),
    )
    op.create_index(op.f("ix_search_texts_org_id"), "search_texts", ["org_id"])
    op.create_index("ix_gitlab_items_org_id_iid", "gitlab_items", ["org_id", "iid"])
    connection = op.get_bind()
    store_all_texts(connection)
    if connection.dialect.name == "postgresql":
        op.execute(GIN)
        return
    op.execute(FTS5)
    op.execute("INSERT INTO search_index(search_index) VALUES ('rebuild')")
    for trigger in TRIGGERS:
        op.execute(trigger)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE search_index")
    op.drop_index("ix_gitlab_items_org_id_iid", "gitlab_items")
    op.drop_table("search_texts")
