"""What people do, from logging in to logging out, before the real service."""

import json
import urllib.request
from collections.abc import Iterator
from urllib.error import HTTPError

import pytest
from playwright.sync_api import Browser, Page, expect

from gitlab_links.accounts.models import Membership, Org, User
from gitlab_links.accounts.orgs import create_org
from gitlab_links.accounts.roles import Role
from gitlab_links.demo.gitlab.records import Item
from gitlab_links.demo.sample_tasks import API, SHOP
from gitlab_links.demo.seed import ADMIN
from gitlab_links.extensions import db
from tests.pages.browser.conftest import GITLAB_TOKEN, Open, Stack, log_in, new_context, notice


@pytest.fixture
def fresh_task(stack: Stack, open_page: Open) -> Page:
    """The page of a task just created."""
    page = open_page("/tasks/new")
    page.get_by_label("Title").fill("Made in a browser")
    page.get_by_role("button", name="Create task").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Made in a browser")
    page.wait_for_load_state()  # its script, too: without it Enter makes a line
    return page


@pytest.fixture
def new_org(stack: Stack) -> Iterator[Org]:
    """An org of the admin's that has no connection yet."""
    with stack.app.app_context():
        org = create_org("Globex")
        user = db.session.query(User).filter_by(email=ADMIN).one()
        db.session.add(Membership(org_id=org.id, user_id=user.id, role=Role.ADMIN.value))
        db.session.commit()
        org_id = org.id
    yield org
    with stack.app.app_context():
        db.session.query(Org).filter_by(id=org_id).delete()
        db.session.commit()


def item(stack: Stack, project: str, kind: str, iid: int) -> Item:
    state = stack.gitlab.state
    return state.items.find(state.projects.get(project), kind, iid)


def link_field(page: Page):  # type: ignore[no-untyped-def]
    return page.get_by_label("Link an issue or merge request")


def test_from_login_to_logout(stack: Stack, browser: Browser) -> None:
    page = new_context(browser).new_page()
    page.goto(f"{stack.task_url}?x=1")
    page.get_by_label("E-mail address").fill(ADMIN)
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("E-mail address or password is wrong.")
    log_in(page, stack)
    page.locator("details[data-menu] summary").last.click()
    page.get_by_role("button", name="Log out").click()
    expect(notice(page, "You are logged out.")).to_be_visible()
    page.goto(stack.task_url)
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.context.close()


def test_a_pasted_address_is_linked_and_filled_in(stack: Stack, fresh_task: Page) -> None:
    page, issue = fresh_task, item(stack, SHOP, "issue", 4)
    link_field(page).fill(stack.gitlab.state.urls.item(issue))
    page.keyboard.press("Enter")
    row = page.locator(".item")
    expect(row).to_have_count(1)
    expect(row.get_by_role("link")).to_have_text(issue.title)
    expect(row).to_contain_text("Synced")
    for label in issue.labels:
        expect(row.locator(".labels")).to_contain_text(label.name.split("::")[-1])
    expect(link_field(page)).to_have_value("")
    expect(link_field(page)).to_be_focused()


def test_a_paste_is_all_it_takes(stack: Stack, fresh_task: Page) -> None:
    page = fresh_task
    url = stack.gitlab.state.urls.item(item(stack, SHOP, "merge_request", 2))
    link_field(page).focus()
    page.evaluate(
        """(url) => {
            const data = new DataTransfer();
            data.setData("text", url);
            const field = document.activeElement;
            if (field.dispatchEvent(
                new ClipboardEvent("paste", {clipboardData: data, bubbles: true}))) {
                field.value = url;
            }
        }""",
        url,
    )
    expect(page.locator(".item")).to_have_attribute("data-reference", f"{SHOP}!2")


