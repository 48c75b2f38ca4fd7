"""The installation's row, with a digest of its ``SECRET_KEY``. Nothing here commits."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import String

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.security import digest, same_digest
from gitlab_links.storage.database import Base, Identified, insert_unless_exists


class Installation(Identified, Base):
    """The only row: a digest of the ``SECRET_KEY`` that the stored hashes were made with."""

    __tablename__ = "installation"

    number: Mapped[int] = mapped_column(unique=True, default=1)
    secret_key_digest: Mapped[str] = mapped_column(String(64))
    noted_at: Mapped[datetime] = mapped_column(default=utcnow)


def note_secret_key() -> None:
    """Store the current ``SECRET_KEY``'s digest as this installation's, if there is none yet.

    Call it before anything is hashed: later it is not known whether the key is the right one.
    """
    row = {"number": 1, "secret_key_digest": secret_key_digest(), "noted_at": utcnow()}
    insert_unless_exists(db.session, Installation, row, "number")


def accept_secret_key() -> None:
    """Store the current ``SECRET_KEY``'s digest as this installation's."""
    note_secret_key()
    db.session.execute(
        update(Installation).values(secret_key_digest=secret_key_digest(), noted_at=utcnow())
    )


def secret_key_is_ours() -> bool | None:
    """Whether ``SECRET_KEY`` is this installation's; None if no digest is stored."""
    known = db.session.scalar(select(Installation.secret_key_digest))
    return None if known is None else same_digest(known, secret_key_digest())


def secret_key_digest() -> str:
    """The digest of the current ``SECRET_KEY``."""
    return digest("secret-key-of-the-installation")
