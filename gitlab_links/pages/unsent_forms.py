"""What was typed into a form that could not be processed, saved for an hour.

That happens when the session has ended, after a login in another tab, or while the database
does not answer. The fields are in Redis, encrypted with a ticket that only the browser has.
"""

import json
from typing import Any
from urllib.parse import urlsplit

import structlog
from cryptography.fernet import InvalidToken
from flask import current_app, flash, g, request, url_for
from redis.exceptions import RedisError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from gitlab_links.accounts.throttle import count_use
from gitlab_links.errors import DomainError
from gitlab_links.extensions import redis
from gitlab_links.security import digest, fernet_for, new_secret

TICKET, KEY = "unsent", "unsent-form-key"
KEPT_SECONDS = 3600
# A limit per address, because forms of people who are not logged in are saved, too.
KEPT_FROM_ADDRESS, THROTTLE_SECONDS = 60, 15 * 60
NEVER_KEPT = frozenset(
    {"csrf_token", "once", "password", "current", "again", "token", "new_token", "signing_token"}
    | {"forget"}
)
# These answer GET requests but have no form.
_PARTS = frozenset({"pages.task_links", "pages.link_suggestions", "pages.queues", "pages.root"})

log = structlog.get_logger(__name__)


def form_page_url() -> str | None:
    """The page of the form just sent, with a ticket for what was typed; None for a GET."""
    if request.method != "POST":
        return None
    if "form_page_url" not in g:
        g.form_page_url = _form_page_url()
    found: str | None = g.form_page_url
    return found


Typed = MultiDict[str, str]


def typed_before(*, is_said: bool = False) -> Typed | None:
    """What was typed on this page before, if the address has its ticket; flashes a message, unless
    the page itself says that it is there.
    """
    ticket = request.args.get(TICKET, "")
    if not ticket:
        return None
    try:
        sealed = redis().get(_name(ticket))
        kept = json.loads(fernet_for(KEY, ticket).decrypt(sealed)) if sealed else {}
    except (RedisError, InvalidToken):
        kept = {}
    if kept.get("page") != request.path:
        return None
    if not is_said:
        words = "Your form was not saved. What you typed is below: check it and send it again."
        flash(words, "info")
    return MultiDict((name, value) for name, value in kept["fields"])


def _form_page_url() -> str | None:
    page = _page_of(request.path)
    if page is None:
        return None
    endpoint, values = page
    ticket = _save(url_for(endpoint, **values))
    if ticket is not None:
        values[TICKET] = ticket
    return url_for(endpoint, **values)


def _page_of(path: str) -> tuple[str, dict[str, Any]] | None:
    """The nearest page at or above the address that a form was sent to."""
    adapter = current_app.create_url_adapter(request)
    while adapter is not None and path.strip("/"):
        try:
            endpoint, values = adapter.match(path, "GET")
        except (RequestRedirect, HTTPException):
            endpoint, values = "", {}
        if endpoint.startswith("pages.") and endpoint not in _PARTS:
            return endpoint, dict(values)
        path = path.rpartition("/")[0]
    return None


def _save(page: str) -> str | None:
    """Save the typed fields and return a ticket; None if nothing was typed, or over the limit."""
    fields = _typed()
    if not any(value.strip() for _, value in fields) or not _comes_from_here():
        return None
    address = f"unsent:{request.remote_addr}"
    if count_use(address, KEPT_FROM_ADDRESS, THROTTLE_SECONDS).exceeded:
        return None
    ticket = new_secret()
    content = json.dumps({"page": page.removeprefix(request.script_root), "fields": fields})
    sealed = fernet_for(KEY, ticket).encrypt(content.encode())
    try:
        redis().set(_name(ticket), sealed, ex=KEPT_SECONDS)
    except RedisError as error:
        log.warning("unsent_form.not_kept", error=str(error))
        return None
    return ticket


def _typed() -> list[tuple[str, str]]:
    try:
        sent = list(request.form.items(multi=True))
    except (HTTPException, DomainError):  # too large, or no form at all
        return []
    return [(name, value) for name, value in sent if name not in NEVER_KEPT]


def _comes_from_here() -> bool:
    """Whether the form is ours: fields set by another site must not appear as typed here."""
    origin = request.headers.get("Origin")
    same_origin = origin is None or urlsplit(origin).netloc == request.host
    return same_origin and request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"


def _name(ticket: str) -> str:
    return f"gitlab_links:unsent:{digest('unsent-form', ticket)}"
