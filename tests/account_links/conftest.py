"""As for invitations: an org with an admin, and a mail server that keeps what it gets."""

from tests.invitations.conftest import admin, mailbox, mailing, org, principal

__all__ = ["admin", "mailbox", "mailing", "org", "principal"]
