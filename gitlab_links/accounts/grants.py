"""Which roles a caller may give."""

from gitlab_links.accounts.principal import InsufficientScope, Principal
from gitlab_links.accounts.roles import Permission, Role, Scope
from gitlab_links.errors import Forbidden

_RANK = {Role.ADMIN: 3, Role.PM: 2, Role.MEMBER: 1, Role.CLIENT: 0}
# A saved view shows nothing that its reader could not find without it.
_HARMLESS = {Permission.VIEWS_WRITE, Permission.VIEWS_SHARE}


class AdminByKey(Forbidden, code="admin_by_key"):
    """An API key may not make anybody an admin."""


def check_rank(principal: Principal, role: Role) -> None:
    """Raise :class:`Forbidden` for a role above the caller's own."""
    if _RANK[role] > _RANK[principal.role]:
        raise Forbidden(f"You cannot give the role '{role}': yours is '{principal.role}'.")


def check_grant(principal: Principal, role: Role, before: Role | None = None) -> None:
    """A key cannot give a role more permissions than it has, because its user could be that
    member; saved views do not count. It cannot make an admin either, who would stay one after
    the key has ended.
    """
    check_rank(principal, role)
    given = set(Permission) - _HARMLESS
    added = {one for one in given if role in one.roles and before not in one.roles}
    missing = {one.scope for one in added} - (
        frozenset(Scope) if principal.scopes is None else principal.scopes
    )
    if missing:
        raise InsufficientScope(
            f"This API key cannot give the role '{role}', which needs scopes that it lacks: "
            f"{', '.join(sorted(missing))}."
        )
    if principal.scopes is not None and role is Role.ADMIN and added:
        raise AdminByKey(
            "An API key cannot make anybody an admin. An admin who is logged in can do it on the "
            "page Members, or on the page Service accounts."
        )
