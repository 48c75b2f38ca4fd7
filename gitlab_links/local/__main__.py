"""``python -m gitlab_links.local``: the service alone, for one person's machine.

Web process and workers, and a Redis where none answers at ``REDIS_URL``. The environment
decides as in production; what it leaves open is kept under ``instance/``.
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
    say(f"  Logs: {supervisor.logs}. Ctrl-C ends it.")
    if not _has_users(Settings.from_environ()):
        say("  Nobody can log in yet. Make the first admin in another terminal:")
        say('  .venv/bin/flask --app wsgi bootstrap --email you@example.com --org "Your org"')


def _sources() -> str:
    file = env_file()
    named = f"the environment, then {file}" if file else "the environment (there is no .env)"
    return f"{named}; what they leave open is in {INSTANCE}"


def _has_users(settings: Settings) -> bool:
    with create_engine(settings.database_url).connect() as connection:
        return connection.scalar(select(User.id).limit(1)) is not None


def _environment(supervisor: Supervisor, settings: Settings, port: int) -> dict[str, str]:
    """What is to be set beyond what the environment says already."""
    environment = {}
    if not redis_answers(settings.redis_url):
        environment["REDIS_URL"] = start_redis(supervisor)
    if not settings.encryption_keys:
        environment["VIA_RAH_ENCRYPTION_KEY_FILE"] = str(_kept_key(INSTANCE / "encryption_key"))
    if settings.public_base_url == Settings.public_base_url:
        environment["PUBLIC_BASE_URL"] = f"http://{LOOPBACK}:{port}"
    return environment


def _share(supervisor: Supervisor, environment: Mapping[str, str]) -> None:
    """Let commands in another terminal see these settings, as long as this run lasts."""
    settings = supervisor.folder / RUNNING_ENV_FILE.name
    settings.write_text("".join(f"{name}='{value}'\n" for name, value in environment.items()))
    # The folder goes with the run however it ends, and the link then leads nowhere.
    RUNNING_ENV_FILE.symlink_to(settings)


def _kept_key(path: Path) -> Path:
    """A key made once: with another one, the stored tokens could not be read."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path
    with os.fdopen(descriptor, "wb") as file:
        file.write(Fernet.generate_key())
    return path


if __name__ == "__main__":
    sys.exit(main())
