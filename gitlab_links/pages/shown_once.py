"""A new secret that the next page shows once. It travels encrypted in the session cookie,
with a key derived from the session, so only that session can decrypt it.

The view that creates a secret redirects, so that reloading does not create another one.
"""

import json
from typing import Any

from cryptography.fernet import InvalidToken
from flask import make_response, redirect, session
from flask.typing import ResponseReturnValue
from flask_login import current_user

from gitlab_links.http.idempotency import SHOWN_ONCE
from gitlab_links.security import fernet_for

LASTS_SECONDS = 600


def redirect_and_show(url: str, **shown: str) -> ResponseReturnValue:
    """Redirect to ``url``, which gets ``shown`` from :func:`take_shown`."""
    fernet = fernet_for("shown-once", current_user.get_id())
    session[SHOWN_ONCE] = fernet.encrypt(json.dumps({"at": url, **shown}).encode()).decode("ascii")
    return redirect(url)


def take_shown(url: str) -> dict[str, str] | None:
    """What to show on this page, once; None unless a redirect to it left something."""
    sealed = session.get(SHOWN_ONCE)
    if sealed is None:
        return None
    fernet = fernet_for("shown-once", current_user.get_id())
    try:
        opened: dict[str, str] = json.loads(fernet.decrypt(sealed, ttl=LASTS_SECONDS))
    except InvalidToken:
        session.pop(SHOWN_ONCE)
        return None
    if opened.pop("at") != url:
        return None
    session.pop(SHOWN_ONCE)
    return opened


def unless_shown(page: Any, shown: dict[str, str] | None) -> ResponseReturnValue:
    """The page; a page with a secret is not cached."""
    response = make_response(page)
    if shown is not None:
        response.headers["Cache-Control"] = "no-store"
    return response
