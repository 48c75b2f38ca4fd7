"""Two admins who begin to look back at once: one look back runs, and the second is refused."""

import pytest

from gitlab_links.accounts.roles import Role
from gitlab_links.backfills import changes
from gitlab_links.backfills.changes import BackfillRunning
from gitlab_links.extensions import db
from tests.beside import Beside
from tests.lock_waits import wait_for_somebody_to_wait

# On SQLite one waits for the other from the first word on.
pytestmark = pytest.mark.only_on("postgresql")


@pytest.fixture
def admin(factory):
    org = factory.org()
    factory.connect(org, base_url="https://gitlab.example.com", token="glpat-some-token")
    return factory.principal(org, Role.ADMIN)


def test_one_of_two_begins(app, app_context, admin):
    changes.start(admin)
    second = Beside(app, lambda: changes.start(admin))
    wait_for_somebody_to_wait()
    db.session.commit()
    assert [type(error) for error in second.end()] == [BackfillRunning]


def test_one_of_two_is_resumed(app, app_context, admin):
    stopped = []
    for _ in range(2):
        stopped.append(changes.start(admin).id)
        changes.stop(admin, stopped[-1])
        db.session.commit()
    changes.resume(admin, stopped[0])
    second = Beside(app, lambda: changes.resume(admin, stopped[1]))
    wait_for_somebody_to_wait()
    db.session.commit()
    assert [type(error) for error in second.end()] == [BackfillRunning]
