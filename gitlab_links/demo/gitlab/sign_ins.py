"""What the simulated GitLab keeps as an OpenID Connect issuer: applications, codes, keys."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from joserfc import jwt
from joserfc.jwk import KeyParameters, KeySet, RSAKey

from gitlab_links.demo.gitlab.records import User
from gitlab_links.demo.gitlab.timing import Clock
from gitlab_links.demo.gitlab.urls import Urls

CODE_LASTS = timedelta(minutes=10)
ID_TOKEN_LASTS = timedelta(minutes=2)


@dataclass(frozen=True)
class Application:
    """An OAuth application, as it is registered under *Admin > Applications*."""

    client_id: str
    secret: str
    redirect_uri: str


@dataclass
class Grant:
    """A code: who signed in, for which application, and what the request asked for."""

    application: Application
    user: User
    challenge: str
    nonce: str | None
    at: datetime
    used: bool = False


@dataclass
class SignIns:
    """``said`` replaces claims of the next ID tokens, for a test of a lie; ``unverified`` are
    usernames whose address is not confirmed.
    """

    clock: Clock
    urls: Urls
    applications: dict[str, Application] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    access_tokens: dict[str, User] = field(default_factory=dict)
    unverified: set[str] = field(default_factory=set)
    said: dict[str, Any] = field(default_factory=dict)
    _key: RSAKey | None = None

    @property
    def key(self) -> RSAKey:
        """What ID tokens are signed with."""
        return self._key or _first_key()

    def register(self, client_id: str, secret: str, redirect_uri: str) -> Application:
        """Add an application with the scopes openid, profile and email."""
        application = Application(client_id, secret, redirect_uri)
        self.applications[client_id] = application
        return application

    def grant(self, application: Application, user: User, challenge: str, nonce: str | None) -> str:
        """A code for somebody who has signed in."""
        code = secrets.token_hex(32)
        self.grants[code] = Grant(application, user, challenge, nonce, self.clock.now())
        return code

    def take(self, code: str) -> Grant | None:
        """The grant of a code, once; None if it is unknown, used or too old."""
        grant = self.grants.get(code)
        if grant is None or grant.used or self.clock.now() - grant.at > CODE_LASTS:
            return None
        grant.used = True
        return grant

    def tokens(self, grant: Grant) -> dict[str, Any]:
        """The answer of the token endpoint."""
        access_token = secrets.token_hex(32)
        self.access_tokens[access_token] = grant.user
        return {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": 7200,
            "refresh_token": secrets.token_hex(32),
            "scope": "openid profile email",
            "created_at": int(self.clock.now().timestamp()),
            "id_token": self._id_token(grant),
        }

    def claims_of(self, user: User) -> dict[str, Any]:
        """What GitLab says of a user, in the ID token and as user info."""
        return {
            "sub": str(user.id),
            "name": user.name,
            "nickname": user.username,
            "preferred_username": user.username,
            "email": user.email,
            "email_verified": user.username not in self.unverified,
            "profile": self.urls.user(user),
            "picture": self.urls.avatar(user),
            "groups_direct": [],
        }

    def change_keys(self) -> None:
        """Sign with a new key from now on; the former one is gone, as after a leak."""
        self._key = _new_key()

    def public_keys(self) -> dict[str, Any]:
        """The keys as ``/oauth/discovery/keys`` has them."""
        return dict(KeySet([self.key]).as_dict(private=False))

    def _id_token(self, grant: Grant) -> str:
        now = self.clock.now()
        claims = {
            "iss": self.urls.base_url,
            "aud": grant.application.client_id,
            "exp": int((now + ID_TOKEN_LASTS).timestamp()),
            "iat": int(now.timestamp()),
            "auth_time": int(now.timestamp()),
            **({"nonce": grant.nonce} if grant.nonce else {}),
            **self.claims_of(grant.user),
            **self.said,
        }
        key = self.key
        header = {"typ": "JWT", "alg": "RS256", "kid": key.kid}
        return jwt.encode(header, claims, key)


@cache
def _first_key() -> RSAKey:
    """One for all instances of a process: tests make many, and making a key takes long."""
    return _new_key()


def _new_key() -> RSAKey:
    parameters: KeyParameters = {"use": "sig", "alg": "RS256"}
    return RSAKey.generate_key(2048, parameters, auto_kid=True)
