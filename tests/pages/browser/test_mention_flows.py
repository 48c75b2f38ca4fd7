"""A title in GitLab that names a task: the link appears on the open page, and goes."""

import re

from playwright.sync_api import expect

from gitlab_links.demo.sample_tasks import SHOP
from tests.hanging import HANGS
from tests.pages.browser.conftest import Open, Stack


def test_a_mention_links_on_the_open_page_and_takes_its_link_along(
    stack: Stack, open_page: Open
) -> None:
    page, state = open_page(stack.task_url), stack.gitlab.state
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    project = state.projects.get(SHOP)
    author = state.items.find(project, "issue", 2).author
    issue = state.items.add_issue(project, "Spare rollers", author=author, notify=False)
    row = page.locator(f'.item[data-reference="{SHOP}#{issue.iid}"]')

    state.items.edit(issue, title="Spare rollers for ACME-1")
    expect(row).to_contain_text(f"Mentioned in the title of #{issue.iid}")

    row.get_by_role("button", name=re.compile("^Remove")).click()
    expect(row).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(row).to_be_visible()
    row.get_by_role("button", name=re.compile("^Keep")).click()
    expect(row).to_contain_text("Linked by")
    page.get_by_role("button", name="Undo").click()
    expect(row).not_to_contain_text("Linked by")

    state.items.edit(issue, title="Spare rollers")
    expect(row).to_have_count(0)


def test_looking_back_is_followed_on_the_open_page(stack: Stack, open_page: Open) -> None:
    page, faults = open_page("/gitlab/mentions"), stack.gitlab.state.faults
    faults.latency = HANGS
    page.get_by_role("button", name=re.compile("Look for mentions|Look again")).click()
    page.get_by_role("button", name="Stop").focus()
    page.evaluate("window.isTheSame = true")
    faults.latency = 0
    expect(page.get_by_role("button", name="Look again")).to_be_visible()
    expect(page.locator("main")).to_contain_text(
        re.compile("Every mention is linked already|would be linked to")
    )
    expect(page.locator("#progress")).to_be_focused()
    assert page.evaluate("window.isTheSame")
