"""The check before every view: who is calling, and does the view's declaration allow it?"""

import uuid
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import structlog
from flask import Flask, current_app, g, request
from flask_login import current_user
from flask_wtf.csrf import CSRFProtect
from werkzeug.exceptions import BadRequest
from werkzeug.sansio.utils import host_is_trusted

from gitlab_links.accounts.key_logins import KeyLogin, key_login, mark_key_used
from gitlab_links.accounts.members import Standing, mark_member_arrived
from gitlab_links.accounts.principal import Principal
from gitlab_links.errors import Forbidden, NotFound, Unauthorized, required
from gitlab_links.extensions import settings
from gitlab_links.http import rate_limits, transactions
from gitlab_links.http.access import Declaration, Kind, declaration_of
from gitlab_links.http.error_rendering import PROBES, is_api_path
from gitlab_links.http.form_bodies import FormRequest, require_form
from gitlab_links.http.json_bodies import body_too_large
from gitlab_links.one_line import as_line

MAX_BODY_BYTES = 64 * 1024
MAX_WEBHOOK_BYTES = 25 * 1024 * 1024
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
# Monitoring uses each machine's own name. Metrics are protected by their token.
ANY_HOST_PATHS = PROBES | {"/metrics"}

csrf = CSRFProtect()
LONGEST_HOST = 255

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller; ``key`` is set for an API key, which belongs to one org."""

    user_id: uuid.UUID
    key: Principal | None


def current_principal() -> Principal:
    """The caller in the org of the path; only in views with ``@access``."""
    found: Principal = g.principal
    return found


def current_caller() -> Caller:
    """The caller; only in views with ``@access`` or ``@signed_in``."""
    found: Caller = g.caller
    return found


def register(app: Flask) -> None:
    """Check every request before its view."""
    app.request_class = FormRequest
    app.config.update(
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=None,
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
    )
    csrf.init_app(app)
    app.before_request(_check_host)
    app.before_request(_admit)


def _check_host() -> None:
    """Accept only the host name of ``PUBLIC_BASE_URL`` and loopback names.

    If ``PUBLIC_BASE_URL`` is a loopback address, as in a trial on a laptop, accept any name.
    """
    public_host = urlsplit(settings().public_base_url).hostname or ""
    if public_host in {"localhost", "127.0.0.1", "::1"} or request.path in ANY_HOST_PATHS:
        return
    if not host_is_trusted(request.host, [public_host, *LOOPBACK_NAMES]):
        log.warning("request.host_refused", host=as_line(request.host, LONGEST_HOST))
        raise BadRequest("This service does not accept that host name.")


def _admit() -> None:
    if request.endpoint is None:
        return  # no route: the dispatcher answers 404 or 405
    declaration = declaration_of(current_app, request.endpoint, request.method)
    if declaration is None:
        log.error("access.undeclared", endpoint=request.endpoint)
        raise Forbidden("This page declares no access, so nobody may open it.")
    if declaration.kind is Kind.WEBHOOK:
        _limit_body(MAX_WEBHOOK_BYTES)
        return
    if request.method not in transactions.SAFE_METHODS and not is_api_path(request.path):
        require_form()
    if declaration.kind is Kind.PUBLIC:
        csrf.protect()
    else:
        _admit_caller(declaration)
    _limit_body(MAX_BODY_BYTES)


def _admit_caller(declaration: Declaration) -> None:
    transactions.begin()
    g.caller = _caller()
    if g.caller.key is None:
        csrf.protect()
    if declaration.permission is not None:
        g.principal = _principal(g.caller)
        structlog.contextvars.bind_contextvars(org_id=str(g.principal.org_id))
        g.principal.require(declaration.permission)


def _caller() -> Caller:
    """The caller by API key if there is an Authorization header, else by session."""
    if "Authorization" in request.headers:
        login = _key_login()
        if login.use_is_due:
            used = partial(mark_key_used, login)
            transactions.write_after_commit("api_key.use_not_noted", used)
        # Before the limit: who has used it up is in the line of a refused request, too.
        key_id = str(login.principal.api_key_id)
        _log_whose(login.principal.user_id, api_key_id=key_id)
        rate_limits.count(login.principal)
        return Caller(login.principal.user_id, login.principal)
    if not current_user.is_authenticated:
        raise Unauthorized
    _log_whose(current_user.user_id)
    return Caller(current_user.user_id, None)


def _log_whose(user_id: uuid.UUID, **more: str) -> None:
    structlog.contextvars.bind_contextvars(user_id=str(user_id), **more)


def _key_login() -> KeyLogin:
    """The login of the API key, which is valid only for the API, not for pages and their files."""
    if not is_api_path(request.path):
        raise Unauthorized(
            "Pages and their files are for browsers that are logged in, and take no Authorization "
            "header. An API key is for the addresses under /api/."
        )
    scheme, _, secret = request.headers["Authorization"].partition(" ")
    login = key_login(secret.strip()) if scheme.lower() == "bearer" else None
    if login is None:
        raise Unauthorized
    return login


def _principal(caller: Caller) -> Principal:
    org_id = (request.view_args or {})["org_id"]
    if caller.key is not None:
        if caller.key.org_id != org_id:
            raise NotFound
        return caller.key
    standing: Standing = required(current_user.standing)
    if standing.is_new:
        arrived = partial(mark_member_arrived, org_id, caller.user_id)
        transactions.write_after_commit("member.arrival_not_noted", arrived)
    return Principal(org_id, caller.user_id, standing.role)


def _limit_body(limit: int) -> None:
    """Refuse a body whose declared length is too large; ``read_body`` checks the others.

    One byte more than the limit may be read, because werkzeug truncates silently.
    """
    request.max_content_length = limit + 1
    if (request.content_length or 0) > limit:
        raise body_too_large(limit)
