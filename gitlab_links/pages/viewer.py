"""The person who views a page: their orgs, their role, and the pages they may open."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import g, session, url_for
from flask_login import current_user
from sqlalchemy.exc import SQLAlchemyError

from gitlab_links.accounts.orgs import OrgView, orgs_page
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission, Role
from gitlab_links.extensions import db, settings
from gitlab_links.http.mounting import path_here
from gitlab_links.pages.menu_marks import MenuMarks

LAST_ORG = "last_org"
ROLE_NAMES = {
    Role.ADMIN: "Admin",
    Role.PM: "Project manager",
    Role.MEMBER: "Member",
    Role.CLIENT: "Client",
}


@dataclass(frozen=True, slots=True)
class NavEntry:
    """A page in the navigation. ``exact``: it is the page shown, not one above it.

    ``mark`` names what is beside it; ``go`` is the key that leads there behind ``g``.
    """

    text: str
    icon: str
    url: str
    current: bool
    exact: bool
    mark: str = ""
    go: str = ""


@dataclass(frozen=True, slots=True)
class Viewer:
    """A person logged in; ``org`` is the org of the page, or the one that they opened last."""

    name: str
    email: str
    orgs: Sequence[OrgView]
    org: OrgView | None
    nav: Sequence[NavEntry]
    marks: MenuMarks
    key_shortcuts: bool
    new_task_url: str | None

    @property
    def role_name(self) -> str:
        """The role in the org of the page, in words."""
        return ROLE_NAMES[self.org.role] if self.org else ""

    @property
    def _administers_all(self) -> bool:
        return bool(self.orgs) and all(org.role is Role.ADMIN for org in self.orgs)

    @property
    def operates(self) -> bool:
        """Whether to show the links of operators; their pages check the permission themselves."""
        named = settings().operator_emails
        return self.email in named if named else self._administers_all


_NAV = (
    ("Overview", "chart", "pages.org_overview", Permission.TASK_READ),
    ("Tasks", "tasks", "pages.task_list", Permission.TASK_READ),
    ("Links", "links", "pages.link_list", Permission.LINK_READ),
    ("Waiting on me", "inbox-me", "pages.waiting_list", Permission.LINK_READ),
    ("GitLab", "mark", "pages.integration", Permission.INTEGRATION),
    ("Status rules", "rules", "pages.status_rules", Permission.RULES_READ),
    ("Deliveries", "inbox", "pages.delivery_list", Permission.DELIVERIES),
    ("Endpoints", "external", "pages.endpoint_list", Permission.ENDPOINTS),
    ("Members", "person", "pages.member_list", Permission.MEMBERS_READ),
    ("API keys", "key", "pages.key_list", Permission.API_KEYS),
    ("Audit log", "history", "pages.audit_log", Permission.AUDIT),
    ("Settings", "settings", "pages.org_settings", Permission.ORG_READ),
)


_MARKS = {"pages.waiting_list": "waits", "pages.integration": "verdict"}
_GO = {
    "pages.org_overview": "o",
    "pages.task_list": "t",
    "pages.link_list": "l",
    "pages.waiting_list": "w",
    "pages.integration": "g",
    "pages.status_rules": "r",
    "pages.delivery_list": "d",
    "pages.endpoint_list": "e",
    "pages.member_list": "m",
    "pages.key_list": "k",
    "pages.audit_log": "a",
    "pages.org_settings": "s",
}


def viewer() -> Viewer | None:
    """The person logged in, or None; one query for their orgs, two at most for the
    marks of the menu.

    A page of no org, such as the account's, keeps the head of the org that it was opened from.
    """
    if "caller" not in g:
        return None
    principal: Principal | None = g.get("principal")
    orgs = orgs_page(current_user.user_id)
    if principal is not None:
        _remember(principal)
    elif orgs:
        org = last_org(orgs)
        principal = Principal(org.id, current_user.user_id, org.role)
    return _viewer(principal, orgs)


def last_org(orgs: Sequence[OrgView]) -> OrgView:
    """The one opened last, or the first one."""
    last = session.get(LAST_ORG)
    return next((org for org in orgs if str(org.id) == last), orgs[0])


def _remember(principal: Principal) -> None:
    if session.get(LAST_ORG) != str(principal.org_id):
        session[LAST_ORG] = str(principal.org_id)


def visitor() -> Viewer | None:
    """The same for error pages, where no view may have run; None if the database fails."""
    try:
        if not current_user.is_authenticated:
            return None
        return _viewer(g.get("principal"), orgs_page(current_user.user_id))
    except SQLAlchemyError:
        db.session.rollback()
        return None


def _viewer(principal: Principal | None, orgs: Sequence[OrgView]) -> Viewer:
    org = next((org for org in orgs if principal and org.id == principal.org_id), None)
    marks = MenuMarks.of(principal) if principal else MenuMarks()
    nav = [
        _entry(text, icon, url_for(endpoint, org_id=org.id), endpoint)
        for text, icon, endpoint, permission in _NAV
        if principal and org and principal.may(permission)
    ]
    new_task_url = None
    if principal and org and principal.may(Permission.TASK_WRITE):
        new_task_url = url_for("pages.new_task", org_id=org.id)
    user = current_user
    return Viewer(user.name, user.email, orgs, org, nav, marks, user.key_shortcuts, new_task_url)


def _entry(text: str, icon: str, url: str, endpoint: str) -> NavEntry:
    here = path_here()
    is_current = (here + "/").startswith(url + "/")
    mark, go = _MARKS.get(endpoint, ""), _GO.get(endpoint, "")
    return NavEntry(text, icon, url, current=is_current, exact=here == url, mark=mark, go=go)
