"""Fixtures for all tests: real SQLite and PostgreSQL, real Redis, a simulated GitLab over HTTP.

A test that asks for ``app``, or for anything that stands on it, runs once on each database.
What it finds is empty. Nothing is started for tests that ask for nothing.
"""

import gc
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from redis import Redis

from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.config.settings import Settings
from gitlab_links.local.services import free_port, redis_answers, start_redis
from gitlab_links.local.supervisor import Supervisor
from tests import databases, limits, postgresql
from tests.compiled_rules import compiled_rules  # noqa: F401  # a fixture
from tests.databases import Database
from tests.environment import as_environment
from tests.factories import Factory
from tests.first_imports import take_turns
from tests.frozen_clock import FrozenClock
from tests.hanging import (  # noqa: F401  # hooks
    WITH_PROCESSES,
    pytest_runtest_call,
    pytest_runtest_setup,
    pytest_runtest_teardown,
)
from tests.kept_apps import KeptApps, disconnect
from tests.passwords import cheap_hashes, costly_hashes  # noqa: F401  # fixtures
from tests.per_dialect import PerDialect

if TYPE_CHECKING:
    from gitlab_links.demo.gitlab import SimulatedGitLab

# A busy machine is no reason to fail: neither an example nor its making has a time to keep. CI
# sends the same examples each time; whoever runs the tests by hand looks for new ones.
hypothesis_settings.register_profile(
    "any machine",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
# What `make test` runs with; see tests/examples.py.
hypothesis_settings.register_profile(
    "quick", parent=hypothesis_settings.get_profile("any machine"), max_examples=20
)
hypothesis_settings.load_profile("any machine")

MakeApp = Callable[..., Flask]
CreateDatabase = Callable[[str], Database]

GITLAB_TOKEN = "glpat-token-of-the-tests"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=(*databases.DIALECTS, "both", "one"),
        default="both",
        help="run on which; one: SQLite, and both for what differs by database",
    )
    parser.addoption(
        "--redis",
        default=os.environ.get("TEST_REDIS_URL"),
        help="an empty Redis to use instead of a private one; it is flushed",
    )
    parser.addoption(
        "--fuzzed-webhooks", type=int, default=1500, help="how many; a full run sends 10000"
    )


def pytest_report_header(config: pytest.Config) -> str:
    found = postgresql.find_programs()
    return f"postgresql: {found or postgresql.HOW_TO_GET_IT}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "dialect" in metafunc.fixturenames:
        databases.run_on_each(metafunc, metafunc.config.getoption("--database"))


def pytest_collection(session: pytest.Session) -> None:
    take_turns(session.config)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first: the many short ones then fill what time is left."""
    long = {item.path for item in items if any(map(item.get_closest_marker, WITH_PROCESSES))}
    items.sort(key=lambda item: item.path not in long)


def pytest_collection_finish() -> None:
    """What is collected stays to the end: searching it for garbage again and again is a tenth of
    a run.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


@pytest.fixture(scope="session", autouse=True)
def _keep_our_priority() -> Iterator[None]:
    """A worker that runs within a test would step back for good, and the tests after it too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gitlab_links.jobs.workers.NICENESS", 0)
        yield


@pytest.fixture(scope="session", autouse=True)
def _shipped_limits() -> Iterator[list[limits.Limit]]:
    """The product's own limits; all are raised, as a busy machine is no reason to give up."""
    raised = limits.raised()
    shipped = limits.as_now(raised)
    with pytest.MonkeyPatch.context() as patch:
        limits.put(raised, patch)
        yield shipped


