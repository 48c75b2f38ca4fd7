"""Users and their access tokens."""

import secrets
from collections.abc import Callable, Iterable
from datetime import date, timedelta

from gitlab_links.demo.gitlab.records import Token, User
from gitlab_links.demo.gitlab.timing import Clock

READ_SCOPES = ("read_api",)


class People:
    """Every user and token of the instance, which may limit how long a rotated token lives."""

    def __init__(self, next_id: Callable[[], int], clock: Clock) -> None:
        self._next_id = next_id
        self._clock = clock
        self.users: dict[str, User] = {}
        self.tokens: dict[str, Token] = {}
        self.longest_life: timedelta | None = None

    def add_user(
        self, username: str, name: str | None = None, *, is_admin: bool = False, bot: bool = False
    ) -> User:
        """A new user; the name is made from the username where none is given."""
        user = User(
            id=self._next_id(),
            username=username,
            name=name or username.replace(".", " ").replace("-", " ").title(),
            created_at=self._clock.now(),
            is_admin=is_admin,
            bot=bot,
        )
        self.users[username] = user
        return user

    def user(self, key: User | str) -> User:
        """The user itself, or the one with that username; KeyError if unknown."""
        return key if isinstance(key, User) else self.users[key]

    def add_token(
        self,
        user: User | str,
        *,
        scopes: Iterable[str] = READ_SCOPES,
        value: str | None = None,
        name: str = "gitlab_links",
        expires_at: date | None = None,
        permissions: Iterable[str] | None = None,
        projects: Iterable[str] | None = None,
    ) -> Token:
        """A personal access token; a random ``glpat-`` value unless one is given.

        With ``permissions`` it is a fine-grained one, whatever ``scopes`` says.
        """
        granted = None if permissions is None else frozenset(permissions)
        token = Token(
            id=self._next_id(),
            name=name,
            value=value or f"glpat-{secrets.token_urlsafe(15)}",
            user=self.user(user),
            scopes=list(scopes) if granted is None else ["granular"],
            created_at=self._clock.now(),
            expires_at=expires_at,
            permissions=granted,
            projects=None if projects is None else frozenset(projects),
        )
        self.tokens[token.value] = token
        return token

    def rotate(self, token: Token, expires_at: date | None = None) -> Token:
        """Revoke ``token`` and return a new one, by default valid for a week, or for the longest
        life that is allowed. ValueError if ``expires_at`` is later than allowed.
        """
        today = self._clock.now().date()
        latest = date.max if self.longest_life is None else today + self.longest_life
        if expires_at is not None and expires_at > latest:
            raise ValueError(f"Expires at must be before {latest.isoformat()}")
        token.revoked = True
        return self.add_token(
            token.user,
            scopes=token.scopes,
            name=token.name,
            permissions=token.permissions,
            projects=token.projects,
            expires_at=expires_at or min(today + timedelta(days=7), latest),
        )
