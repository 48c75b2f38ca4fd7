"""What is true of the installation as a whole. Nothing here commits."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import String

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.security import digest, same_digest
from gitlab_links.storage.database import Base, Identified, insert_unless_exists


class Installation(Identified, Base):
    """One row: which ``SECRET_KEY`` the stored API keys and webhook secrets were hashed with."""

    __tablename__ = "installation"

    number: Mapped[int] = mapped_column(unique=True, default=1)
    secret_key_digest: Mapped[str] = mapped_column(String(64))
    noted_at: Mapped[datetime] = mapped_column(default=utcnow)


def note_secret_key() -> None:
    """Remember the present ``SECRET_KEY`` as this installation's, if none is known yet.

    For a moment at which nothing has been hashed yet: later nobody knows whether it fits.
    """
    row = {"number": 1, "secret_key_digest": _present(), "noted_at": utcnow()}
    insert_unless_exists(db.session, Installation, row, "number")


def accept_secret_key() -> None:
    """Take the present ``SECRET_KEY`` for this installation's from now on."""
    note_secret_key()
    db.session.execute(update(Installation).values(secret_key_digest=_present(), noted_at=utcnow()))


def secret_key_is_ours() -> bool | None:
    """False where another ``SECRET_KEY`` is known to be this installation's, None if none is."""
    known = db.session.scalar(select(Installation.secret_key_digest))
    return None if known is None else same_digest(known, _present())


def _present() -> str:
    return digest("secret-key-of-the-installation")
