"""What was typed into a form that could not be taken, kept for an hour for whoever typed it.

As when the session has ended, the page is older than a login in another tab, or the database
is away. It waits in Redis, sealed with a ticket that only the browser gets.
"""

import base64
import json
from typing import Any
from urllib.parse import urlsplit

import structlog
from cryptography.fernet import Fernet, InvalidToken
from flask import current_app, flash, g, request, url_for
from redis.exceptions import RedisError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from gitlab_links.accounts.throttle import count_use
from gitlab_links.errors import DomainError
from gitlab_links.extensions import redis
from gitlab_links.security import digest, new_secret

TICKET = "unsent"
KEPT_SECONDS = 3600
# So many from one address in a quarter of an hour: they are kept for strangers, too.
KEPT_FROM_ADDRESS, THROTTLE_SECONDS = 60, 15 * 60
NEVER_KEPT = frozenset(
    {"csrf_token", "once", "password", "current", "again", "token", "signing_token", "forget"}
)
# What answers a GET and is no page of its own.
_PARTS = frozenset({"pages.task_links", "pages.queues", "pages.root"})

log = structlog.get_logger(__name__)


def form_page_url() -> str | None:
    """The page that the sent form is on, with what was typed into it; None if there is none."""
    if request.method != "POST":
        return None
    if "form_page_url" not in g:
        g.form_page_url = _form_page_url()
    found: str | None = g.form_page_url
    return found


Typed = MultiDict[str, str]


def typed_before() -> Typed | None:
    """What was typed on this page before, if the address has the ticket of it; it says so."""
    ticket = request.args.get(TICKET, "")
    if not ticket:
        return None
    try:
        sealed = redis().get(_name(ticket))
        kept = json.loads(_cipher(ticket).decrypt(sealed)) if sealed else {}
    except (RedisError, InvalidToken):
        kept = {}
    if kept.get("page") != request.path:
        return None
    flash("Your form was not sent. What you typed is here: look it over and send it.", "info")
    return MultiDict((name, value) for name, value in kept["fields"])


def _form_page_url() -> str | None:
    page = _page_of(request.path)
    if page is None:
        return None
    endpoint, values = page
    ticket = _keep(url_for(endpoint, **values))
    if ticket is not None:
        values[TICKET] = ticket
    return url_for(endpoint, **values)


def _page_of(path: str) -> tuple[str, dict[str, Any]] | None:
    """The nearest page at or above the address of a form."""
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


def _keep(page: str) -> str | None:
    """A ticket for the typed fields, or None where there are none, or too many are kept."""
    fields = _typed()
    if not any(value.strip() for _, value in fields) or not _comes_from_here():
        return None
    address = f"unsent:{request.remote_addr}"
    if count_use(address, KEPT_FROM_ADDRESS, THROTTLE_SECONDS).exceeded:
        return None
    ticket = new_secret()
    content = json.dumps({"page": page.removeprefix(request.script_root), "fields": fields})
    try:
        redis().set(_name(ticket), _cipher(ticket).encrypt(content.encode()), ex=KEPT_SECONDS)
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
    """Whether no other site wrote the form: it would be shown as what the visitor typed."""
    origin = request.headers.get("Origin")
    same_origin = origin is None or urlsplit(origin).netloc == request.host
    return same_origin and request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"


def _name(ticket: str) -> str:
    return f"gitlab_links:unsent:{digest('unsent-form', ticket)}"


def _cipher(ticket: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(bytes.fromhex(digest("unsent-form-key", ticket))))
