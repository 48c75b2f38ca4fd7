"""Finding tasks in a real browser: the search, the filters, the way back, several at once."""

import re
from collections.abc import Iterable

from playwright.sync_api import Page, expect

from tests.pages.browser.conftest import Open, Stack, notice, poll_now


def new_tasks(page: Page, stack: Stack, titles: Iterable[str]) -> None:
    for title in titles:
        page.goto(f"{stack.org_url}/tasks/new")
        page.locator("#title").fill(title)
        page.locator("main form button[type=submit]").first.click()
        page.wait_for_url("**/tasks/ACME-*")


def test_the_search_is_a_key_away_and_finds_what_is_linked(stack: Stack, open_page: Open) -> None:
    page = open_page("/members")
    page.keyboard.press("/")
    expect(page.locator("#find")).to_be_focused()
    page.keyboard.type("acme-1")
    page.keyboard.press("Enter")
    expect(page.locator(".rows > .task-row")).to_have_count(1)
    expect(page.locator("#find")).to_have_value("acme-1")
    page.locator("#find").press("/")
    expect(page.locator("#find")).to_have_value(re.compile("/"))
    page.locator("#find").fill("W" * 500)
    page.keyboard.press("Enter")
    expect(page.locator(".lead-in")).to_contain_text("WWW")
    page.wait_for_load_state()  # its styles, too
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_crumb_of_a_task_leads_back_to_the_filtered_list(stack: Stack, open_page: Open) -> None:
    page = open_page("/tasks")
    page.locator("#filter-sort").select_option("oldest")
    expect(page).to_have_url(f"{stack.org_url}/tasks?sort=oldest")
    page.locator(".task-title").first.click()
    page.wait_for_url("**/tasks/ACME-*")  # with its script, which says where the crumb leads
    page.locator(".crumbs a").first.click()
    expect(page).to_have_url(f"{stack.org_url}/tasks?sort=oldest")


def test_a_search_keeps_how_the_list_is_filtered_and_sorted(stack: Stack, open_page: Open) -> None:
    page = open_page("/tasks?status=open")
    page.locator("#filter-sort").select_option("oldest")
    expect(page).to_have_url(f"{stack.org_url}/tasks?status=open&sort=oldest")
    page.keyboard.press("Escape")
    page.locator("#find").fill("shop")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{stack.org_url}/tasks?q=shop&status=open&sort=oldest")


