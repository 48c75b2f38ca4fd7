"""Pages of a list, with the headers GitLab gives them."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Response, jsonify, request

from gitlab_links.demo.gitlab.current import state
from gitlab_links.demo.gitlab.rest import errors

LARGEST_PAGE = 100
# GitLab counts no further than this, and then leaves out the numbers and the last page.
MOST_COUNTED = 10_000
LARGEST_OFFSET = 50_000
Record = TypeVar("Record")


def positive(name: str, default: int) -> int:
    """A query parameter that is a positive integer, or a 400."""
    text = request.args.get(name, str(default))
    if not (text.isascii() and text.isdecimal()):
        raise errors.bad_parameter(name)
    if int(text) < 1:
        raise errors.bad_parameter(name, "does not have a valid value")
    return int(text)


def paged(
    records: Sequence[Record], present: Callable[[Record], Any], *, largest: int = LARGEST_PAGE
) -> Response:
    """One page of ``records``: 20 unless asked otherwise, never more than ``largest``."""
    page, per_page = positive("page", 1), min(positive("per_page", 20), largest, state().page_size)
    start = (page - 1) * per_page
    if start > LARGEST_OFFSET:
        raise errors.offset_too_large(LARGEST_OFFSET)
    response = jsonify([present(record) for record in records[start : start + per_page]])
    pages = max(1, -(-len(records) // per_page))
    counted = len(records) <= MOST_COUNTED
    if counted:
        response.headers["X-Total"] = str(len(records))
        response.headers["X-Total-Pages"] = str(pages)
    response.headers.update(
        {
            "X-Per-Page": str(per_page),
            "X-Page": str(page),
            "X-Next-Page": str(page + 1) if page < pages else "",
            "X-Prev-Page": str(page - 1) if page > 1 else "",
            "Link": _links(page, pages, per_page, counted=counted),
        }
    )
    return response


def _links(page: int, pages: int, per_page: int, *, counted: bool) -> str:
    targets = {"prev": page - 1, "next": page + 1, "first": 1}
    if counted:
        targets["last"] = pages
    links = (
        f'<{_address(number, per_page)}>; rel="{rel}"'
        for rel, number in targets.items()
        if 1 <= number <= pages
    )
    return ", ".join(links)


def _address(page: int, per_page: int) -> str:
    arguments = [(k, v) for k, v in request.args.items(multi=True) if k not in ("page", "per_page")]
    query = urlencode([*arguments, ("page", page), ("per_page", per_page)])
    path = request.path.removeprefix("/api/v4/").replace("\x1f", "%2F")
    return state().urls.api(f"{path}?{query}")
