"""The functions that start the service, for ``wsgi.py``, ``worker.py``, ``commands.py`` and the
wheel's scripts.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gitlab_links import __version__
from gitlab_links.installed_files import GUNICORN_SETTINGS

if TYPE_CHECKING:
    from flask import Flask

    from gitlab_links.jobs.worker_pool import WorkerPool


@contextmanager
def _loading() -> Iterator[None]:
    """Load what stays, without looking for garbage in between: a fifth of the time to start.

    Nor is it looked at later. A collection in a forked process would write to every object, and
    thereby copy the memory of its parent.
    """
    gc.disable()
    yield
    gc.collect()
    gc.freeze()
    gc.enable()


def web_app() -> "Flask":
    """The application of a web process."""
    with _loading():
        # Else each process would import it for itself, with its first webhook.
        import rq  # noqa: F401

        from gitlab_links.app import create_app
        from gitlab_links.config.settings import settings_or_exit
        from gitlab_links.http.memory import return_large_blocks

        return_large_blocks()
        return create_app(settings_or_exit())


def work() -> None:
    """``gitlab-links-worker``, ``python worker.py``: run the workers until a signal ends them."""
    ready_pool().run()


def ready_pool() -> "WorkerPool":
    """The workers, loaded and not started."""
    with _loading():
        from gitlab_links.app import create_job_app
        from gitlab_links.config.settings import settings_or_exit
        from gitlab_links.jobs.worker_pool import WorkerPool

        return WorkerPool(create_job_app(settings_or_exit()))


def serve() -> None:
    """``gitlab-links-web``: gunicorn as gunicorn.conf.py sets it up; takes gunicorn's options."""
    from gunicorn.app.wsgiapp import run

    # gunicorn reads its options only from here; later ones have precedence over ours.
    sys.argv[1:1] = ["--config", str(GUNICORN_SETTINGS), "gitlab_links.entry_points:web_app()"]
    run()


def command() -> None:
    """``gitlab-links``, ``python commands.py``: the commands of ``flask --app wsgi``, from any
    folder.
    """
    import click
    from flask.cli import FlaskGroup

    from gitlab_links.app import create_app
    from gitlab_links.command_errors import PROGRAM
    from gitlab_links.config.settings import Settings, settings_or_exit

    def settings() -> Settings:
        # Help is for those, too, whose settings are still wrong; it opens no database.
        is_help = "--help" in sys.argv or len(sys.argv) == 1
        return Settings(secret_key="", database_url="sqlite://") if is_help else settings_or_exit()

    group = FlaskGroup(
        name=PROGRAM,
        create_app=lambda: create_app(settings()),
        add_version_option=False,  # it would name Flask's
        load_dotenv=False,  # it would read any .env of the folder that this is run in, or above
    )
    click.version_option(__version__, prog_name=PROGRAM)(group).main(prog_name=PROGRAM)
