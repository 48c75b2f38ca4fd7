"""Lists as CSV files, sent part by part: of a list of any length, one part is in memory.

A file is not limited in time. If it cannot be read to its end, the connection is cut, which every
browser and program says of an answer in chunks.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from tempfile import TemporaryFile
from types import MappingProxyType
from typing import Any, TypeVar

from flask import Flask, Response, request
from werkzeug.wsgi import wrap_file

from gitlab_links.clock import utcnow
from gitlab_links.extensions import this_app
from gitlab_links.http.transactions import begin_reading
from gitlab_links.org_data.files import cells
from gitlab_links.pages.unapplied import require_applied
from gitlab_links.paging import Position

T = TypeVar("T")
Rows = Sequence[Sequence[Any]]
AT_ONCE = 500
# Without it, Excel reads another encoding.
MARK = "\ufeff"


def csv_file(
    name: str,
    columns: Sequence[str],
    parts: Iterator[Rows],
    filters: Mapping[str, Any] = MappingProxyType({}),
) -> Response:
    """A file to save. The first part is read at once, so that its errors are answered as such.

    ``filters`` are those that the parts have, by name; Invalid if the address has others.
    """
    require_applied(filters)
    app = this_app()
    blocks = _blocks(columns, parts)
    content = chain([next(blocks)], _rest(app, blocks))
    if request.environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
        response = _whole(content)
    else:
        response = Response(content, mimetype="text/csv")
    file_name = f"{name}-{utcnow():%Y-%m-%d}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _whole(content: Iterator[bytes]) -> Response:
    """With its length: only the end of the connection ends an answer of HTTP/1.0 without one, so
    that a file that was cut off would seem whole.
    """
    file = TemporaryFile()  # noqa: SIM115  # closed with the answer
    for block in content:
        file.write(block)
    length = file.tell()
    file.seek(0)
    response = Response(wrap_file(request.environ, file), mimetype="text/csv")
    response.content_length = length
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
