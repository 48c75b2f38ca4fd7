"""The status rules in a browser: tried, read, switched on, and what a task says of them."""

from playwright.sync_api import Page, expect

from gitlab_links.demo.sample_tasks import SHOP
from tests.hanging import HANGS
from tests.pages.browser.conftest import PATIENCE_MS, Open, Stack
from tests.pages.browser.looks import LOOKS, in_both_sizes, see

# The rules wait ten seconds before they set *done*, and a busy machine needs some of its own.
DONE_MS = 10_000 + PATIENCE_MS


def switch_off(page: Page) -> None:
    """On the page of the rules; another look may have ended while they were on."""
    off = page.get_by_role("button", name="Switch off").or_(
        page.get_by_role("button", name="End the trial")
    )
    if off.is_visible():
        off.click()
    expect(page.get_by_role("heading", name="The rules are off")).to_be_visible()


@in_both_sizes
def test_rules_are_tried_switched_on_and_undone(
    stack: Stack, open_page: Open, looks: tuple[str, str]
) -> None:
    page = open_page("/status-rules", **LOOKS[looks[0]])
    switch_off(page)
    assert see(page, looks) == []
    page.get_by_role("button", name="Try the rules").click()
    heading = page.get_by_role("heading", name="The rules are being tried")
    expect(heading).to_be_visible()
    branches, end = page.locator("#branches"), page.get_by_role("button", name="End the trial")
    before = branches.input_value()
    branches.fill("typed, and not saved")
    end.focus()
    expect(page.get_by_role("button", name="Switch on")).to_be_visible(timeout=HANGS * 1000)
    expect(end).to_be_focused()
    expect(branches).to_have_value("typed, and not saved")
    branches.fill(before)
    page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    assert see(page, looks, "rules-trial") == []
    page.evaluate("document.querySelector('#tasks-heading').scrollIntoView()")
    assert see(page, looks, "rules-dry-run") == []
    page.get_by_role("combobox", name="Show").select_option("done")
    expect(page.locator("[data-results] > .rows > li")).not_to_have_count(0)
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_role("heading", name="The rules are on")).to_be_visible()

    state = stack.gitlab.state
    mr = state.items.add_merge_request(
        state.projects.get(SHOP),
        f"Rules {looks[0]}",
        author="mei.tanaka",
        source_branch=f"rules-{looks[0]}",
    )
    page.goto(f"{stack.org_url}/tasks/new")
    page.get_by_label("Title").fill(f"Follow the rules, {looks[0]}")
    page.get_by_role("button", name="Create").click()
    # Before its script has begun, Enter in the field makes another line and sends nothing.
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    field = page.get_by_label("Link an issue or merge request")
    field.fill(state.urls.item(mr))
    page.keyboard.press("Enter")
    words = page.locator(".task-rules summary")
    expect(words).to_contain_text("Set by the rule started")
    words.click()
    assert see(page, looks, "rules-task") == []
    page.get_by_role("button", name="Undo: back to open").click()
    expect(words).to_contain_text("Set by hand, and the links call for in progress")
    page.get_by_role("link", name="Timeline").click()
    expect(page.locator(".timeline-row").first).to_contain_text("undid the rule “started”")
    state.items.merge(mr)
    rows = page.locator(".timeline-row")
    expect(rows.filter(has_text="was merged")).not_to_have_count(0)
    expect(rows.first).to_contain_text("The rule “all merged”", timeout=DONE_MS)
    assert see(page, looks, "timeline") == []
    page.goto(f"{stack.org_url}/status-rules")
    switch_off(page)
