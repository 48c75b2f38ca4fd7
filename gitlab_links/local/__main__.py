"""``python -m gitlab_links.local``: runs the service on a single machine.

Starts the web process and workers, and a Redis if none answers at ``REDIS_URL``. Settings come
from the environment as in production; missing ones are created in ``instance/``.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from cryptography.fernet import Fernet
from sqlalchemy import create_engine, select

from gitlab_links.accounts.models import User
from gitlab_links.config.settings import RUNNING_ENV_FILE, Settings, env_file
from gitlab_links.local import processes
from gitlab_links.local.foreground import run_until_stopped, say
from gitlab_links.local.services import LOOPBACK, redis_answers, start_redis
from gitlab_links.local.supervisor import Supervisor
from gitlab_links.storage.private_files import INSTANCE, make_private_folder


def main() -> int:
    """Run the service in the foreground."""
    parser = argparse.ArgumentParser(prog="python -m gitlab_links.local")
    parser.add_argument("--port", type=int, default=8000)
    port: int = parser.parse_args().port
    return run_until_stopped(
        port, lambda supervisor: _start(supervisor, port), logs=INSTANCE / "logs"
    )


def _start(supervisor: Supervisor, port: int) -> None:
    make_private_folder(INSTANCE)
    RUNNING_ENV_FILE.unlink(missing_ok=True)
    environment = _environment(supervisor, Settings.from_environ(), port)
    _share(supervisor, environment)
    processes.migrate(supervisor, environment)
    processes.start_web(supervisor, environment, port)
    processes.start_worker(supervisor, environment)
    say(f"Ready: http://{LOOPBACK}:{port}")
    say(f"  Settings: {_sources()}.")
    say(f"  Logs: {supervisor.logs}. Press Ctrl-C to stop.")
    if not _has_users(Settings.from_environ()):
        say("  Nobody can log in yet. Create the first admin in another terminal:")
        say('  .venv/bin/flask --app wsgi bootstrap --email you@example.com --org "Your org"')


def _sources() -> str:
    file = env_file()
    named = f"the environment, then {file}" if file else "the environment (there is no .env)"
    return f"{named}; the others are in {INSTANCE}"


def _has_users(settings: Settings) -> bool:
    with create_engine(settings.database_url).connect() as connection:
        return connection.scalar(select(User.id).limit(1)) is not None


def _environment(supervisor: Supervisor, settings: Settings, port: int) -> dict[str, str]:
    """The settings to add to the environment."""
    environment = {}
    if not redis_answers(settings.redis_url):
        environment["REDIS_URL"] = start_redis(supervisor)
    if not settings.encryption_keys:
        environment["VIA_RAH_ENCRYPTION_KEY_FILE"] = str(_stored_key(INSTANCE / "encryption_key"))
    if settings.public_base_url == Settings.public_base_url:
        environment["PUBLIC_BASE_URL"] = f"http://{LOOPBACK}:{port}"
    return environment


def _share(supervisor: Supervisor, environment: Mapping[str, str]) -> None:
    """Give commands in other terminals these settings while this run lasts."""
    settings = supervisor.folder / RUNNING_ENV_FILE.name
    settings.write_text("".join(f"{name}='{value}'\n" for name, value in environment.items()))
    # However the run ends, the folder is deleted and the link is broken, so settings end too.
    RUNNING_ENV_FILE.symlink_to(settings)


def _stored_key(path: Path) -> Path:
    """A key that is created once: with another one, stored tokens could not be decrypted."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path
    with os.fdopen(descriptor, "wb") as file:
        file.write(Fernet.generate_key())
    return path


if __name__ == "__main__":
    sys.exit(main())
