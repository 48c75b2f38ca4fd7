"""Parts of pages that an open page asks for again and again."""

from flask import Response, make_response, request

from gitlab_links.gitlab.error_codes import facts_of
from gitlab_links.links.freshness import Connection
from gitlab_links.pages.problem_pages import FRAGMENT_HEADER


def is_part(name: str) -> bool:
    """Whether the module of the open page asks for this part, which it puts in place itself."""
    return request.headers.get(FRAGMENT_HEADER) == name


def tagged(body: str, etag: str, status: int = 200) -> Response:
    """An answer that the page can ask again about. It is never taken for the page itself."""
    response: Response = make_response(body, status)
    response.set_etag(etag)
    response.vary.add(FRAGMENT_HEADER)
    return response


def away_words(connection: Connection) -> str:
    """Why GitLab is not followed just now, in words; empty while it is."""
    return facts_of(connection.error_code).summary if connection.error_code else ""
