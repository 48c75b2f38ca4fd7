"""The page and the API of looking back."""

import pytest
from sqlalchemy import select

from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.tasks.models import Task
from tests.api.callers import browser
from tests.backfills.test_backfills import old, project, run
from tests.pages.csv_tables import table_of
from tests.pages.markup import Markup, words
from tests.statements import asked_for_connection, statements

__all__ = ["old", "project"]


@pytest.fixture
def admin(app, mentioning):
    principal = mentioning.connected.factory.principal(mentioning.org, Role.ADMIN)
    return browser(app, principal.user_id)


def test_the_page_leads_from_the_look_to_the_links(mentioning, old, admin):
    page = f"/orgs/{mentioning.org.id}/gitlab/mentions"
    assert "Look for mentions" in words(admin.get(page).text)
    admin.post(page)
    running = admin.get(page)
    assert ("0 of" in words(running.text), "data-moving" in running.text) == (True, True)
    etag = Markup.of(running).one("section", id="progress")["data-etag"]
    part = {"X-Fragment": "mentions", "If-None-Match": etag}
    assert admin.get(page, headers=part).status_code == 304
    admin.post(f"{page}/stop")
    assert "Stopped after 0 of" in words(admin.get(page, headers=part).text)
    admin.post(f"{page}/resume")
    run(mentioning)
    found = admin.get(page, headers=part).text
    assert "3 items would be linked to 2 tasks." in words(found)
    assert "acme/app!1" in found
    assert "data-moving" not in found
    assert len(table_of(admin.get(f"{page}.csv"))) == 3
    admin.post(f"{page}/link")
    run(mentioning)
    assert "3 links made." in words(admin.get(page).text)
    assert "that waits to be linked" in words(
        admin.post(f"{page}/link", follow_redirects=True).text
    )


def test_the_page_asks_for_the_connection_once(app, mentioning, old, admin):
    page = f"/orgs/{mentioning.org.id}/gitlab/mentions"
    admin.post(page)
    run(mentioning)
    with statements(app) as sent:
        assert "3 items would be linked to 2 tasks." in words(admin.get(page).text)
    assert asked_for_connection(sent) == 1


def test_a_link_that_somebody_removed_is_named_and_made_again(mentioning, key, old, admin):
    page = f"/orgs/{mentioning.org.id}/gitlab/mentions"
    for step in ("", "/link"):
        admin.post(page + step)
        run(mentioning)
    assert "Every mention is linked already." in after_another_look(mentioning, admin, page)
    before = mentioning.linked()[1002]
    removed = next(one for one in mentioning.links() if one.task_id == task_of(1002).id)
    admin.post(f"/orgs/{mentioning.org.id}/tasks/{key(1002)}/links/{removed.id}/unlink")
    shown = after_another_look(mentioning, admin, page)
    assert "Nothing more to link." in shown
    assert "1 mention is of a link that somebody removed; it stays away." in shown
    url = Markup.of(admin.get(page)).one("input", name="url")["value"]
    admin.post(f"/orgs/{mentioning.org.id}/tasks/{key(1002)}/links", data={"url": url})
    assert mentioning.linked()[1002] == before
    assert "Every mention is linked already." in after_another_look(mentioning, admin, page)


def after_another_look(mentioning, admin, page):
    admin.post(page)
    run(mentioning)
    return words(admin.get(page).text)


def task_of(number):
    found = db.session.scalars(select(Task).where(Task.number == number)).one()
    db.session.rollback()
    return found


def test_the_api_does_the_same(mentioning, key, old, admin):
    base = f"/api/orgs/{mentioning.org.id}/integrations/gitlab/backfills"
    started = admin.post(base)
    assert (started.status_code, started.json["backfill"]["stage"]) == (202, "looking")
    one = f"{base}/{started.json['backfill']['id']}"
    assert started.headers["Location"] == one
    assert admin.post(base).json["code"] == "backfill_running"
    run(mentioning)
    assert admin.get(one).json["backfill"]["items"] == 3
    listed = admin.get(f"{one}/items?limit=2").json
    assert [item["tasks"] for item in listed["items"]] == [[key(1001)], [key(1002)]]
    assert admin.patch(one, json={"step": "link"}).json["backfill"]["stage"] == "linking"
    run(mentioning)
    assert admin.get(one).json["backfill"]["links_made"] == 3
    refused = admin.patch(one, json={"step": "resume"})
    assert (refused.status_code, refused.json["code"]) == (409, "backfill_not_ready")
    db.session.rollback()