def test_a_wrong_address_is_told_beside_the_field(fresh_task: Page) -> None:
    page = fresh_task
    link_field(page).fill("https://gitlab.com/acme/web/-/issues/1")
    page.get_by_role("button", name="Link", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("It is not on the GitLab of this org")
    expect(link_field(page)).to_be_focused()
    expect(link_field(page)).to_have_value("https://gitlab.com/acme/web/-/issues/1")
    expect(page.locator(".item")).to_have_count(0)


def test_several_are_pasted_at_once_and_what_is_refused_stays(
    stack: Stack, fresh_task: Page
) -> None:
    page = fresh_task
    url = stack.gitlab.state.urls.item(item(stack, API, "issue", 1))
    lines = f"{url}\n{SHOP}!2\nacme/nothing"
    link_field(page).fill(lines)
    page.keyboard.press("Enter")
    expect(page.locator(".item")).to_have_count(2)
    expect(page.locator("#link-answers li")).to_have_count(3)
    expect(page.locator("#link-answers")).to_contain_text("acme/nothing is not linked.")
    expect(link_field(page)).to_have_value("acme/nothing")
    expect(link_field(page)).to_be_focused()
    link_field(page).fill(f"{API}#2")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type(f"{API}#3")
    expect(link_field(page)).to_have_value(f"{API}#2\n{API}#3")
    page.keyboard.press("Enter")
    expect(page.locator(".item")).to_have_count(4)
    expect(link_field(page)).to_have_value("")


def test_an_item_is_chosen_by_its_title_with_the_keyboard(stack: Stack, fresh_task: Page) -> None:
    page = fresh_task
    title = item(stack, SHOP, "issue", 1).title
    link_field(page).press_sequentially(title[:12])
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("option")).to_have_count(0)
    # At once: an answer to a part of it that comes late would take the choice away.
    link_field(page).fill(title)
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", name=title)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.locator(".item")).to_have_attribute("data-reference", f"{SHOP}#1")
    expect(page.get_by_role("option")).to_have_count(0)
    expect(link_field(page)).to_have_value("")


def test_a_typed_address_of_a_linked_item_shows_it_first(stack: Stack, fresh_task: Page) -> None:
    page = fresh_task
    known = item(stack, SHOP, "issue", 1)
    link_field(page).fill(f"{SHOP}#1")
    page.keyboard.press("Enter")
    expect(page.locator(".item")).to_have_count(1)
    link_field(page).press_sequentially(stack.gitlab.state.urls.item(known))
    expect(page.get_by_role("option", name=known.title)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("option")).to_have_count(0)


def test_a_project_is_watched_made_clickable_and_left_again(stack: Stack, open_page: Open) -> None:
    state, path = stack.gitlab.state, "acme/watched"
    project = state.projects.add(path)
    owner = state.people.tokens[GITLAB_TOKEN].user
    state.projects.add_member(project, owner, 40)
    page = open_page(f"{stack.org_url}/gitlab/projects")
    page.get_by_label(path, exact=True).check()
    page.get_by_role("button", name="Watch them").click()
    expect(notice(page, "1 project is watched.")).to_be_visible()
    row = page.get_by_role("row").filter(has_text=path)
    expect(row).to_contain_text("Works")
    assert len(state.hooks.of(project)) == 1

    page.locator("#tracker-of").select_option(label=path)
    page.get_by_role("button", name="Make keys clickable").click()
    expect(notice(page, "Keys lead to their tasks now.")).to_be_visible()
    issue = state.items.add_issue(project, title="About ACME-98765", author=owner)
    page.goto(state.urls.item(issue))
    page.get_by_role("link", name="ACME-98765", exact=True).click()
    expect(page).to_have_url(f"{stack.org_url}/tasks/ACME-98765")

    page.goto(f"{stack.org_url}/gitlab")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name=f"Unwatch {path}").click()
    expect(notice(page, f"{path} is no longer watched.")).to_be_visible()
    expect(notice(page, "It was deleted.")).to_be_visible()
    assert state.hooks.of(project) == []


def test_unlinking_is_undone_from_the_keyboard(stack: Stack, fresh_task: Page) -> None:
    page = fresh_task
    link_field(page).fill(stack.gitlab.state.urls.item(item(stack, API, "issue", 1)))
    page.keyboard.press("Enter")
    unlink = page.get_by_role("button", name=f"Unlink {API}#1")
    unlink.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".item")).to_have_count(0)
    expect(page.get_by_text("Nothing linked yet")).to_be_visible()
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".item")).to_have_attribute("data-reference", f"{API}#1")
    expect(page.locator(".toasts .notice")).to_have_count(0)


def test_refresh_asks_and_says_so(stack: Stack, open_page: Open) -> None:
    page, issue = open_page(stack.task_url), item(stack, SHOP, "issue", 1)
    stack.gitlab.state.items.edit(issue, title="Told to nobody", notify=False)
    page.get_by_role("button", name="Refresh now").click()
    expect(page.locator(".toasts")).to_contain_text("Fetching 2 items from GitLab.")
    # At once: it goes by itself, perhaps before the item is fetched.
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator(".toasts .notice")).to_have_count(0)
    expect(page.locator(".item", has_text="Told to nobody")).to_be_visible()


