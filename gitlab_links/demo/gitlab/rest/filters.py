"""The query parameters of item lists."""

from collections.abc import Iterable

from flask import request

from gitlab_links.demo.gitlab.records import Item
from gitlab_links.demo.gitlab.rest import errors


def filtered(items: Iterable[Item]) -> list[Item]:
    """Those with the iids that the request names, or all; the newest first."""
    texts = request.args.getlist("iids[]")
    if not all(text.isascii() and text.isdecimal() for text in texts):
        raise errors.bad_parameter("iids")
    iids = {int(text) for text in texts}
    found = [item for item in items if not texts or item.iid in iids]
    return sorted(found, key=lambda item: item.id, reverse=True)


def flag(name: str) -> bool:
    """A boolean parameter, false where it is absent."""
    text = request.args.get(name, "false").lower()
    if text not in ("true", "false", "1", "0"):
        raise errors.bad_parameter(name)
    return text in ("true", "1")
