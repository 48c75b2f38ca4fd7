"""Items that GitLab shows in a drawer: the address is that of the page under the drawer.

Since GitLab 18 an issue opens in a drawer above a list, a board or another issue, and
``?show=`` names it: base64 of ``{"iid", "full_path", "id"}``. GitLab 15 to 17 write
``?work_item_iid=`` for an item of the page's own project.
"""

import base64
import binascii
from dataclasses import dataclass
from urllib.parse import parse_qsl

from gitlab_links.errors import DomainError
from gitlab_links.gitlab.fields import read_id, read_object
from gitlab_links.gitlab.json_body import parse_json

_MAX_SHOW_LENGTH = 4_000
_PARAMETERS = frozenset({"show", "work_item_iid", "work_item_id"})


class UnreadableDrawer(Exception):
    """The address opens a drawer and does not name the item in it."""


@dataclass(frozen=True, slots=True)
class DrawerItem:
    """The item in the drawer; ``full_path`` is None if it belongs to the page's own project."""

    full_path: str | None
    iid: int


def item_in_drawer(query: str) -> DrawerItem | None:
    """The item whose drawer a query opens; None if it opens no drawer.

    Raises UnreadableDrawer if the item cannot be read. The page under the drawer is not a
    substitute: the person saw the drawer's item.
    """
    values: dict[str, str] = {}
    for name, written in parse_qsl(query):
        # Browsers and chats append a slash to an address; neither value ends with one.
        value = written.rstrip("/")
        if name in _PARAMETERS and values.setdefault(name, value) != value:
            raise UnreadableDrawer
    if "show" in values:
        return _shown(values["show"])
    if "work_item_iid" in values:
        iid = read_id(values["work_item_iid"])
        if iid is None:
            raise UnreadableDrawer
        return DrawerItem(None, iid)
    if "work_item_id" in values:
        raise UnreadableDrawer  # an id across all of GitLab, without the project
    return None


def _shown(text: str) -> DrawerItem:
    # Query parsing turns a plus sign into a blank.
    written = text.replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
    if len(written) > _MAX_SHOW_LENGTH:
        raise UnreadableDrawer
    try:
        decoded = base64.b64decode(written + "=" * (-len(written) % 4), validate=True)
        item = read_object(parse_json(decoded))
    except (binascii.Error, ValueError, DomainError):
        raise UnreadableDrawer from None
    iid, full_path = read_id(item.get("iid")), item.get("full_path")
    if iid is None or not isinstance(full_path, str) or not full_path:
        raise UnreadableDrawer
    return DrawerItem(full_path, iid)
