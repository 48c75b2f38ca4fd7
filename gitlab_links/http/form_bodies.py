"""Bodies of page requests: only forms. Anything else is refused before it is read."""

from typing import Any, NoReturn

from flask import Request, request
from flask_login import current_user

from gitlab_links.accounts.sessions import count_refused_form
from gitlab_links.errors import UnsupportedMediaType

FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


class FormRequest(Request):
    """A request whose forms may have only named fields and no files."""

    def _load_form_data(self) -> None:
        """Refuse a part without a name, which the parser returns as ``None``."""
        super()._load_form_data()
        if None in self.form:
            raise UnsupportedMediaType("Each part of a form needs a name.")

    def _get_file_stream(self, *_facts: Any, **_more: Any) -> NoReturn:
        """Refuse a file as soon as its headers are read: no form here takes one."""
        raise UnsupportedMediaType("This form takes no files.")


def require_form() -> None:
    """Raise :class:`UnsupportedMediaType` unless the body is a form or missing.

    Without a session, a refused body counts as a failed login of the IP address, because pages
    send only forms. Raises :class:`RateLimited` beyond the limit.
    """
    if not _has_body():
        return
    if request.mimetype not in FORM_TYPES:
        _refuse("Pages take forms only: send 'application/x-www-form-urlencoded'.")
    try:
        request.form  # noqa: B018  # reads the form, which refuses files
    except UnsupportedMediaType as refusal:
        _refuse(refusal.detail)


def _has_body() -> bool:
    announced = bool(request.content_length) or "Transfer-Encoding" in request.headers
    return announced or bool(request.mimetype)


def _refuse(detail: str) -> NoReturn:
    if not current_user.is_authenticated:
        count_refused_form(request.remote_addr or "")
    raise UnsupportedMediaType(detail)
