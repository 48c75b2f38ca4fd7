"""Settings, read from the environment once at start; an invalid value prevents the start.

The only module that reads ``os.environ``. Every variable has a ``NAME_FILE`` variant, the path
of a file with the value, because container platforms provide secrets as files. Every process
also reads ``.env`` beside ``wsgi.py``; the environment has precedence.
"""

import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypedDict, TypeVar
from urllib.parse import urlsplit

from dotenv import dotenv_values

from gitlab_links.config import setting_urls
from gitlab_links.config import setting_values as values
from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.config.issuers import Issuer, read_issuer
from gitlab_links.mail import MailServer, parse_mail_address
from gitlab_links.storage.private_files import INSTANCE, make_private_folder

ENV_FILE = INSTANCE.parent / ".env"
DEFAULT_DATABASE = f"sqlite:///{INSTANCE / 'gitlab_links.db'}"
# The settings that a running `make run` adds, so that commands in other terminals use the same.
RUNNING_ENV_FILE = INSTANCE / "run.env"
# Flask's own variable: its command line reads the same file.
SKIP_ENV_FILE = "FLASK_SKIP_DOTENV"
# gunicorn stops if a worker exits with this code. With any other code it would start workers
# again and again.
CANNOT_START = 3
# How alike two names are, from 0 to 1, if one of them is the other misspelled.
LIKENESS = 0.87


T = TypeVar("T")


class ConfigError(Exception):
    """The settings are invalid; the message names every bad one."""


class ClientOptions(TypedDict):
    """The options of every client of a GitLab."""

    allowed: AllowedHosts
    seconds: float
    ca_file: str | None


def variable(name: str, parse: Callable[[str], Any], default: Any) -> Any:
    """A dataclass field that is read from one environment variable."""
    return field(default=default, metadata={"name": name, "parse": parse})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of the operator; durations are in seconds.

    ``encryption_keys`` are not checked here; the first one encrypts. A missing or invalid key
    does not prevent the start, because pages and links work without one; health shows it.
    """

    secret_key: str
    database_url: str
    redis_url: str = variable("REDIS_URL", setting_urls.redis_url, "redis://127.0.0.1:6379/0")
    encryption_keys: tuple[str, ...] = variable("VIA_RAH_ENCRYPTION_KEY", values.keys, ())
    metadata_ttl: int = variable("GITLAB_METADATA_TTL_SECONDS", values.integer(1, 604_800), 300)
    public_base_url: str = variable(
        "PUBLIC_BASE_URL", setting_urls.public_url, "http://127.0.0.1:8000"
    )
    gitlab_allowed_hosts: AllowedHosts = variable(  # noqa: RUF009 - it makes a field
        "GITLAB_ALLOWED_HOSTS",
        lambda text: AllowedHosts.parse(values.parts(text)),
        AllowedHosts(),
    )
    trusted_proxies: int = variable("TRUSTED_PROXIES", values.integer(0, 10), 0)
    log_level: str = variable("LOG_LEVEL", values.log_level, "INFO")
    metrics_token: str = variable("METRICS_TOKEN", values.metrics_token, "")
    operator_emails: frozenset[str] = variable("OPERATOR_EMAILS", values.emails, frozenset())
    mail_server: MailServer | None = None
    issuer: Issuer | None = None
    worker_processes: int = variable("WORKER_PROCESSES", values.integer(1, 64), 3)
    workers_rest_after: int = variable(
        "WORKERS_REST_AFTER_SECONDS", values.integer(0, values.DAY), 60
    )
    database_timeout: float = variable("DATABASE_TIMEOUT_SECONDS", values.integer(1, 20), 5)
    gitlab_timeout: float = variable("GITLAB_TIMEOUT_SECONDS", values.integer(1, 10), 10)
    gitlab_ca_file: str | None = variable("GITLAB_CA_FILE", values.ca_file, None)
    api_rate_limit: int = variable("API_RATE_LIMIT_PER_MINUTE", values.integer(1, 1_000_000), 6_000)
    webhook_bodies_kept: int = variable("WEBHOOK_BODY_RETENTION_DAYS", values.days, 7 * values.DAY)
    deliveries_kept: int = variable("DELIVERY_RETENTION_DAYS", values.days, 30 * values.DAY)
    failed_deliveries_kept: int = variable(
        "FAILED_DELIVERY_RETENTION_DAYS", values.days, 90 * values.DAY
    )
    events_kept: int = variable("EVENT_RETENTION_DAYS", values.days, 365 * values.DAY)
    sent_events_kept: int = variable("SENT_EVENT_RETENTION_DAYS", values.days, 30 * values.DAY)
    webhook_body_quota: int = variable(
        "WEBHOOK_BODY_QUOTA_MB", values.megabytes, 1024 * values.MEGABYTE
    )

    @property
    def served_over_https(self) -> bool:
        """Whether browsers reach the service by https, which decides the cookie flags."""
        return urlsplit(self.public_base_url).scheme == "https"

    @property
    def public_path(self) -> str:
        """The path of ``PUBLIC_BASE_URL`` without a trailing slash; "" at the root."""
        return urlsplit(self.public_base_url).path.rstrip("/")

    @property
    def gitlab_client(self) -> ClientOptions:
        """The keyword arguments for every client of a GitLab."""
        return {
            "allowed": self.gitlab_allowed_hosts,
            "seconds": self.gitlab_timeout,
            "ca_file": self.gitlab_ca_file,
        }

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read and check all settings.

        Raises :class:`ConfigError` with one line for each bad value.
        """
        reader = _Reader(_environment() if environ is None else environ)
        found = cls._read(reader)
        reader.finish()
        return cls(**found)

    @classmethod
    def _read(cls, reader: "_Reader") -> dict[str, Any]:
        database_url = reader.read("DATABASE_URL", setting_urls.database_url, DEFAULT_DATABASE)
        found: dict[str, Any] = {
            "database_url": database_url,
            "secret_key": _secret_key(reader, database_url),
            "mail_server": _mail_server(reader),
            "issuer": read_issuer(reader),
        }
        for one in fields(cls):
            if one.metadata:
                found[one.name] = reader.read(**one.metadata, default=one.default)
        return found

    @classmethod
    def misspelled(cls, environ: Mapping[str, str] | None = None) -> dict[str, str]:
        """Variables that nothing reads, with the name that each is probably meant to be."""
        reader = _Reader({"SECRET_KEY": "of no service"})
        cls._read(reader)
        known = {*reader.names, *(f"{name}_FILE" for name in reader.names)}
        given = set(_environment() if environ is None else environ) - known
        close = {name: get_close_matches(name.upper(), known, 1, LIKENESS) for name in given}
        return {name: found[0] for name, found in sorted(close.items()) if found}


