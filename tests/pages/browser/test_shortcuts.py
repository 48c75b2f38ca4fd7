"""Keyboard shortcuts and saved views in a real browser."""

import re

from playwright.sync_api import Page, expect

from tests.pages.browser.conftest import Open, Stack, notice


def arrives(page: Page, url: str) -> None:
    """Wait for the page, and for its script, without which keys do nothing."""
    expect(page).to_have_url(url)
    page.wait_for_load_state()


def test_keys_lead_through_a_list_and_its_tasks(stack: Stack, open_page: Open) -> None:
    page = open_page("/tasks?sort=oldest")
    hrefs = [link.get_attribute("href") for link in page.locator(".task-title").all()]
    total = page.locator("[data-results]").get_attribute("data-total")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("x")
    expect(page.locator("input[name=task]").nth(1)).to_be_checked()
    expect(page.locator("[data-announcer]")).to_have_text(
        "1 task selected. Press s to change them."
    )
    page.keyboard.press("s")
    expect(page.locator("#selected-status")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".task-title").nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    arrives(page, f"{stack.url}{hrefs[1]}")
    expect(page.locator("[data-place]")).to_have_text(f"2 of {total}")
    page.keyboard.press("j")
    arrives(page, f"{stack.url}{hrefs[2]}")
    page.keyboard.press("k")
    arrives(page, f"{stack.url}{hrefs[1]}")
    page.get_by_role("link", name="Previous task").click()
    arrives(page, f"{stack.url}{hrefs[0]}")
    expect(page.get_by_role("link", name="Previous task")).to_have_count(0)
    page.keyboard.press("u")
    arrives(page, f"{stack.org_url}/tasks?sort=oldest")


def test_keys_lead_to_pages_but_not_while_one_types(stack: Stack, open_page: Open) -> None:
    page = open_page("/tasks")
    page.keyboard.press("g")
    page.keyboard.press("m")
    arrives(page, f"{stack.org_url}/members")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_contain_text("New task")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.locator("#find").focus()
    page.keyboard.type("n?gt")
    expect(page.locator("#find")).to_have_value("n?gt")
    page.locator("#find").blur()
    page.keyboard.press("Control+c")
    arrives(page, f"{stack.org_url}/members")
    page.keyboard.press("n")
    arrives(page, f"{stack.org_url}/tasks/new")
    expect(page.locator("#title")).to_be_focused()


def test_who_switches_the_keys_off_has_none(stack: Stack, open_page: Open) -> None:
    page = open_page(f"{stack.url}/account")
    page.get_by_role("button", name="Switch the shortcuts off").click()
    expect(notice(page, "Keyboard shortcuts are off.")).to_be_visible()
    page.goto(f"{stack.org_url}/members")
    for key in ("?", "/", "n"):
        page.keyboard.press(key)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("#find")).not_to_be_focused()
    page.locator(".top-bar .menu").last.locator("summary").click()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    page.get_by_role("link", name="Switch them on").click()
    page.get_by_role("button", name="Switch the shortcuts on").click()
    expect(notice(page, "Keyboard shortcuts are on.")).to_be_visible()
    expect(page).to_have_url(f"{stack.url}/account")


def test_a_list_is_saved_and_found_again_by_keyboard(stack: Stack, open_page: Open) -> None:
    page = open_page("/tasks")
    page.locator("#filter-status").select_option("open")
    expect(page).to_have_url(re.compile("/tasks[?]status=open"))
    views = page.get_by_role("navigation", name="Views")
    views.locator("summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("Still open")
    expect(page.get_by_label("Name of the view")).to_have_value("Still open")
    page.keyboard.press("Shift+Tab")  # to the summary, where keys must not lead away either
    page.keyboard.press("n")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    view = views.get_by_role("link", name="Still open")
    expect(view).to_have_attribute("aria-current", "page")
    page.locator("#filter-status").select_option("done")
    expect(view).not_to_have_attribute("aria-current", "page")
    views.locator("summary").press("Enter")
    page.locator("#view-name").fill("Still open")
    page.keyboard.press("Enter")
    expect(views.locator(".field-error")).to_contain_text("Choose another name.")
    page.locator("#filter-status").select_option("in_progress")
    expect(page).to_have_url(re.compile("/tasks[?]status=in_progress"))
    view.press("Enter")
    expect(page.locator("#filter-status")).to_have_value("open")
    views.locator("summary").press("Enter")
    page.once("dialog", lambda question: question.accept())
    page.get_by_role("button", name="Delete", exact=True).last.click()
    expect(notice(page, "Deleted the view Still open.")).to_be_visible()
