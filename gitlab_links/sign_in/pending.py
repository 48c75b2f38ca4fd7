"""A sign-in that has begun, as the browser keeps it until it returns from the issuer."""

import hmac
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from gitlab_links.clock import utcnow
from gitlab_links.config.issuers import Issuer
from gitlab_links.security import new_secret
from gitlab_links.sign_in.claims import SignInRefused

LASTS_SECONDS = 600


class Intent(StrEnum):
    """What the sign-in is for: to log in, to link an account that is logged in, or to accept an
    invitation.
    """

    LOG_IN = "log_in"
    LINK = "link"
    JOIN = "join"


@dataclass(frozen=True, slots=True)
class Pending:
    """Bound to the browser (``state``), to one ID token (``nonce``), to one code (``verifier``)
    and to one issuer. ``session_id`` is that of the person who links, ``invitation`` a token.
    """

    issuer: str
    intent: str
    state: str
    nonce: str
    verifier: str
    begun_at: float
    wanted: str | None = None
    session_id: str | None = None
    invitation: str | None = None

    @classmethod
    def begin(
        cls,
        issuer: Issuer,
        intent: Intent,
        *,
        wanted: str | None = None,
        session_id: uuid.UUID | None = None,
        invitation: str | None = None,
    ) -> Self:
        """A new one with secrets of its own."""
        return cls(
            issuer=issuer.url,
            intent=intent.value,
            state=new_secret(),
            nonce=new_secret(),
            verifier=new_secret(),
            begun_at=utcnow().timestamp(),
            wanted=wanted,
            session_id=None if session_id is None else str(session_id),
            invitation=invitation,
        )

    @classmethod
    def returned(cls, kept: object, issuer: Issuer, state: str) -> Self:
        """The one that the browser kept, if the answer with ``state`` belongs to it.

        Raises :class:`SignInRefused`.
        """
        again = SignInRefused("The sign-in was begun elsewhere, or too long ago. Start again.")
        if not isinstance(kept, Mapping):
            raise again
        pending = cls(**kept)
        age = utcnow().timestamp() - pending.begun_at
        same = hmac.compare_digest(pending.state.encode(), state.encode("utf-8", "replace"))
        if not same or not 0 <= age <= LASTS_SECONDS or pending.issuer != issuer.url:
            raise again
        return pending

    def kept(self) -> dict[str, Any]:
        """What the browser keeps, in the signed cookie."""
        return asdict(self)
