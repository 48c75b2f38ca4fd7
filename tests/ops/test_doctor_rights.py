"""flask doctor for a role of PostgreSQL that may not do all: what it advises helps."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import create_engine, make_url, text

from gitlab_links.extensions import db
from gitlab_links.ops.check_results import Level
from tests import databases
from tests.conftest import MakeApp
from tests.databases import Database
from tests.ops.test_doctor import Findings, examined

pytestmark = pytest.mark.only_on("postgresql")


@pytest.fixture
def plain_role(empty_database: Database) -> Iterator[Callable[[str], None]]:
    """The role ``plain``, and a way to run SQL as the owner of the database."""
    owner = create_engine(empty_database.url, isolation_level="AUTOCOMMIT")

    def as_owner(statement: str) -> None:
        with owner.connect() as connection:
            connection.execute(text(statement))

    as_owner("CREATE ROLE plain LOGIN")
    yield as_owner
    as_owner("DROP OWNED BY plain")
    as_owner("DROP ROLE plain")
    owner.dispose()


def examined_as_plain(make_app: MakeApp, database: Database) -> Findings:
    url = make_url(database.url).set(username="plain")
    app = make_app(database_url=url.render_as_string(hide_password=False))
    found = examined(app)
    with app.app_context():
        db.engine.dispose()
    return found


def test_a_role_that_may_create_no_tables_is_shown_with_the_right_it_lacks(
    make_app: MakeApp, empty_database: Database, plain_role: Callable[[str], None]
) -> None:
    plain_role("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    advice = examined_as_plain(make_app, empty_database)["migrations"].advice
    assert 'GRANT CREATE ON SCHEMA public TO "plain"' in advice


def test_a_role_that_may_use_no_schema_is_found(
    make_app: MakeApp, empty_database: Database, plain_role: Callable[[str], None]
) -> None:
    plain_role("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    found = examined_as_plain(make_app, empty_database)["database"]
    assert found.level is Level.FAILURE
    plain_role(statement_in(found.advice))
    assert examined_as_plain(make_app, empty_database)["database"].level is Level.OK


def test_tables_that_a_role_may_not_write_are_shown_and_the_advice_helps(
    make_app: MakeApp, empty_database: Database, plain_role: Callable[[str], None]
) -> None:
    databases.migrate(empty_database.url)
    plain_role("GRANT SELECT, INSERT, UPDATE, DELETE ON alembic_version TO plain")
    plain_role("GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain")
    found = examined_as_plain(make_app, empty_database)["database"]
    assert found.level is Level.FAILURE
    assert "the role plain lacks INSERT, UPDATE, DELETE on account_links," in found.message
    plain_role(statement_in(found.advice))
    assert examined_as_plain(make_app, empty_database)["database"].level is Level.OK


@pytest.mark.slow
def test_a_role_that_does_not_own_the_tables_is_sent_to_their_owner(
    make_app: MakeApp, empty_database: Database, plain_role: Callable[[str], None]
) -> None:
    databases.migrate(empty_database.url, "0020")
    plain_role("GRANT CREATE ON SCHEMA public TO plain")
    plain_role("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO plain")
    found = examined_as_plain(make_app, empty_database)["migrations"]
    assert found.level is Level.FAILURE
    assert "The tables belong to postgres" in found.advice
    assert "GRANT CREATE" not in found.advice
    databases.migrate(empty_database.url)
    plain_role(statement_in(found.advice))
    well = examined_as_plain(make_app, empty_database)
    assert (well["database"].level, well["migrations"].level) == (Level.OK, Level.OK)


def statement_in(advice: str) -> str:
    return advice[advice.index("GRANT") :]