@pytest.fixture(autouse=True)
def _limits(request: pytest.FixtureRequest, _shipped_limits: list[limits.Limit]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if request.node.get_closest_marker("shipped_limits"):
            limits.put(_shipped_limits, patch)
        elif any(map(request.node.get_closest_marker, WITH_PROCESSES)):
            limits.put(limits.of_flags(_shipped_limits), patch)
        yield


@pytest.fixture(scope="session")
def dialect(request: pytest.FixtureRequest) -> str:
    """``sqlite`` or ``postgresql``: asking for it runs the test on both."""
    return str(request.param)


@pytest.fixture(scope="session")
def services() -> Iterator[Supervisor]:
    """Owns the servers that last for the whole session."""
    with Supervisor() as supervisor:
        yield supervisor


@pytest.fixture
def processes() -> Iterator[Supervisor]:
    """Starts processes for one test and ends them with it."""
    with Supervisor() as supervisor:
        yield supervisor


@pytest.fixture(scope="session")
def postgresql_url(services: Supervisor) -> str:
    """A private PostgreSQL; ``{}`` in the URL stands for the name of a database."""
    programs = postgresql.find_programs()
    if programs is None:
        pytest.skip(postgresql.HOW_TO_GET_IT)
    return postgresql.start(services, programs)


@pytest.fixture(scope="session")
def create_database(services: Supervisor, request: pytest.FixtureRequest) -> CreateDatabase:
    """Makes a new database of a dialect, without any table."""

    def create(dialect: str) -> Database:
        name = uuid.uuid4().hex
        if dialect == "sqlite":
            return Database(dialect, f"sqlite:///{services.folder / name}.db")
        server: str = request.getfixturevalue("postgresql_url")
        return Database(dialect, postgresql.create_database(server, name))

    return create


@pytest.fixture(scope="session")
def create_migrated_database(
    create_database: CreateDatabase, per_dialect: PerDialect, services: Supervisor
) -> CreateDatabase:
    """Makes a new database of a dialect as the migrations leave it: a copy of the first one."""

    def make(dialect: str) -> Database:
        database = create_database(dialect)
        databases.migrate(database.url)
        return database

    def create(dialect: str) -> Database:
        first = per_dialect.once((Database, dialect), lambda: make(dialect))
        return databases.copy(first, services.folder)

    return create


@pytest.fixture
def empty_database(dialect: str, create_database: CreateDatabase) -> Database:
    """A database without any table, for this test alone."""
    return create_database(dialect)


@pytest.fixture(scope="session")
def per_dialect() -> Iterator[PerDialect]:
    """Lasts for the whole session, whatever the parameters of its tests."""
    per_dialect = PerDialect()
    yield per_dialect
    for app in per_dialect.apps():
        disconnect(app)


@pytest.fixture
def migrated_database(dialect: str, create_migrated_database: CreateDatabase) -> Database:
    """A database as the migrations leave it, for this test alone."""
    return create_migrated_database(dialect)


@pytest.fixture(scope="session")
def database(
    dialect: str, per_dialect: PerDialect, create_migrated_database: CreateDatabase
) -> Database:
    """The migrated database that tests of one dialect share; see ``app`` for an empty one."""
    return per_dialect.once(("shared", dialect), lambda: create_migrated_database(dialect))


@pytest.fixture(scope="session")
def redis_url(request: pytest.FixtureRequest, services: Supervisor) -> str:
    """The Redis of this session: private, or the empty one that ``--redis`` names."""
    given = request.config.getoption("--redis")
    if given is None:
        return start_redis(services)
    url = f"{given.rstrip('/')}/{os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:]}"
    if not redis_answers(url) or Redis.from_url(url).dbsize():
        pytest.exit(f"--redis: {url} does not answer or is not empty; it would be flushed", 4)
    return url


@pytest.fixture(scope="session")
def _redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def redis(_redis: Redis) -> Redis:
    """A client of a Redis that is empty when the test begins."""
    _redis.flushdb()
    return _redis


@pytest.fixture(scope="session")
def gitlab_port() -> int:
    """Where the simulated GitLab of a test listens, and the next one's again."""
    return free_port()


@pytest.fixture
def gitlab(gitlab_port: int) -> Iterator["SimulatedGitLab"]:
    """A simulated GitLab of this test's own, empty, that takes ``GITLAB_TOKEN``."""
    from gitlab_links.demo.gitlab import SimulatedGitLab

    with SimulatedGitLab.start(token=GITLAB_TOKEN, port=gitlab_port) as gitlab:
        yield gitlab


@pytest.fixture(scope="session")
def encryption_key() -> str:
    """A real one."""
    return Fernet.generate_key().decode()


@pytest.fixture(scope="session")
def settings(database: Database, redis_url: str, gitlab_port: int, encryption_key: str) -> Settings:
    """Settings as tests want them: a real key, the simulated GitLab allowed, no throttling."""
    return Settings(
        secret_key="not a secret but long enough to be one",
        database_url=database.url,
        redis_url=redis_url,
        encryption_keys=(encryption_key,),
        gitlab_allowed_hosts=AllowedHosts.parse((f"127.0.0.1:{gitlab_port}",)),
        public_base_url="http://localhost",
        database_timeout=20,  # the longest there is: nobody waits so long for a statement
        api_rate_limit=1_000_000,
        log_level="WARNING",
    )


@pytest.fixture(scope="session")
def environment(
    settings: Settings, gitlab_port: int, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """``settings`` as the variables that processes of the service are started with."""
    allowed = f"127.0.0.1:{gitlab_port}"
    return as_environment(settings, allowed, tmp_path_factory.mktemp("secrets"))


@pytest.fixture(scope="session")
def _app(settings: Settings, per_dialect: PerDialect) -> Flask:
    return per_dialect.once(settings, lambda: databases.make_application(settings))


@pytest.fixture
def app(_app: Flask, redis: Redis) -> Flask:
    """The application on an empty database and an empty Redis. No context is pushed."""
    databases.empty(_app)
    return _app


@pytest.fixture(scope="session")
def _kept_apps() -> KeptApps:
    return KeptApps()


@pytest.fixture
def make_app(app: Flask, settings: Settings, _kept_apps: KeptApps) -> Iterator[MakeApp]:
    """Applications on the same database with other settings: ``make_app(metadata_ttl=5)``.

    The same one for the same settings, in later tests as well: add no routes to it.
    """
    yield lambda **changes: _kept_apps.get(replace(settings, **changes))
    _kept_apps.disconnect()


@pytest.fixture
def app_context(app: Flask) -> Iterator[Flask]:
    """Pushes an application context, for tests of the domain."""
    with app.app_context():
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client without credentials; each request has contexts of its own, as in production."""
    return app.test_client()


@pytest.fixture
def factory(app: Flask) -> Factory:
    """Makes rows and commits them."""
    return Factory(app)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FrozenClock:
    """Freezes ``utcnow`` at the present microsecond, wherever it was imported to."""
    frozen = FrozenClock(datetime.now(UTC))
    monkeypatch.setattr("gitlab_links.clock.datetime", frozen)
    return frozen


@pytest.fixture(autouse=True)
def _push_request_context() -> None:
    """Replaces the fixture by which pytest-flask hides code that runs outside any context."""


@pytest.fixture
def live_server(app: Flask, _idle_pool: None, live_server: Any) -> Any:
    """pytest-flask's server in a forked process, which must not share our connections."""
    return live_server


@pytest.fixture
def _idle_pool(app: Flask) -> None:
    disconnect(app)
