"""Parts of pages that an open page polls."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from flask import Response, make_response, render_template, request

from gitlab_links.gitlab.error_codes import ErrorCode, facts_of
from gitlab_links.links.freshness import Connection
from gitlab_links.pages.assets import asset_version
from gitlab_links.pages.problem_pages import FRAGMENT_HEADER

_NOT_CONNECTED = frozenset({ErrorCode.MISSING_INTEGRATION, ErrorCode.MISSING_TOKEN})


@dataclass(frozen=True, slots=True)
class Live:
    """What the script of an open page has to know of the part that it polls.

    ``away`` says why the part is not updated at the moment, and is empty while it is. Templates
    write all three with ``follow`` of ``partials/live.html``, so that no page is *Live* without
    having said so.
    """

    url: str
    etag: str
    away: str

    @classmethod
    def of(cls, url: str, away: str, *shown: object) -> Self:
        """The ETag changes with everything that is ``shown``, and with ``away``."""
        return cls(url, etag_of(away, *shown), away)


def is_part(name: str) -> bool:
    """Whether the open page's script requests this part alone."""
    return request.headers.get(FRAGMENT_HEADER) == name


def tagged(body: str, etag: str, status: int = 200) -> Response:
    """An answer with an ETag. ``Vary`` stops caches from serving it as the whole page."""
    response: Response = make_response(body, status)
    response.set_etag(etag)
    response.vary.add(FRAGMENT_HEADER)
    return response


def if_changed(etag: str, body: Callable[[], str]) -> Response:
    """What ``body`` makes; a 304, without making it, if the open page has what the ETag is of."""
    if etag in request.if_none_match:
        return tagged("", etag, 304)
    return tagged(body(), etag)


def answer_part(template: str, shown: Mapping[str, Any]) -> Response:
    """The part alone, which the open page polls; a 304 if it has what is ``shown`` already. What
    is shown has a :class:`Live` named ``live``.
    """
    live: Live = shown["live"]
    return if_changed(live.etag, partial(render_template, template, **shown))


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
