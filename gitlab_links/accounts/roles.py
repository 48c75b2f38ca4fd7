"""Roles, scopes and permissions: who may do what."""

from enum import Enum, StrEnum


class Role(StrEnum):
    """A member's role in an org."""

    ADMIN = "admin"
    PM = "pm"
    MEMBER = "member"
    CLIENT = "client"

    @property
    def words(self) -> str:
        """The role in a sentence, with its article."""
        match self:
            case Role.ADMIN:
                return "an admin"
            case Role.PM:
                return "a project manager"
        return f"a {self}"


class Scope(StrEnum):
    """What an API key may be used for; no scope implies another."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


EVERYONE = frozenset(Role)
STAFF = frozenset({Role.ADMIN, Role.PM, Role.MEMBER})
MANAGERS = frozenset({Role.ADMIN, Role.PM})
ADMINS = frozenset({Role.ADMIN})


class Permission(Enum):
    """One permission: the roles that have it, and the scope that an API key needs."""

    ORG_READ = ("org_read", Scope.READ, EVERYONE)
    ORG_WRITE = ("org_write", Scope.ADMIN, ADMINS)
    ORG_DELETE = ("org_delete", Scope.ADMIN, ADMINS)
    ORG_EXPORT = ("org_export", Scope.ADMIN, ADMINS)
    ORG_LEAVE = ("org_leave", Scope.ADMIN, EVERYONE)
    TASK_READ = ("task_read", Scope.READ, EVERYONE)
    TASK_WRITE = ("task_write", Scope.WRITE, STAFF)
    VIEWS_WRITE = ("views_write", Scope.WRITE, EVERYONE)
    VIEWS_SHARE = ("views_share", Scope.WRITE, MANAGERS)
    LINK_READ = ("link_read", Scope.READ, STAFF)
    LINK_WRITE = ("link_write", Scope.WRITE, STAFF)
    INTEGRATION = ("integration", Scope.ADMIN, MANAGERS)
    DELIVERIES = ("deliveries", Scope.ADMIN, MANAGERS)
    RULES_READ = ("rules_read", Scope.ADMIN, MANAGERS)
    RULES_WRITE = ("rules_write", Scope.ADMIN, ADMINS)
    ENDPOINTS = ("endpoints", Scope.ADMIN, MANAGERS)
    AUDIT = ("audit", Scope.ADMIN, MANAGERS)
    API_KEYS = ("api_keys", Scope.ADMIN, MANAGERS)
    SERVICE_ACCOUNTS = ("service_accounts", Scope.ADMIN, ADMINS)
    MEMBERS_READ = ("members_read", Scope.ADMIN, MANAGERS)
    MEMBERS_WRITE = ("members_write", Scope.ADMIN, ADMINS)

    def __init__(self, label: str, scope: Scope, roles: frozenset[Role]) -> None:
        self.label = label
        self.scope = scope
        self.roles = roles
