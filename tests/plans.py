"""Which index a statement reads, although a test has few rows."""

from sqlalchemy import Connection


def prefer_indexes(connection: Connection, *tables: str) -> None:
    """Have PostgreSQL plan this transaction's statements as of large tables: by an index where
    there is one, and by the rows of now. What it knows of a table may be of an earlier test, and
    an index may still be as large as that test made it, so that another one costs less.
    """
    if connection.dialect.name == "postgresql":
        for table in tables:
            connection.exec_driver_sql(f"ANALYZE {table}")
            connection.exec_driver_sql(f"REINDEX TABLE {table}")
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        connection.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
