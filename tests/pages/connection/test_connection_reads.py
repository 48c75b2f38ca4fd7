"""What a page asks of the org's connection: which items are withheld, and whether it is live."""

import pytest
from flask import Flask

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from tests.factories import Factory
from tests.pages.conftest import As
from tests.statements import asked_for_connection, statements

PAGES = (
    *("overview", "tasks", "links", "waiting", "deliveries", "status-rules", "status-rules?q=Task"),
    *("tasks/ACME-7", "tasks/ACME-7/timeline"),
)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_asks_for_the_connection_once(
    app: Flask, acting: As, factory: Factory, org: Org, base: str, path: str
) -> None:
    factory.connect(org)
    factory.link(factory.task(org, number=7))
    factory.delivery(org)
    admin = acting(Role.ADMIN)
    admin.post(f"{base}/status-rules/dry-run")
    with statements(app) as sent:
        assert admin.get(f"{base}/{path}").status_code == 200
    assert asked_for_connection(sent) == 1


def test_the_form_of_a_task_that_there_is_asks_for_none(
    app: Flask, acting: As, factory: Factory, org: Org, base: str
) -> None:
    factory.connect(org)
    factory.task(org, number=7)
    member = acting(Role.MEMBER)
    with statements(app) as sent:
        assert member.get(f"{base}/tasks/ACME-7/edit").status_code == 200
    assert asked_for_connection(sent) == 0