def test_each_title_can_be_read_at_every_width(stack: Stack, open_page: Open) -> None:
    page = open_page("/tasks/new")
    new_tasks(page, stack, ["Nothing is linked to it, and its title is long " * 3])
    too_narrow = {}
    for width in (390, 576, 600, 820, 991, 1000, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        for path in ("/tasks", "/tasks?need=nothing_linked"):
            page.goto(stack.org_url + path)
            cut = page.locator(".task-title").evaluate_all(
                """titles => titles
                    .filter((one) => one.offsetWidth < Math.min(150, one.scrollWidth))
                    .map((one) => [one.offsetWidth, one.textContent])"""
            )
            scrolls = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
            if scrolls or cut:
                too_narrow[f"{path} at {width}"] = cut
    assert too_narrow == {}


def test_a_selection_stays_while_the_list_is_live(stack: Stack, open_page: Open) -> None:
    page = open_page("/tasks/new")
    new_tasks(page, stack, ("To select", "To select, too"))
    page.goto(f"{stack.org_url}/tasks?q=select")
    expect(page.locator(".selection")).to_be_hidden()
    boxes = page.locator("input[name=task]")
    boxes.nth(0).check()
    expect(page.locator(".selection")).to_be_visible()
    with page.expect_response(lambda answer: "/tasks?q=select" in answer.url):
        poll_now(page)
    expect(boxes.nth(0)).to_be_checked()
    expect(page.locator(".selection")).to_contain_text("1 task selected")
    boxes.nth(1).check()
    expect(page.locator(".selection")).to_contain_text("2 tasks selected")
    page.get_by_role("button", name="Apply").press("Enter")
    expect(page.locator("#selection-error")).to_contain_text("Choose a status")
    expect(page.locator("#selected-status")).to_be_focused()
    expect(page.locator(".selection")).to_contain_text("2 tasks selected")
    page.locator("#selected-status").select_option("done")
    page.locator(".selection [name=due]").fill("2026-12-24")
    page.get_by_role("button", name="Apply").click()
    expect(notice(page, "Changed 2 tasks: Done, due Dec 24, 2026.")).to_be_visible()
    expect(page.locator(".task-row .badge-state")).to_have_text(["Done", "Done"])


def test_a_selected_task_that_somebody_deletes_meanwhile_is_counted(
    stack: Stack, open_page: Open
) -> None:
    page = open_page("/tasks/new")
    new_tasks(page, stack, ("Goes early", "Goes later", "Stays early"))
    colleague = open_page(f"{stack.org_url}/tasks?q=early")
    page.goto(f"{stack.org_url}/tasks?q=goes")
    for box in page.locator("input[name=task]").all():
        box.check()
    expect(page.locator(".selection")).to_contain_text("2 tasks selected")
    row = colleague.locator(".task-row", has_text="Goes early")
    row.locator("input[name=task]").check()
    colleague.on("dialog", lambda dialog: dialog.accept())
    colleague.get_by_role("button", name="Delete").click()
    expect(notice(colleague, "Deleted 1 task.")).to_be_visible()
    poll_now(page)
    expect(page.locator(".selection")).to_contain_text("1 task selected, 1 no longer listed")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete").click()
    said = "Deleted 1 task. 1 selected task was already gone."
    expect(notice(page, said)).to_be_visible()


def test_all_tasks_of_a_page_are_selected_at_once_and_a_range_with_shift(
    stack: Stack, open_page: Open
) -> None:
    page = open_page("/tasks/new")
    new_tasks(page, stack, (f"Ranged {number}" for number in range(5)))
    page.goto(f"{stack.org_url}/tasks?q=ranged")
    bar, whole, boxes = (
        page.locator(at) for at in (".selection", "[data-select-all]", "[name=task]")
    )
    boxes.nth(1).check()
    boxes.nth(3).focus()
    page.keyboard.press("Shift+Space")
    expect(bar).to_contain_text("3 tasks selected")
    expect(whole).to_have_js_property("indeterminate", value=True)
    whole.check()
    expect(bar).to_contain_text("5 tasks selected")
    boxes.nth(4).uncheck()
    expect(whole).not_to_be_checked()
    boxes.nth(1).click(modifiers=["Shift"])
    expect(bar).to_contain_text("1 task selected")
    whole.check()
    whole.uncheck()
    expect(bar).to_be_hidden()


def test_the_links_of_all_tasks_are_filtered_in_place_and_lead_to_their_tasks(
    stack: Stack, open_page: Open
) -> None:
    page = open_page("/links?q=nothing-has-this")
    expect(page.locator(".csv-link")).to_be_hidden()
    page.locator("#filter-q").fill("nor-has-this")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{stack.org_url}/links?q=nor-has-this&sort=updated")
    page.locator("#filter-q").fill("")
    page.locator("#filter-need").select_option("failing")
    expect(page).to_have_url(re.compile("/links[?].*need=failing"))
    expect(page.locator(".csv-link")).to_be_visible()
    rows = page.locator(".item")
    expect(rows.first).to_contain_text("Pipeline failed")
    expect(rows.first.locator(".synced-mark time")).to_have_text(re.compile("^Synced "))
    expect(rows.filter(has_not_text="Pipeline failed")).to_have_count(0)
    rows.first.get_by_role("link", name=re.compile("^ACME-")).click()
    expect(page).to_have_url(re.compile("/tasks/ACME-"))


def test_more_filters_open_where_they_were_pressed(stack: Stack, open_page: Open) -> None:
    page = open_page("/tasks")
    summary, moved = page.locator(".more-filters > summary"), {}
    for width in (390, 600, 820, 1000, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        for path in ("/tasks", "/links"):
            page.goto(stack.org_url + path)
            before = summary.bounding_box()
            summary.click()
            expect(page.locator("#filter-project")).to_be_visible()
            if summary.bounding_box() != before:
                moved[path, width] = before
    assert moved == {}


def test_a_filter_suggests_what_items_have_and_filters_once_one_is_chosen(
    stack: Stack, open_page: Open
) -> None:
    page = open_page("/tasks")
    page.locator(".more-filters summary").press("Enter")
    field = page.locator("#filter-project")
    field.focus()
    expect(page.locator("#filter-project-suggested option")).not_to_have_count(0)
    field.press_sequentially("shop")
    offered = page.locator("#filter-project-suggested option")
    expect(offered).to_have_count(1)
    # As a browser does with the option that is chosen in its list.
    field.evaluate("""(field) => {
        field.value = field.list.options[0].value;
        const send = (name) => field.dispatchEvent(new Event(name, { bubbles: true }));
        send("input");
        send("change");
    }""")
    expect(page).to_have_url(re.compile("/tasks[?].*project=acme%2Fweb-shop"))
    expect(page.locator(".task-row .task-title")).not_to_have_count(0)
