"""Mail by the operator's SMTP server: where it is, what an address looks like, and sending."""

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

LONGEST_ADDRESS = 254
LONGEST_REASON = 200
# As browsers check what is typed into a field for an address, and nothing beyond ASCII.
ADDRESS = (
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_ADDRESS = re.compile(ADDRESS)


class Transport(Enum):
    """How the connection is protected, with the port that is usual for it."""

    TLS = 465
    STARTTLS = 587
    PLAIN = 25


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in, and in whose name."""

    host: str
    port: int
    transport: Transport
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str, sender: str) -> "MailServer":
        """Read ``smtp://user:password@host:587`` (STARTTLS is insisted on), ``smtps://host``
        or ``smtp://host?tls=none``. Raises ValueError, without what may be a secret.
        """
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            # Its text may be a part of a password that holds a slash.
            raise ValueError("must have a port from 1 to 65535; %2F is a / in a password") from None
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            raise ValueError("must be a URL such as smtp://user:password@mail.example.com:587")
        if parts.path not in {"", "/"} or parts.fragment or options not in ({}, {"tls": "none"}):
            raise ValueError("must have no path, and nothing behind it but ?tls=none")
        transport = Transport.TLS if parts.scheme == "smtps" else Transport.STARTTLS
        if options:
            transport = Transport.PLAIN
        if options and (parts.scheme == "smtps" or parts.username is not None):
            raise ValueError("?tls=none goes with smtp:// alone, and never with a password")
        return cls(
            host=parts.hostname,
            port=port or transport.value,
            transport=transport,
            sender=sender,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )

    def send(self, message: EmailMessage, seconds: float) -> None:
        """Hand a message in; raises ``smtplib.SMTPException`` or OSError.

        ``From`` is the sender. The certificate is checked, and ``seconds`` are for all of it.
        """
        del message["From"]
        message["From"] = self.sender
        with self._logged_in(seconds) as smtp:
            smtp.send_message(message)

    def try_login(self, seconds: float) -> None:
        """Connect and log in, and send nothing; raises as :meth:`send` does."""
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
            # A message is taken by now: a good-bye that fails must not have it sent again.
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
    """An address such as ops@example.com, and nothing around it; raises ValueError."""
    if len(text) > LONGEST_ADDRESS or _ADDRESS.fullmatch(text) is None:
        raise ValueError("must be an e-mail address such as ops@example.com")
    return text


def mail_failure(error: smtplib.SMTPException | OSError) -> str:
    """Why no mail was taken: a clause of at most 200 characters, without a full stop."""
    line = " ".join("".join(c if c.isprintable() else " " for c in _reason(error)).split())
    return line[:LONGEST_REASON].rstrip(" .")


def _reason(error: smtplib.SMTPException | OSError) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, said = next(iter(error.recipients.values()))
        return f"the mail server says: {code} {_plain(said)}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"the mail server says: {error.smtp_code} {_plain(error.smtp_error)}"
    # smtplib tells a deadline as a connection that was closed, caused by it.
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
    """One deadline for the whole conversation; smtplib's timeout begins anew at each word."""

    def __init__(self, host: str, port: int, *, seconds: float, **options: Any) -> None:
        self._ends_at = time.monotonic() + seconds
        super().__init__(host, port, timeout=seconds, **options)

    def getreply(self) -> tuple[int, bytes]:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the mail server takes too much time")
        if self.sock is not None:
            self.sock.settimeout(left)
        return super().getreply()


class _TlsInTime(_InTime, smtplib.SMTP_SSL):
    """The same, encrypted from the first byte."""
