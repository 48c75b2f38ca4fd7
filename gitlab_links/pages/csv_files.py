"""Lists as CSV files, sent part by part: of a list of any length, one part is in memory."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, TypeVar

from flask import Flask, Response, current_app

from gitlab_links.clock import utcnow
from gitlab_links.http.transactions import begin_reading
from gitlab_links.org_data.files import cells
from gitlab_links.paging import Position

T = TypeVar("T")
Rows = Sequence[Sequence[Any]]
AT_ONCE = 500
# Without it, Excel reads another encoding.
MARK = "\ufeff"


def csv_file(name: str, columns: Sequence[str], parts: Iterator[Rows]) -> Response:
    """A file to save. The first part is read at once, so that its errors are answered as such."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    blocks = _blocks(columns, parts)
    response = Response(chain([next(blocks)], _rest(app, blocks)), mimetype="text/csv")
    file_name = f"{name}-{utcnow():%Y-%m-%d}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _rest(app: Flask, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Each block is read in a transaction of its own: a slow reader holds none open."""
    while True:
        with app.app_context():
            begin_reading()
            block = next(blocks, None)
        if block is None:
            return
        yield block


def in_parts(
    read: Callable[..., Sequence[T]],
    rows: Callable[[Sequence[T]], Rows],
    position: Callable[[T], Position],
) -> Iterator[Rows]:
    """The rows of a list that ``read`` gives behind a position."""
    after = None
    while True:
        found = read(after=after, limit=AT_ONCE)
        if found:
            after = position(found[-1])
        yield rows(found)
        if len(found) < AT_ONCE:
            return


def by_id(row: Any) -> Position:
    """The position in a list that is ordered by id."""
    return Position(row.id)


def _blocks(columns: Sequence[str], parts: Iterator[Rows]) -> Iterator[bytes]:
    text = io.StringIO(newline="")
    text.write(MARK)
    writer = csv.writer(text)
    writer.writerow(columns)
    for part in parts:
        writer.writerows(cells(row) for row in part)
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
