"""Sending mail by the operator's SMTP server, and the rule for e-mail addresses."""

import re
import smtplib
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from gitlab_links.one_line import as_line

LONGEST_ADDRESS = 254
LONGEST_REASON = 200
# The rule of browsers for e-mail fields, and only ASCII.
ADDRESS = (
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_ADDRESS = re.compile(ADDRESS)


class Transport(Enum):
    """How the connection is encrypted, with its usual port."""

    TLS = 465
    STARTTLS = 587
    PLAIN = 25


@dataclass(frozen=True, slots=True)
class MailServer:
    """The SMTP server, and the sender of its mail."""

    host: str
    port: int
    transport: Transport
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str, sender: str) -> "MailServer":
        """Parse ``smtp://user:password@host:587`` (STARTTLS is required), ``smtps://host``
        or ``smtp://host?tls=none``. Raises ValueError, whose text contains no secret.
        """
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            # The original error may contain a part of a password with a slash.
            raise ValueError("must have a port from 1 to 65535; %2F is a / in a password") from None
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            raise ValueError("must be a URL such as smtp://user:password@mail.example.com:587")
        if parts.path not in {"", "/"} or parts.fragment or options not in ({}, {"tls": "none"}):
            raise ValueError("must have no path, and no option but ?tls=none")
        transport = Transport.TLS if parts.scheme == "smtps" else Transport.STARTTLS
        if options:
            transport = Transport.PLAIN
        if options and (parts.scheme == "smtps" or parts.username is not None):
            raise ValueError("?tls=none is allowed only with smtp:// and without a password")
        return cls(
            host=parts.hostname,
            port=port or transport.value,
            transport=transport,
            sender=sender,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )

    def send(self, message: EmailMessage, seconds: float) -> None:
        """Send a message from the sender; raises ``smtplib.SMTPException`` or OSError.

        The certificate is checked. ``seconds`` is the time for the whole conversation.
        """
        del message["From"]
        message["From"] = self.sender
        with self._logged_in(seconds) as smtp:
            smtp.send_message(message)

    def try_login(self, seconds: float) -> None:
        """Connect and log in without sending; raises as :meth:`send` does."""
        with self._logged_in(seconds) as smtp:
            smtp.noop()

    @contextmanager
    def _logged_in(self, seconds: float) -> Iterator[smtplib.SMTP]:
        smtp = self._connect(seconds)
        try:
            if self.transport is Transport.STARTTLS:
                smtp.starttls(context=ssl.create_default_context())
            if self.user:
                smtp.login(self.user, self.password)
            yield smtp
            # The message is accepted by now: an error of QUIT must not cause a retry.
            with suppress(smtplib.SMTPException, OSError):
                smtp.quit()
        finally:
            smtp.close()

    def _connect(self, seconds: float) -> smtplib.SMTP:
        if self.transport is Transport.TLS:
            context = ssl.create_default_context()
            return _TlsInTime(self.host, self.port, seconds=seconds, context=context)
        return _InTime(self.host, self.port, seconds=seconds)


def parse_mail_address(text: str) -> str:
    """A plain address such as ops@example.com; raises ValueError."""
    if len(text) > LONGEST_ADDRESS or _ADDRESS.fullmatch(text) is None:
        raise ValueError("must be an e-mail address such as ops@example.com")
    return text


def mail_failure(error: smtplib.SMTPException | OSError) -> str:
    """Why the server did not accept mail: a clause of at most 200 characters, without a stop."""
    return as_line(_reason(error), LONGEST_REASON).rstrip(" .")


def _reason(error: smtplib.SMTPException | OSError) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, said = next(iter(error.recipients.values()))
        return f"the mail server says: {code} {_plain(said)}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"the mail server says: {error.smtp_code} {_plain(error.smtp_error)}"
    # smtplib raises a timeout as a closed connection, with the timeout as its context.
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
        return "the mail server does not answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the mail server's certificate is not trusted: {error.verify_message}"
    if isinstance(error, smtplib.SMTPException):
        return f"the mail server cannot be used: {error}"
    return f"the mail server cannot be reached: {error.strerror or error or type(error).__name__}"


def _plain(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said


class _InTime(smtplib.SMTP):
    """One deadline for the whole conversation; smtplib's timeout restarts at each reply."""

    def __init__(self, host: str, port: int, *, seconds: float, **options: Any) -> None:
        self._ends_at = time.monotonic() + seconds
        super().__init__(host, port, timeout=seconds, **options)

    def getreply(self) -> tuple[int, bytes]:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the mail server takes too long")
        if self.sock is not None:
            self.sock.settimeout(left)
        return super().getreply()


class _TlsInTime(_InTime, smtplib.SMTP_SSL):
    """The same, encrypted from the first byte."""
