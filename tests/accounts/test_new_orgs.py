"""Two operators who create an org of one name at once: the second one waits, and is refused."""

import pytest

from gitlab_links.accounts.bootstrap import AlreadyThere, Consent, bootstrap
from gitlab_links.accounts.models import User
from gitlab_links.accounts.new_orgs import OrgExists, found_org
from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from tests.beside import Beside
from tests.lock_waits import wait_for_somebody_to_wait

# On SQLite one waits for the other from the first word on.
pytestmark = pytest.mark.only_on("postgresql")


def by_page(operator):
    found_org(operator.id, operator.email, "GLOBEX")


def by_command(operator):
    bootstrap(operator.email, None, "GLOBEX", consent=Consent(keep_password=True))


@pytest.mark.parametrize(("way", "refusal"), [(by_page, OrgExists), (by_command, AlreadyThere)])
def test_one_of_two_orgs_of_a_name_is_made(app, app_context, factory, way, refusal):
    user_id = factory.principal(factory.org(), Role.ADMIN).user_id
    operator = db.session.get_one(User, user_id)
    found_org(operator.id, operator.email, "Globex")
    second = Beside(app, lambda: way(operator))
    wait_for_somebody_to_wait()
    db.session.commit()
    assert [type(error) for error in second.end()] == [refusal]
