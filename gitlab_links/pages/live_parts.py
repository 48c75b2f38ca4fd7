"""Parts of pages that an open page polls."""

import hashlib

from flask import Response, make_response, request

from gitlab_links.gitlab.error_codes import ErrorCode, facts_of
from gitlab_links.links.freshness import Connection
from gitlab_links.pages.assets import asset_version
from gitlab_links.pages.problem_pages import FRAGMENT_HEADER

_NOT_CONNECTED = frozenset({ErrorCode.MISSING_INTEGRATION, ErrorCode.MISSING_TOKEN})


def is_part(name: str) -> bool:
    """Whether the open page's script requests this part alone."""
    return request.headers.get(FRAGMENT_HEADER) == name


def tagged(body: str, etag: str, status: int = 200) -> Response:
    """An answer with an ETag. ``Vary`` stops caches from serving it as the whole page."""
    response: Response = make_response(body, status)
    response.set_etag(etag)
    response.vary.add(FRAGMENT_HEADER)
    return response


def etag_of(*parts: object) -> str:
    """Changes with everything shown, and with the markup."""
    text = "|".join(map(repr, (*parts, asset_version())))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def away_words(connection: Connection, *, shows_links: bool) -> str:
    """Why links are not updated at the moment; empty while they are.

    A page without links is as live before a GitLab is connected as it will be then.
    """
    code = connection.error_code
    if code is None or (code in _NOT_CONNECTED and not shows_links):
        return ""
    return facts_of(code).summary
