"""The database, its side files and ``instance/`` are for the service's user alone."""

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask_migrate import upgrade

from gitlab_links.app import create_app
from gitlab_links.config import settings
from gitlab_links.config.settings import Settings
from gitlab_links.extensions import db
from gitlab_links.storage import private_files
from gitlab_links.storage.private_files import make_private_file
from tests.databases import MIGRATIONS

pytestmark = pytest.mark.only_on("sqlite")


@pytest.fixture(autouse=True)
def _generous_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "instance"
    monkeypatch.setattr(private_files, "INSTANCE", folder)
    monkeypatch.setattr(settings, "INSTANCE", folder)
    monkeypatch.setattr(settings, "DEFAULT_DATABASE", f"sqlite:///{folder / 'gitlab_links.db'}")
    return folder


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize("first", ["migrations", "the secret key", "somebody else"])
def test_whoever_comes_first_makes_them_private(
    settings: Settings, instance: Path, first: str
) -> None:
    if first == "somebody else":
        instance.mkdir(mode=0o755)
        sqlite3.connect(instance / "gitlab_links.db").close()
        (instance / "gitlab_links.db").touch(0o644)
    found = Settings.from_environ({} if first == "the secret key" else {"SECRET_KEY": "x" * 40})
    app = create_app(replace(settings, database_url=found.database_url))
    with app.app_context():
        upgrade(directory=MIGRATIONS)
        with db.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE orgs SET name = name")
            kept = modes(instance)
        db.engine.dispose()
    assert instance.stat().st_mode & 0o777 == 0o700
    assert {"gitlab_links.db", "gitlab_links.db-wal", "gitlab_links.db-shm"} <= set(kept)
    assert set(kept.values()) == {0o600}


def test_a_folder_of_the_operators_is_left_alone(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir(mode=0o755)
    app = create_app(replace(settings, database_url=f"sqlite:///{folder / 'links.db'}"))
    with app.app_context():
        with db.engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE t (x)")
        db.engine.dispose()
    assert folder.stat().st_mode & 0o777 == 0o755
    assert modes(folder)["links.db"] == 0o600


def test_locks_of_this_process_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "links.db"
    with sqlite3.connect(path, isolation_level=None) as writer:
        writer.execute("CREATE TABLE t (x)")
        writer.execute("BEGIN EXCLUSIVE")
        make_private_file(path)
        child = os.fork()
        if child == 0:
            try:
                sqlite3.connect(path, timeout=0).execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                os._exit(0)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        writer.execute("ROLLBACK")


def test_a_file_that_cannot_be_created_fails_when_it_is_opened(tmp_path: Path) -> None:
    make_private_file(tmp_path / "nowhere" / "links.db")
    assert not (tmp_path / "nowhere").exists()
