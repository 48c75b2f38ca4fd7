"""Confidential items are shown to the roles that the org chose, by pages and API alike."""

import pytest
import requests

from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.health.hook_repair import repair_now
from gitlab_links.integrations.policy import PolicyChange
from gitlab_links.links.link_filters import LinkFilter, LinkSort
from gitlab_links.links.queries import links_page
from gitlab_links.outgoing.alerts import update_policy
from tests.api.callers import browser
from tests.pages.markup import Markup

SECRET = "The engine explodes at full steam"
TOLD = ("title", "state", "author", "milestone", "due_date", "gitlab_updated_at")


@pytest.fixture
def secret(connected):
    """The first issue has just been made confidential in GitLab, and its event has come."""
    with connected.app.app_context():
        repair_now(connected.admin, connected.project_id)
    edit(connected, title=SECRET, labels=["sabotage"], assignees=["dana"])
    connected.work()
    edit(connected, confidential=True)
    connected.work()
    return connected


def edit(connected, **changes):
    connected.gitlab.state.items.edit(connected.issues[0], **changes)


def links(connected, role, query=""):
    key = connected.factory.api_key(connected.org, role=role)
    url = connected.webhook_url.partition("/integrations/")[0] + f"/gitlab-links{query}"
    answer = requests.get(url, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200, answer.text
    return answer.json()["links"], answer.text


def secret_link(found):
    return next(link for link in found if link["gitlab_iid"] == 1)


def allow_members(connected):
    with connected.app.app_context():
        roles = [Role.ADMIN, Role.PM, Role.MEMBER]
        update_policy(connected.admin, PolicyChange(confidential_roles=roles))
        from gitlab_links.extensions import db

        db.session.commit()


def managers_see_it_whole(secret):
    for role in (Role.ADMIN, Role.PM):
        link = secret_link(links(secret, role)[0])
        assert (link["title"], link["confidential"]) == (SECRET, True)
        assert [label["name"] for label in link["labels"]] == ["sabotage"]


def members_see_that_it_is_linked_and_nothing_of_what_it_says(secret):
    found, text = links(secret, Role.MEMBER)
    link = secret_link(found)

    assert (link["reference"], link["confidential"]) == ("ships/engine#1", True)
    assert [link[name] for name in TOLD] == [None] * len(TOLD)
    assert (link["labels"], link["assignees"], link["draft"]) == ([], [], False)
    assert SECRET not in text
    assert "sabotage" not in text
    assert {one["title"] for one in found} == {None, "Leak 2", "Leak 3"}


def members_cannot_find_out_by_asking(secret):
    for query in ("?label=sabotage", "?assignee=dana", "?state=opened&label=sabotage"):
        assert links(secret, Role.MEMBER, query)[0] == []
        assert len(links(secret, Role.PM, query)[0]) == 1


def the_state_is_not_to_be_found_out_either(secret):
    assert len(links(secret, Role.MEMBER, "?state=opened")[0]) == 2
    assert len(links(secret, Role.PM, "?state=opened")[0]) == 3


def the_order_reveals_nothing(secret):
    for sort, name in ((LinkSort.TITLE, "title"), (LinkSort.UPDATED, "gitlab_updated_at")):
        with secret.app.app_context():
            seen = links_page(secret.org.id, LinkFilter(), sort=sort, viewer=Role.MEMBER)
        assert getattr(seen[0], name) is None, "as for an item that was never read"


def a_viewer_without_a_role_sees_the_least(secret):
    with secret.app.app_context():
        seen = links_page(secret.org.id, LinkFilter())

    assert SECRET not in {view.title for view in seen}


def page_of(connected, role):
    from gitlab_links.extensions import db
    from gitlab_links.tasks.models import Task

    user = connected.factory.membership(connected.org, role).user_id
    with connected.app.app_context():
        task = db.session.scalars(db.select(Task).order_by(Task.id)).first()
    return browser(connected.app, user), f"/orgs/{connected.org.id}/tasks/{task.id}"


def pages_show_as_much_as_the_api(secret):
    for role, sees in ((Role.PM, True), (Role.MEMBER, False)):
        caller, path = page_of(secret, role)
        for url in (path, f"{path}/links", f"/orgs/{secret.org.id}/tasks"):
            is_fragment = {"X-Fragment": "links"} if url.endswith("links") else {}
            answer = caller.get(url, headers=is_fragment)
            assert answer.status_code == 200
            assert (SECRET in answer.text) is (sees and not url.endswith("/tasks"))
            if not sees:
                assert "sabotage" not in answer.text


def test_it_is_shown_to_those_who_may_see_it_and_nothing_of_it_to_others(secret):
    for holds in (
        managers_see_it_whole,
        members_see_that_it_is_linked_and_nothing_of_what_it_says,
        members_cannot_find_out_by_asking,
        the_state_is_not_to_be_found_out_either,
        the_order_reveals_nothing,
        a_viewer_without_a_role_sees_the_least,
        pages_show_as_much_as_the_api,
    ):
        holds(secret)


def test_a_secret_change_is_a_change_for_those_who_may_see_it_alone(secret):
    query = f"?updated_since={utcnow():%Y-%m-%dT%H:%M:%S.%fZ}"
    edit(secret, title="It exploded")
    secret.work()

    assert [one["title"] for one in links(secret, Role.PM, query)[0]] == ["It exploded"]
    assert links(secret, Role.MEMBER, query)[0] == []


def test_the_org_may_let_members_see_it_and_take_that_back(secret):
    allow_members(secret)
    assert secret_link(links(secret, Role.MEMBER)[0])["title"] == SECRET

    with secret.app.app_context():
        from gitlab_links.extensions import db

        update_policy(secret.admin, PolicyChange(confidential_roles=[Role.ADMIN, Role.PM]))
        db.session.commit()
    assert secret_link(links(secret, Role.MEMBER)[0])["title"] is None


def test_once_it_is_public_again_everybody_sees_it(secret):
    edit(secret, confidential=False)
    secret.work()

    assert secret_link(links(secret, Role.MEMBER)[0])["title"] == SECRET


def test_an_issue_that_the_token_no_longer_sees_may_be_confidential(connected):
    """GitLab hides it from a guest's token, and the cached title must not stay."""
    state = connected.gitlab.state
    guest = state.people.add_user("guest")
    state.projects.add_member(connected.project, guest, 10)
    token = state.people.add_token(guest).value
    connected.factory.connect(connected.org, token=token)
    edit(connected, title=SECRET, confidential=True, notify=False)
    connected.sweep()

    link = secret_link(links(connected, Role.MEMBER)[0])
    assert (link["title"], link["sync"]["error_code"]) == (None, "not_found")
    assert secret_link(links(connected, Role.PM)[0])["title"] == "Leak 1"


def test_an_open_page_shows_at_once_that_an_item_has_become_confidential(connected):
    with connected.app.app_context():
        repair_now(connected.admin, connected.project_id)
    edit(connected, title=SECRET)
    connected.work()
    caller, path = page_of(connected, Role.MEMBER)
    first = caller.get(f"{path}/links", headers={"X-Fragment": "links"})
    assert SECRET in first.text

    edit(connected, confidential=True)
    connected.work()

    headers = {"X-Fragment": "links", "If-None-Match": first.headers["ETag"]}
    then = caller.get(f"{path}/links", headers=headers)
    assert then.status_code == 200, "not a 304"
    assert SECRET not in then.text


def test_a_change_of_the_policy_reaches_open_pages(secret):
    caller, path = page_of(secret, Role.MEMBER)
    first = caller.get(f"{path}/links", headers={"X-Fragment": "links"})
    allow_members(secret)

    headers = {"X-Fragment": "links", "If-None-Match": first.headers["ETag"]}
    then = caller.get(f"{path}/links", headers=headers)
    assert then.status_code == 200
    assert SECRET in then.text


def test_the_list_of_tasks_cannot_be_asked_for_its_state(secret):
    secret.gitlab.state.items.close(secret.issues[0])
    secret.work()
    for role, listed in ((Role.PM, True), (Role.MEMBER, False)):
        caller, _ = page_of(secret, role)
        answer = caller.get(f"/orgs/{secret.org.id}/tasks?links=closed")
        with secret.app.app_context():
            from gitlab_links.extensions import db
            from gitlab_links.tasks.models import Task

            title = db.session.scalars(db.select(Task.title)).one()
        assert (title in answer.text) is listed


def sync_of(connected, role):
    return secret_link(links(connected, role)[0])["sync"]


def test_how_often_it_is_polled_does_not_reveal_whether_it_is_closed(secret):
    synced = []
    for state in ("opened", "closed"):
        if state == "closed":
            secret.gitlab.state.items.close(secret.issues[0])
            secret.work()
        synced.append(sync_of(secret, Role.MEMBER))
    assert synced[0] == synced[1]
    assert (synced[0]["last_synced_at"], synced[0]["next_sync_at"]) == (None, None)
    assert (synced[0]["status"], synced[0]["error_code"]) == ("ok", None)
    assert sync_of(secret, Role.PM)["next_sync_at"] is not None


def test_nor_does_whether_it_is_stale(secret, clock):
    clock.advance(3600)
    assert sync_of(secret, Role.PM)["status"] == "stale"
    assert sync_of(secret, Role.MEMBER)["status"] == "ok"
    for role, found in ((Role.PM, True), (Role.MEMBER, False)):
        stale = links(secret, role, "?sync_status=stale")[0]
        assert any(link["gitlab_iid"] == 1 for link in stale) is found
        fine = links(secret, role, "?sync_status=ok")[0]
        assert any(link["gitlab_iid"] == 1 for link in fine) is not found


def test_a_failure_to_read_it_is_not_shown_either(secret):
    secret.gitlab.state.faults.answer("status", status=403, route="/issues")
    secret.sweep()
    assert sync_of(secret, Role.PM)["error_code"] == "http_403"
    assert sync_of(secret, Role.MEMBER)["error_code"] is None
    assert links(secret, Role.MEMBER, "?sync_status=error&project_path=ships/engine")[0] != []
    errors = links(secret, Role.MEMBER, "?sync_status=error")[0]
    assert 1 not in {link["gitlab_iid"] for link in errors}


def test_where_a_confidential_issue_was_moved_is_not_shown_to_members(secret):
    state = secret.gitlab.state
    elsewhere = state.projects.add("layoffs/2027")
    state.items.move(secret.issues[0], elsewhere)
    secret.work()
    secret.sweep()
    secret.sweep()

    found, text = links(secret, Role.MEMBER)
    link = secret_link(found)
    assert (link["reference"], link["project_path"]) == ("ships/engine#1", "ships/engine")
    assert link["url"].endswith("/ships/engine/-/issues/1")
    assert "layoffs" not in text
    assert links(secret, Role.MEMBER, "?project_path=layoffs/2027")[0] == []
    managers = links(secret, Role.PM)[0]
    assert "layoffs/2027#1" in {link["reference"] for link in managers}
    caller, path = page_of(secret, Role.MEMBER)
    page = caller.get(path, follow_redirects=True).text
    assert "ships/engine#1" in page
    assert "layoffs" not in page


def test_what_its_project_is_called_now_is_not_shown_either(secret):
    secret.gitlab.state.projects.rename(secret.project, "layoffs")
    secret.sweep()
    link = secret_link(links(secret, Role.MEMBER)[0])
    assert link["reference"] == "ships/engine#1"


def test_nor_by_a_link_that_was_removed_and_put_back_before_it_is_fetched_again(secret):
    secret.gitlab.state.projects.rename(secret.project, "layoffs")
    secret.sweep()
    caller, path = page_of(secret, Role.MEMBER)
    headers = {"X-Fragment": "links"}
    link = secret_link(links(secret, Role.MEMBER)[0])
    removed = caller.post(f"{path}/links/{link['id']}/unlink", headers=headers)
    undo = Markup.of(removed).one("input", name="undo")["value"]
    again = caller.post(f"{path}/links/undo", data={"undo": undo}, headers=headers)

    assert "ships/engine#1" in again.text
    put_back = secret_link(links(secret, Role.MEMBER)[0])
    assert (put_back["id"], put_back["sync"]["status"]) == (link["id"], "never")
    assert (put_back["reference"], put_back["project_path"]) == ("ships/engine#1", "ships/engine")
    named = links(secret, Role.MEMBER, "?project_path=ships/layoffs")[0]
    assert link["id"] not in {one["id"] for one in named}


def test_the_tag_of_a_members_answer_stays_while_only_what_is_withheld_changes(secret):
    key = secret.factory.api_key(secret.org, role=Role.MEMBER)
    url = secret.webhook_url.partition("/integrations/")[0] + "/gitlab-links"
    headers = {"Authorization": f"Bearer {key}"}
    tag = requests.get(url, headers=headers).headers["ETag"]
    edit(secret, title="Even more secret")
    secret.work()
    answer = requests.get(url, headers={**headers, "If-None-Match": tag})
    assert answer.status_code == 304


def test_what_gitlab_hides_stays_withheld_whatever_else_fails_after_that(secret):
    """As when somebody has switched the project's issues off."""
    edit(secret, title="Before", notify=False)
    secret.gitlab.state.items.edit(secret.issues[1], title=SECRET, notify=False)
    secret.sweep()
    state = secret.gitlab.state
    state.items.delete(secret.issues[1])
    secret.sweep()
    for status in (None, 403, 500, 404):
        if status is not None:
            state.faults.answer("status", status=status, route="/issues")
            secret.sweep()
        second = next(one for one in links(secret, Role.MEMBER)[0] if one["gitlab_iid"] == 2)
        assert (second["title"], second["sync"]["error_code"]) == (None, "not_found")


def test_what_another_item_has_the_number_of_is_withheld(secret):
    edit(secret, confidential=False)
    secret.work()
    secret.sweep()
    secret.gitlab.state.items.edit(secret.issues[0], notify=False)
    secret.issues[0].id += 1000
    secret.sweep()
    link = secret_link(links(secret, Role.MEMBER)[0])
    assert (link["title"], link["sync"]["error_code"]) == (None, "another_item")
    assert links(secret, Role.MEMBER, "?sync_status=error")[0] == [link]


@pytest.fixture
def moved(secret):
    """The confidential issue was moved, which has been noticed; what it is there."""
    there = secret.gitlab.state.items.move(
        secret.issues[0], secret.gitlab.state.projects.add("layoffs/2027")
    )
    secret.work()
    secret.sweep()
    return there


def paste(connected, role, item):
    caller, path = page_of(connected, role)
    url = connected.gitlab.state.urls.item(item)
    answer = caller.post(f"{path}/links", data={"url": url}, headers={"X-Fragment": "links"})
    return answer.status_code


def references(connected, role):
    return sorted(link["reference"] for link in links(connected, role)[0])


def test_pasting_where_a_confidential_issue_may_have_gone_confirms_nothing(secret, moved):
    state = secret.gitlab.state
    other = state.items.add_issue(moved.project, title="Another", author="dana", confidential=True)
    for guess in (moved, other):
        assert paste(secret, Role.MEMBER, guess) == 201
    synced = [
        (link["title"], link["confidential"], link["state"], link["sync"]["status"])
        for link in links(secret, Role.MEMBER, "?project_path=layoffs/2027")[0]
    ]
    assert synced == [(None, False, None, "never")] * 2
    secret.work()
    assert references(secret, Role.MEMBER) == [
        "layoffs/2027#1",
        "layoffs/2027#2",
        "ships/engine#1",
        "ships/engine#2",
        "ships/engine#3",
    ]


def test_no_link_vanishes_because_a_task_has_both_ends_of_a_move(secret):
    there = secret.gitlab.state.items.move(
        secret.issues[0], secret.gitlab.state.projects.add("layoffs/2027")
    )
    assert paste(secret, Role.MEMBER, there) == 201
    secret.work()
    secret.sweep()
    assert {"layoffs/2027#1", "ships/engine#1"} <= set(references(secret, Role.MEMBER))


def test_those_who_see_all_are_shown_what_a_moved_confidential_issue_is_now(secret, moved):
    state = secret.gitlab.state
    state.items.edit(moved, title="Over there", notify=False)
    secret.sweep()
    (link,) = links(secret, Role.PM, "?project_path=layoffs/2027")[0]
    assert (link["reference"], link["title"], link["state"]) == (
        "layoffs/2027#1",
        "Over there",
        "opened",
    )
    assert link["url"] == state.urls.item(moved)
    state.faults.answer("status", status=500, route="/notes")
    secret.sweep()
    (link,) = links(secret, Role.PM, "?project_path=layoffs/2027")[0]
    assert (link["title"], link["state"]) == ("Over there", "opened")
    with secret.app.app_context():
        assert "webhook_contradicted" not in secret.codes()


def test_once_it_is_public_the_links_of_a_moved_issue_follow_it(secret, moved):
    secret.gitlab.state.items.edit(moved, confidential=False, notify=False)
    secret.sweep()
    secret.work()
    assert "layoffs/2027#1" in references(secret, Role.MEMBER)
    assert "ships/engine#1" not in references(secret, Role.MEMBER)


def test_the_links_of_an_item_are_found_only_under_what_is_shown(secret, moved):
    old = "?project=ships/engine&iid=1&gitlab_type=issue"
    new = f"?url={secret.gitlab.state.urls.item(moved)}"
    assert [link["reference"] for link in links(secret, Role.MEMBER, old)[0]] == ["ships/engine#1"]
    assert links(secret, Role.MEMBER, new)[0] == []
    assert links(secret, Role.MEMBER, f"?project={moved.project.id}&iid=1")[0] == []
    secret.sweep()
    assert [link["title"] for link in links(secret, Role.PM, new)[0]] == [SECRET]
    assert links(secret, Role.PM, old)[0] == []


def test_a_renamed_projects_withheld_item_is_found_under_its_old_name(secret):
    secret.gitlab.state.projects.rename(secret.project, "ships/layoffs")
    secret.sweep()
    by_id = f"?project={secret.project.id}&iid="
    assert len(links(secret, Role.MEMBER, "?project=ships/engine&iid=1")[0]) == 1
    assert links(secret, Role.MEMBER, "?project=ships/layoffs&iid=1")[0] == []
    assert links(secret, Role.MEMBER, f"{by_id}1")[0] == []
    assert len(links(secret, Role.MEMBER, "?project=ships/layoffs&iid=2")[0]) == 1
    assert len(links(secret, Role.MEMBER, f"{by_id}2")[0]) == 1
    assert len(links(secret, Role.PM, f"{by_id}1")[0]) == 1


def test_that_another_task_links_a_withheld_item_is_shown_to_those_who_see_it(secret):
    with secret.app.app_context():
        from gitlab_links.pasting.changes import attach

        other = secret.factory.task(secret.org)
        for iid in (1, 2):
            attach(secret.admin, other.id, f"ships/engine#{iid}")
        from gitlab_links.extensions import db

        db.session.commit()
    for role, count in ((Role.MEMBER, 1), (Role.PM, 2)):
        caller, path = page_of(secret, role)
        assert caller.get(path).text.count("Also linked in") == count
