"""Requests sent twice, because a response was lost or a button was pressed twice."""

import re
from hashlib import sha256
from typing import Any

import structlog
from flask import Response, g, make_response, request, session
from sqlalchemy.exc import SQLAlchemyError

from gitlab_links.accounts.answered_requests import (
    Answered,
    Begun,
    Sender,
    begin,
    forget,
    save_answer,
)
from gitlab_links.accounts.principal import Principal
from gitlab_links.errors import Invalid
from gitlab_links.extensions import db

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
FORM_FIELD = "once"
# What a request leaves in the session for the next page: messages, and a secret to show.
FLASHES, SHOWN_ONCE = "_flashes", "shown_once"
_KEY = re.compile(r"[!-~]{1,255}")

log = structlog.get_logger(__name__)


def begin_call() -> Response | None:
    """Before a POST to the API: the stored response, if the key was used for it before.

    Raises :class:`Invalid` for a malformed key, and what ``answered_requests`` raises.
    """
    key = request.headers.get(HEADER)
    if key is None or request.method != "POST" or "principal" not in g:
        return None
    if _KEY.fullmatch(key) is None:
        words = "Use 1 to 255 printable ASCII characters without blanks."
        raise Invalid("The Idempotency-Key is malformed.", errors={HEADER: [words]})
    return _begin(key, request.get_data(cache=True))


def begin_form() -> Response | None:
    """Before a form is processed: the stored response, if the same form was sent before."""
    once = request.form.get(FORM_FIELD, "") if request.method == "POST" else ""
    if _KEY.fullmatch(once) is None or "principal" not in g:
        return None
    fields = repr(sorted(request.form.items(multi=True))).encode("utf-8", "surrogatepass")
    return _begin(f"form:{once}:{sha256(fields).hexdigest()}", fields)


def finish(response: Response) -> Response:
    """Save the response in the transaction of its changes; forget a failed request."""
    begun: Begun | None = g.pop("begun_request", None)
    if begun is None:
        return response
    if response.status_code < 400:
        save_answer(begun, _kept(response))
        return response
    db.session.rollback()
    try:
        forget(begun)
        db.session.commit()
    except SQLAlchemyError as error:
        db.session.rollback()
        log.warning("idempotency.not_forgotten", error=repr(error))
    return response


def _begin(key: str, body: bytes) -> Response | None:
    principal: Principal = g.principal
    caller = f"key:{principal.api_key_id}" if principal.api_key_id else f"user:{principal.user_id}"
    asked = "\0".join((request.method, request.path)).encode()
    fingerprint = sha256(asked + b"\0" + body).hexdigest()
    found = begin(Sender(principal.org_id, caller, key), fingerprint)
    if isinstance(found, Answered):
        return _again(found.answer)
    g.begun_request = found
    return None


def _kept(response: Response) -> dict[str, Any]:
    left = {name: session[name] for name in (FLASHES, SHOWN_ONCE) if name in session}
    return {
        "status": response.status_code,
        "type": response.content_type,
        "location": response.headers.get("Location"),
        "version": g.get("version"),
        "body": response.get_data(as_text=True),
        "session": left,
    }


def _again(answer: dict[str, Any]) -> Response:
    response: Response = make_response(answer["body"], answer["status"])
    response.content_type = answer["type"]
    if answer["location"] is not None:
        response.headers["Location"] = answer["location"]
    response.headers[REPLAYED] = "true"
    if answer.get("version") is not None:
        g.version = answer["version"]  # for the same ETag
    for name, value in answer["session"].items():
        session[name] = value
    return response
