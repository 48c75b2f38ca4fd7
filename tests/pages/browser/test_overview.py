"""The overview in a real browser: it leads to lists, is current, and can be read by everybody."""

import random
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from gitlab_links.accounts.models import User
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.demo import seed
from gitlab_links.demo.sample_tasks import SHOP
from gitlab_links.extensions import db
from tests.factories import Factory
from tests.pages.browser.conftest import Open, Stack, poll_now
from tests.pages.browser.looks import LOOKS, each_look, in_both_sizes, see, take

DAY = timedelta(days=1)
STATUSES = ("mergeable", "not_approved", "conflict", "ci_still_running", "requested_changes")


@pytest.fixture(scope="module")
def busy_path(stack: Stack) -> Iterator[str]:
    """The path of an org with half a year of work, which the admin sees."""
    factory, chance = Factory(stack.app), random.Random(30)
    org = factory.org(name="Nimbus", task_key="NIM")
    factory.integration(org)
    with stack.app.app_context():
        admin = db.session.scalars(select(User).where(User.email == seed.ADMIN)).one()
    member = factory.membership(org, Role.ADMIN, admin)
    project = factory.gitlab_project(org, path="nimbus/app")
    now = utcnow()
    for number in range(1, 111):
        opened = now - DAY * (130 * chance.random() if number % 11 else 200 * chance.random())
        merged = opened + DAY * chance.expovariate(0.35)
        is_merged = merged < now - DAY / 4 and number % 11 != 0
        created = opened - DAY * chance.expovariate(0.25)
        times = {"gitlab_created_at": opened, "source_updated_at": merged if is_merged else now}
        state = {"state": "merged", "merged_at": merged} if is_merged else {"state": "opened"}
        open_now = {"merge_status": chance.choice(STATUSES), "draft": chance.random() < 0.2}
        open_now |= {"pipeline_status": "failed" if chance.random() < 0.25 else "success"}
        item = factory.gitlab_item(project, type="merge_request", **times, **state, **open_now)
        status = "done" if is_merged and chance.random() < 0.9 else "open"
        factory.link(factory.task(org, number=number, created_at=created, status=status), item)
    yield f"/orgs/{org.id}"
    with stack.app.app_context():
        db.session.delete(db.session.merge(member))
        db.session.commit()


@in_both_sizes
def test_the_overview_has_no_violation_and_its_picture(
    stack: Stack, open_page: Open, busy_path: str, looks: tuple[str, str]
) -> None:
    page = open_page(f"{stack.url}{busy_path}/overview", **LOOKS[looks[0]], device_scale_factor=1)
    expect(page.locator("svg.drawing")).to_have_count(4)
    page.locator("summary", has_text="The figures as a table").first.focus()
    assert see(page, looks) == []
    page.locator("summary", has_text="The figures as a table").nth(2).press("Enter")
    expect(page.locator("#open-to-merged-table tbody tr")).to_have_count(12)
    assert see(page, looks) == []
    page.locator("#open-to-merged-table summary").press("Enter")
    page.evaluate("window.scrollTo(0, 0); document.activeElement.blur()")
    for look in each_look(page, looks):
        take(page, f"overview-{look}", whole=True)


def test_a_count_leads_to_its_tasks_by_keyboard(
    stack: Stack, open_page: Open, busy_path: str
) -> None:
    page = open_page(f"{stack.url}{busy_path}/overview")
    tile = page.locator(".tile", has_text="Pipeline failed")
    count = int(tile.locator("b").inner_text())
    assert count > 1
    tile.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/tasks?need=failing")
    expect(page.locator("[data-results]")).to_have_attribute("data-results", f"{count} tasks")


def test_an_open_overview_follows_gitlab_and_keeps_its_tables_open(
    stack: Stack, open_page: Open
) -> None:
    page = open_page("/overview")
    draft = page.locator(".tile", has_text="Draft").locator("b")
    before = int(draft.inner_text())
    page.locator("#throughput-table summary").click()
    items = stack.gitlab.state.items
    request = items.find(stack.gitlab.state.projects.get(SHOP), "merge_request", 1)
    items.edit(request, title=f"Draft: {request.title}")
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    for _ in range(120):
        poll_now(page)
        page.wait_for_timeout(500)
        if draft.inner_text() != str(before):
            break
    expect(draft).to_have_text(str(before + 1))
    expect(page.locator("#throughput-table")).to_have_attribute("open", "")
    items.edit(request, title=request.title.removeprefix("Draft: "))


def test_a_file_has_the_filters_that_were_chosen_last(open_page: Open) -> None:
    page = open_page("/tasks")
    page.locator("#filter-status").select_option("done")
    expect(page).to_have_url(re.compile("status=done"))
    with page.expect_download() as saved:
        page.get_by_text("Download as CSV").click()
    assert saved.value.suggested_filename.startswith("tasks-")
    text = saved.value.path().read_text("utf-8-sig")
    assert ",done," in text
    assert ",open," not in text
