"""A PostgreSQL server of our own for the tests: private folder, Unix socket, no durability."""

import os
import pwd
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

import psycopg

from gitlab_links.local.supervisor import Supervisor
from tests.hanging import HANGS
from tests.patience import equal_within

HOW_TO_GET_IT = (
    "no PostgreSQL server found (initdb is neither on PATH nor in /usr/lib/postgresql); "
    "get it with: apt-get install postgresql, or brew install postgresql"
)
SPEED = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB")


@cache
def find_programs() -> Path | None:
    """The folder that holds ``initdb`` and ``postgres``, the newest version if there are more."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve()] if on_path else []
    packaged = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    found += sorted(packaged, key=lambda path: int(path.parts[-3]), reverse=True)
    return next((p.parent for p in found if (p.parent / "postgres").exists()), None)


def start(supervisor: Supervisor, programs: Path) -> str:
    """Start a server; gives the URL of a database on it, with ``{}`` for the database's name."""
    home = supervisor.folder / "postgresql"
    home.mkdir()
    user = _unprivileged_user(supervisor.folder, home)
    data = home / "data"
    making = ["-D", str(data), "-U", "postgres", "-E", "UTF8", "--no-locale", "--auth=trust"]
    supervisor.run("initdb", [*user, str(programs / "initdb"), *making, "--no-sync"], folder=home)
    return serve(supervisor, programs)


def serve(supervisor: Supervisor, programs: Path) -> str:
    """Start the server of ``start`` once more, after it was stopped; gives the same URL."""
    home = supervisor.folder / "postgresql"
    user, data = _unprivileged_user(supervisor.folder, home), home / "data"
    options = [word for setting in ("listen_addresses=", *SPEED) for word in ("-c", setting)]
    supervisor.start(
        "postgresql",
        [*user, str(programs / "postgres"), "-D", str(data), "-k", str(home), *options],
        folder=home,
        ready=lambda: _answers(home),
        stop_signal=signal.SIGINT,
    )
    return f"postgresql+psycopg://postgres@/{{}}?host={home}"


def create_database(url: str, name: str, *, like: str = "template1") -> str:
    """A new database on the server, empty or as another one is; gives its URL."""
    with psycopg.connect(_plain(url.format("postgres")), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{like}" STRATEGY file_copy')
    return url.format(name)


@contextmanager
def demoted(url: str) -> Iterator[None]:
    """The server of the database takes no writes, also from those who are connected already."""
    _set_read_only(url, "on")
    try:
        yield
    finally:
        _set_read_only(url, "off")


def _set_read_only(url: str, value: str) -> None:
    with psycopg.connect(_plain(url), autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        connection.execute("SELECT pg_reload_conf()")
    # A new session starts with what the server has read. By then it has signalled all others, who
    # read it before their next statement.
    equal_within(HANGS, partial(_shown, url), (value,))


def _shown(url: str) -> tuple[str] | None:
    with psycopg.connect(_plain(url), autocommit=True) as connection:
        return connection.execute("SHOW default_transaction_read_only").fetchone()


def _plain(url: str) -> str:
    return url.replace("+psycopg", "")


def _unprivileged_user(folder: Path, home: Path) -> list[str]:
    """PostgreSQL refuses root: root hands ``home`` to another user and starts it as that."""
    if os.geteuid() != 0:
        return []
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    folder.chmod(0o711)
    os.chown(home, user.pw_uid, user.pw_gid)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _answers(home: Path) -> bool:
    try:
        psycopg.connect(host=str(home), user="postgres", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True
