"""The files of an export: JSON lines, which can be imported, and CSV for spreadsheets."""

import csv
import io
import uuid
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import IO, Any

import orjson

from gitlab_links.clock import utcnow
from gitlab_links.org_data.exporting import ExportedRow, exported_rows, org_name, snapshot
from gitlab_links.org_data.tables import exported_columns, exported_tables

FORMAT, VERSION = "gitlab_links org", 1
# A spreadsheet runs a cell that begins so as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def json_lines(org_id: uuid.UUID) -> Iterator[bytes]:
    """The export line by line. The first names the org, the last has the number of rows.

    Raises :class:`NotFound` on the first line.
    """
    with snapshot() as connection:
        head = {
            "format": FORMAT,
            "version": VERSION,
            "org_id": str(org_id),
            "name": org_name(connection, org_id),
            "exported_at": utcnow().isoformat(),
        }
        yield _line(head)
        counts: Counter[str] = Counter()
        for row in exported_rows(connection, org_id):
            counts[row.table] += 1
            yield _line({"table": row.table, "row": _plain(row.values)})
        yield _line({"end": dict(counts)})


def write_csv(org_id: uuid.UUID, to: IO[bytes]) -> None:
    """A zip with one CSV file for each table; raises :class:`NotFound`."""
    with snapshot() as connection, zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        org_name(connection, org_id)
        rows = exported_rows(connection, org_id)
        pending = next(rows, None)
        for table in exported_tables():
            names = [column.name for column in exported_columns(table)]
            with archive.open(f"{table.name}.csv", "w") as file:
                pending = _write_table(file, table.name, names, rows, pending)


def _write_table(
    file: IO[bytes],
    table: str,
    names: Sequence[str],
    rows: Iterator[ExportedRow],
    row: ExportedRow | None,
) -> ExportedRow | None:
    """Write the rows of one table; returns the first row of the next one."""
    # With a mark at the beginning, without which Excel reads another encoding.
    with io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(names)
        while row is not None and row.table == table:
            writer.writerow(cells(row.values[name] for name in names))
            row = next(rows, None)
    return row


def cells(values: Iterable[Any]) -> list[str]:
    """The values as text that no spreadsheet runs."""
    return [_harmless(_cell(value)) for value in values]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, dict | list):
        return orjson.dumps(value, default=str).decode()
    return str(value)


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime | date) else value
        for name, value in values.items()
    }


def _line(value: dict[str, Any]) -> bytes:
    return orjson.dumps(value, default=str) + b"\n"