def settings_or_exit() -> Settings:
    """The settings of this process. If they are invalid, prints why and exits."""
    try:
        return Settings.from_environ()
    except ConfigError as refusal:
        print(refusal, file=sys.stderr, flush=True)
        sys.exit(CANNOT_START)


def env_file() -> Path | None:
    """The ``.env`` that this process reads; None if it does not exist or is skipped."""
    return ENV_FILE if ENV_FILE.is_file() and not os.environ.get(SKIP_ENV_FILE) else None


def _environment() -> Mapping[str, str]:
    """The environment; then ``.env``; then the settings of a running ``make run``."""
    if os.environ.get(SKIP_ENV_FILE):
        return os.environ
    return _values(RUNNING_ENV_FILE) | _values(ENV_FILE) | os.environ


def _values(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    try:
        named = dotenv_values(file, interpolate=False)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text in UTF-8"
        raise ConfigError(f"The settings do not allow a start:\n  {file}: {reason}") from None
    return {name: value for name, value in named.items() if value is not None}


class _Reader:
    """Reads single variables and collects their errors."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []
        self.names: set[str] = set()

    def read(self, name: str, parse: Callable[[str], T], default: T) -> T:
        text = ""
        self.names.add(name)
        try:
            text = self._text(name)
            return default if text == "" else parse(text)
        except OSError as error:
            self.problems.append(f"{name}: {error.filename or text}: {error.strerror}")
        except ValueError as error:
            self.problems.append(f"{name}: {error}")
        return default

    def _text(self, name: str) -> str:
        text, path = self._environ.get(name, ""), self._environ.get(f"{name}_FILE", "")
        if text and path:
            raise ValueError(f"set it or {name}_FILE, not both")
        return (Path(path).read_text(encoding="utf-8") if path else text).strip()

    def finish(self) -> None:
        if self.problems:
            lines = "\n".join(f"  {problem}" for problem in self.problems)
            raise ConfigError(f"The settings do not allow a start:\n{lines}")


def _secret_key(reader: _Reader, database_url: str) -> str:
    secret = reader.read("SECRET_KEY", values.secret_key, "")
    if secret or any(problem.startswith("SECRET_KEY") for problem in reader.problems):
        return secret
    if not database_url.startswith("sqlite"):
        reader.problems.append(
            "SECRET_KEY: required; create one with: "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
        )
        return ""
    return _stored_secret(INSTANCE / "secret_key")


def _mail_server(reader: _Reader) -> MailServer | None:
    sender = reader.read("MAIL_FROM", parse_mail_address, "")
    server = reader.read("SMTP_URL", lambda url: MailServer.parse(url, sender), None)
    if server and not sender and not any(one.startswith("MAIL_FROM") for one in reader.problems):
        reader.problems.append("MAIL_FROM: required with SMTP_URL, as ops@example.com")
    return server


def _stored_secret(path: Path) -> str:
    """A random key, created once for an installation with a single SQLite file.

    Web process and worker may start at the same time: the file appears complete, and the second
    process reads what the first one wrote.
    """
    if not path.exists():
        make_private_folder(path.parent)
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".secret_key-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            os.link(draft, path)
        Path(draft).unlink()
    return path.read_text(encoding="utf-8").strip()