def test_everything_works_without_javascript(stack: Stack, open_page: Open) -> None:
    page = open_page("/tasks/new", java_script_enabled=False)
    page.get_by_label("Title").fill("Without scripts")
    page.get_by_role("button", name="Create task").click()
    link_field(page).fill("nonsense")
    page.get_by_role("button", name="Link", exact=True).click()
    expect(page.locator("#link-url-error")).to_be_visible()
    link_field(page).fill(stack.gitlab.state.urls.item(item(stack, API, "issue", 2)))
    page.get_by_role("button", name="Link", exact=True).click()
    expect(notice(page, f"Linked {API}#2.")).to_be_visible()
    page.get_by_role("button", name=f"Unlink {API}#2").click()
    expect(page.locator(".item")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".item")).to_have_count(1)
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("button", name="Done")).to_have_attribute("aria-pressed", "true")


def test_connecting_a_gitlab_from_nothing_to_a_replayed_event(
    stack: Stack, open_page: Open, new_org: Org
) -> None:
    page = open_page(f"{stack.url}/orgs/{new_org.id}/gitlab")
    expect(page.get_by_role("heading", name="Not connected yet")).to_be_visible()
    page.get_by_label("Base URL").fill(stack.gitlab.url)
    page.get_by_label("Access token").fill(GITLAB_TOKEN)
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Validate").click()
    expect(notice(page, "accepts the token of gitlab_links")).to_be_visible()
    expect(notice(page, "Its scopes: api.")).to_be_visible()

    # By hand, though the token makes webhooks: that step is folded.
    page.get_by_role("heading", name="Generate a webhook secret").click()
    page.get_by_role("button", name="Generate a secret").click()
    secret = page.get_by_label("New secret token").input_value()
    webhook = page.locator("#webhook-url").input_value()
    hooks, issue = stack.gitlab.state.hooks, item(stack, SHOP, "issue", 1)
    hooks.add(issue.project, webhook, token=secret, issues_events=True)
    stack.gitlab.state.items.comment(issue, "No event for this hook")
    stack.gitlab.state.items.edit(issue, description="Edited for a new hook")

    page.goto(f"{stack.url}/orgs/{new_org.id}/deliveries")
    row = page.locator("tbody tr").first
    for _ in range(120):
        if row.is_visible() and "Waiting" not in row.inner_text():
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(row).to_contain_text(f"{SHOP}#1")
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Issue, update")
    expect(page.get_by_text("What changed in GitLab")).to_be_visible()
    page.get_by_role("button", name="Replay").click()
    expect(notice(page, "queued again")).to_be_visible()

    page.goto(f"{stack.url}/orgs/{new_org.id}/audit")
    for words in (
        "Changed the GitLab connection",
        "Generated a webhook secret",
        "Replayed a delivery",
    ):
        expect(page.get_by_role("cell", name=words)).to_be_visible()
    page.goto(f"{stack.url}/orgs/{new_org.id}/gitlab")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_role("heading", name="Not connected yet")).to_be_visible()


def test_a_new_key_opens_the_api_until_it_is_revoked(stack: Stack, open_page: Open) -> None:
    page = open_page("/api-keys")
    page.get_by_label("Name").fill("browser test")
    page.get_by_label("write").check()
    page.get_by_role("button", name="Create key").click()
    secret = page.get_by_label("Key browser test").input_value()
    tasks = stack.org_url.replace("/orgs/", "/api/orgs/") + "/tasks"

    def status() -> int:
        headers = {"Authorization": f"Bearer {secret}"}
        try:
            with urllib.request.urlopen(urllib.request.Request(tasks, headers=headers)) as answer:
                assert json.load(answer)["tasks"]
                return int(answer.status)
        except HTTPError as error:
            return error.code

    assert status() == 200
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Revoke browser test").click()
    expect(notice(page, "It no longer works")).to_be_visible()
    assert status() == 401


def test_menus_open_and_close_from_the_keyboard(open_page: Open) -> None:
    page = open_page("/tasks")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    summary = page.locator("details[data-menu] summary").first
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.locator("details[data-menu]").first).to_have_attribute("open", "")
    page.keyboard.press("Escape")
    expect(page.locator("details[open]")).to_have_count(0)
    expect(summary).to_be_focused()
