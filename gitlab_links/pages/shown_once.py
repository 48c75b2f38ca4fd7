"""A secret that the next page shows, once: it goes along with the redirect, sealed in the cookie.

The page that made it redirects, so that loading it again makes no second one.
"""

import base64
import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from flask import make_response, redirect, session
from flask.typing import ResponseReturnValue
from flask_login import current_user

from gitlab_links.http.idempotency import SHOWN_ONCE
from gitlab_links.security import digest

LASTS_SECONDS = 600


def redirect_and_show(url: str, **shown: str) -> ResponseReturnValue:
    """Go to ``url``, which finds ``shown`` by :func:`take_shown`."""
    sealed = _cipher().encrypt(json.dumps({"at": url, **shown}).encode())
    session[SHOWN_ONCE] = sealed.decode("ascii")
    return redirect(url)


def take_shown(url: str) -> dict[str, str] | None:
    """What this page is to show this once, if it comes of a redirect to it."""
    sealed = session.get(SHOWN_ONCE)
    if sealed is None:
        return None
    try:
        opened: dict[str, str] = json.loads(_cipher().decrypt(sealed, ttl=LASTS_SECONDS))
    except InvalidToken:
        session.pop(SHOWN_ONCE)
        return None
    if opened.pop("at") != url:
        return None
    session.pop(SHOWN_ONCE)
    return opened


def unless_shown(page: Any, shown: dict[str, str] | None) -> ResponseReturnValue:
    """The page; one with a secret is kept by no browser."""
    response = make_response(page)
    if shown is not None:
        response.headers["Cache-Control"] = "no-store"
    return response


def _cipher() -> Fernet:
    """Opens in the session that sealed it, and in no other."""
    secret = digest("shown-once", current_user.get_id())
    return Fernet(base64.urlsafe_b64encode(bytes.fromhex(secret)))
