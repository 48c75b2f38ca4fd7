"""The URLs among the settings. Error messages contain no part that may belong to a password."""

import re
from urllib.parse import SplitResult, urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError


def database_url(text: str) -> str:
    """The URL for SQLAlchemy, with its driver; ValueError says what would be valid."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        raise ValueError("must be a URL such as postgresql://user@host/name")
    if scheme in {"postgres", "postgresql", "postgresql+psycopg"}:
        return _postgresql_url(f"postgresql+psycopg://{rest}")
    if scheme != "sqlite":
        raise ValueError(f"must start with sqlite:// or postgresql://, not {scheme}://")
    if rest in {"", "/", "/:memory:"}:
        raise ValueError("must name a file: web and workers share the database")
    if not rest.startswith("/"):
        raise ValueError("must have three slashes before a path, four before an absolute one")
    return text


def redis_url(text: str) -> str:
    """The URL for redis-py; ValueError says what would be valid."""
    parts = _split(text)
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("must start with redis://, rediss:// or unix://")
    if parts.scheme != "unix" and not re.fullmatch(r"(/[0-9]*)?", parts.path):
        raise ValueError("must end with the number of a database, as redis://host:6379/0")
    return text


def public_url(text: str) -> str:
    """The URL without a trailing slash; ValueError says what would be valid."""
    parts = _split(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or " " in text:
        raise ValueError("must be a URL such as https://links.example.com")
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError("must have no user, query or fragment")
    return text.rstrip("/")


def _postgresql_url(text: str) -> str:
    try:
        host = make_url(text).host or ""
    except (ArgumentError, ValueError):
        host = "@"
    if "@" in host or "[" in host:
        raise ValueError(
            "cannot be read: the port must be a number, and in user and password @ : / are "
            "written as %40 %3A %2F"
        )
    return text


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("must be a URL whose port is a number up to 65535") from None
    return parts
