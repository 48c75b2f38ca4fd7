"""Who may call a view, declared on the view. A view that declares nothing refuses everybody."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from flask import Flask

from gitlab_links.accounts.roles import Permission

F = TypeVar("F", bound=Callable[..., Any])

_ATTRIBUTE = "__access__"
_EXTENSION = "access"


class Kind(StrEnum):
    """The kinds of access."""

    ORG = "org"
    SIGNED_IN = "signed_in"
    PUBLIC = "public"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Declaration:
    """Who may call a view; ``why`` is the reason for a public one."""

    kind: Kind
    permission: Permission | None = None
    why: str = ""


def access(permission: Permission) -> Callable[[F], F]:
    """Allow callers with this permission in the org of the ``org_id`` path argument."""
    return _declare(Declaration(Kind.ORG, permission))


def signed_in(view: F) -> F:
    """Allow everybody with a session or a valid API key; the view decides what they see."""
    return _declare(Declaration(Kind.SIGNED_IN))(view)


def public(why: str) -> Callable[[F], F]:
    """Allow everybody, for the reason given. A write still needs the CSRF token."""
    return _declare(Declaration(Kind.PUBLIC, why=why))


def webhook(view: F) -> F:
    """Allow GitLab, which the view authenticates by secret token or signature."""
    return _declare(Declaration(Kind.WEBHOOK))(view)


def declare_endpoint(app: Flask, endpoint: str, declaration: Declaration) -> None:
    """Declare for a view that cannot carry a decorator: static files, a library's pages."""
    if endpoint not in app.view_functions:
        raise LookupError(f"there is no endpoint {endpoint}")
    app.extensions.setdefault(_EXTENSION, {})[endpoint] = declaration


def declaration_of(app: Flask, endpoint: str, method: str) -> Declaration | None:
    """The declaration of a view; for a ``MethodView``, that of the method's handler."""
    declared: dict[str, Declaration] = app.extensions.get(_EXTENSION, {})
    if endpoint in declared:
        return declared[endpoint]
    view: Any = app.view_functions[endpoint]
    view_class = getattr(view, "view_class", None)
    if view_class is not None and not hasattr(view, _ATTRIBUTE):
        name = "get" if method in {"HEAD", "OPTIONS"} else method.lower()
        view = getattr(view_class, name, view)
    found = getattr(view, _ATTRIBUTE, None)
    return found if isinstance(found, Declaration) else None


def _declare(declaration: Declaration) -> Callable[[F], F]:
    def decorator(view: F) -> F:
        setattr(view, _ATTRIBUTE, declaration)
        return view

    return decorator
