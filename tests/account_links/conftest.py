"""As for invitations: an org with an admin, and a mail server that keeps what it gets."""

from tests.invitations.conftest import (
    admin,
    keeping,
    mail_server,
    mailbox,
    mailing,
    org,
    principal,
)

__all__ = ["admin", "keeping", "mail_server", "mailbox", "mailing", "org", "principal"]
