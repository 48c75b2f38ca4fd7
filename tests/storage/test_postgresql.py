"""A server that takes what it is sent and says nothing is given up on; so is a lost client."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError

from gitlab_links.extensions import database_breaker, db, this_app
from gitlab_links.storage import postgresql
from tests.hanging import HANGS
from tests.soak.relay import Relay

pytestmark = [pytest.mark.slow, pytest.mark.only_on("postgresql")]

# A server that answers does so within this time on a busy machine, too.
SECONDS = 4
GIVEN_UP = SECONDS + postgresql.GRACE_SECONDS


@pytest.fixture(autouse=True)
def _soon_given_up(monkeypatch) -> None:
    """For tests to wait for the end of what takes too long, also with a second address to try."""
    monkeypatch.setattr(postgresql, "FIRST_STATEMENT_SECONDS", SECONDS)
    monkeypatch.setattr(postgresql, "CONNECT_SECONDS", 2 * SECONDS)


@pytest.fixture
def network(settings) -> Iterator[Relay]:
    """The way to the server's Unix socket."""
    folder = make_url(settings.database_url).query["host"]
    with Relay("127.0.0.2", 0, Path(folder) / ".s.PGSQL.5432") as relay:
        yield relay


@pytest.fixture
def far(make_app, settings, network):
    """An application at the other end of the network, which waits ``SECONDS`` for a statement."""
    url = make_url(settings.database_url)
    url = url.set(host=network.host, port=network.port, query={})
    return make_app(database_url=url.render_as_string(), database_timeout=SECONDS)


def select_one() -> Any:
    with db.engine.connect() as connection:
        return connection.scalar(text("SELECT 1"))


def seconds_to_fail(what: Callable[[], Any], error: type[Exception] = OperationalError) -> float:
    started = time.monotonic()
    with pytest.raises(error):
        what()
    return time.monotonic() - started


def outcomes(callers: int) -> list[type[BaseException] | None]:
    """What comes of so many callers at once: the class of the error, None for an answer."""
    app = this_app()

    def call(_number: int) -> type[BaseException] | None:
        with app.app_context():
            try:
                select_one()
            except OperationalError as error:
                return type(error)
        return None

    with ThreadPoolExecutor(callers) as pool:
        return list(pool.map(call, range(callers)))


@pytest.fixture
def farther(make_app, settings):
    """Makes an application whose server has several addresses."""

    def make(networks: list[Relay]):
        url = make_url(settings.database_url)
        hosts = tuple(f"{network.host}:{network.port}" for network in networks)
        url = url.set(query={"host": hosts})
        return make_app(database_url=url.render_as_string(), database_timeout=SECONDS)

    return make


@pytest.fixture
def silent(network, settings) -> Iterator[list[Relay]]:
    """More ways that say nothing than there is time for, if each took its own."""
    folder = make_url(settings.database_url).query["host"]
    with ExitStack() as stack:
        relays = [
            stack.enter_context(Relay("127.0.0.2", 0, Path(folder) / ".s.PGSQL.5432"))
            for _ in range(int(HANGS / postgresql.CONNECT_SECONDS) + 1)
        ]
        for relay in relays:
            relay.silence()
        yield relays


def test_all_addresses_of_the_server_have_one_time_together(farther, silent):
    with farther(silent).app_context():
        assert seconds_to_fail(select_one) < HANGS


def test_an_address_that_says_nothing_keeps_nobody_from_the_next(farther, silent, network):
    with farther([silent[0], network]).app_context():
        assert select_one() == 1


def test_a_statement_that_hears_nothing_fails_and_callers_after_it_wait_for_one(far, network):
    with far.app_context():
        assert select_one() == 1
        network.silence()
        assert SECONDS < seconds_to_fail(select_one) < HANGS
        started = time.monotonic()
        assert outcomes(8) == [OperationalError] * 8
        assert time.monotonic() - started < HANGS
        assert database_breaker().lost


@pytest.mark.parametrize("how", ["reset", "silence"])
def test_nobody_of_the_first_burst_after_an_outage_is_refused(far, network, how, monkeypatch):
    with far.app_context():
        monkeypatch.setattr(database_breaker(), "_patience", HANGS)
        select_one()
        getattr(network, how)()
        assert outcomes(8) == [OperationalError] * 8
        assert database_breaker().lost
        network.heal()
        assert outcomes(8) == [None] * 8
        assert not database_breaker().lost


def test_a_connection_that_is_broken_off_is_distinguished_from_an_idle_one(far, network):
    with far.app_context():
        select_one()
        network.reset()
        assert seconds_to_fail(select_one) < HANGS
        network.heal()
        assert select_one() == 1


def test_a_commit_that_hears_nothing_fails_as_well(far, network):
    def commit():
        with db.engine.begin() as connection:
            connection.execute(text("SELECT 1"))
            network.silence()

    with far.app_context():
        assert seconds_to_fail(commit) < HANGS


def test_a_statement_that_takes_too_long_is_ended_by_the_server(far):
    def sleep():
        connection.execute(text("SELECT pg_sleep(60)"))

    with far.app_context(), db.engine.connect() as connection:
        assert seconds_to_fail(sleep) < HANGS
        connection.rollback()
        # The connection still works, and no other caller was refused.
        assert connection.scalar(text("SELECT 1")) == 1
        assert not database_breaker().lost


def test_what_a_lost_client_has_locked_is_free_again_soon(app, far, factory, network, monkeypatch):
    monkeypatch.setattr(postgresql, "IDLE_IN_TRANSACTION_SECONDS", 1)
    org = factory.org()

    def lock(connection: Connection) -> None:
        connection.execute(text("SELECT 1 FROM orgs WHERE id = :id FOR UPDATE"), {"id": org.id})

    with far.app_context(), db.engine.connect() as lost:
        lock(lost)
        network.silence()
        with app.app_context(), db.engine.connect() as other:
            lock(other)
        network.heal()
        seconds_to_fail(lambda: lock(lost), DBAPIError)


def test_a_migration_takes_the_time_it_takes(far):
    with far.app_context(), db.engine.connect() as connection:
        postgresql.take_time(connection)
        connection.execute(text("SELECT pg_sleep(:s)"), {"s": GIVEN_UP + 0.5})
        connection.invalidate()


def test_limits_hold_for_every_statement_after_the_first_rollback(far):
    with far.app_context(), db.engine.connect() as connection:
        connection.rollback()
        shown = [
            connection.scalar(text(f"SHOW {name}"))
            for name in ("statement_timeout", "idle_in_transaction_session_timeout")
        ]
    assert shown == [f"{SECONDS}s", "20s"]


def test_of_several_hosts_the_one_that_answers_is_taken(make_app, settings):
    url = make_url(settings.database_url)
    both = url.set(query={"host": f"/nowhere,{url.query['host']}"})
    with make_app(database_url=both.render_as_string()).app_context():
        assert select_one() == 1


def test_sessions_are_in_utc_whatever_the_server_is_in(make_app, settings):
    name = make_url(settings.database_url).database
    with make_app().app_context(), db.engine.connect() as connection:
        connection.execute(text(f"ALTER DATABASE \"{name}\" SET timezone = 'Europe/Berlin'"))
        connection.commit()
        connection.invalidate()
    try:
        with make_app().app_context(), db.engine.connect() as connection:
            assert connection.scalar(text("SHOW timezone")) == "UTC"
    finally:
        with make_app().app_context(), db.engine.begin() as connection:
            connection.execute(text(f'ALTER DATABASE "{name}" RESET timezone'))
