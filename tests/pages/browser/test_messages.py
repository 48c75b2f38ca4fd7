"""What came of a form is in sight, wherever on the page its button was, and goes in time."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import Page, expect

from gitlab_links.demo.sample_tasks import SHOP
from tests.pages.browser.conftest import CHECKED_MS, Open, Stack, notice

HOUR = timedelta(hours=1)
LOW: dict[str, Any] = {"width": 1280, "height": 700}
PASTE = """(text) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text", text);
    const options = { clipboardData, bubbles: true, cancelable: true };
    document.activeElement.dispatchEvent(new ClipboardEvent("paste", options));
}"""


def references(page: Page) -> list[str]:
    rows = page.locator(".item")
    return rows.evaluate_all("(rows) => rows.map((row) => row.dataset.reference)")  # type: ignore[no-any-return]


def test_after_a_form_the_focus_is_on_what_came_of_it_and_that_is_in_sight(
    stack: Stack, open_page: Open
) -> None:
    page = open_page("/api-keys", viewport=LOW)
    page.get_by_role("button", name="Create key").click()
    name = page.get_by_label("Name")
    expect(name).to_be_focused()
    expect(name).to_be_in_viewport()
    name.fill("seen at once")
    expect(page.locator("#name-error")).to_have_count(0)
    page.get_by_role("button", name="Create key").click()
    secret = page.get_by_label("Key seen at once")
    expect(secret).to_be_focused()
    expect(secret).to_be_in_viewport()

    page.goto(f"{stack.org_url}/gitlab")
    # Smooth scrolling by the browser itself would carry on and leave the field behind.
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    save = page.locator("form[action$='/policy']").get_by_role("button", name="Save")
    save.scroll_into_view_if_needed()
    before = page.evaluate("window.scrollY")
    assert before > LOW["height"]
    save.click()
    saved = notice(page, "Saved.")
    expect(saved).to_be_focused()
    expect(saved).to_be_in_viewport()
    assert abs(page.evaluate("window.scrollY") - before) < 200


def test_each_removed_link_has_its_undo_and_a_refused_address_gives_way(
    stack: Stack, open_page: Open
) -> None:
    page = open_page(stack.task_url)
    page.clock.install()
    page.reload()
    page.clock.pause_at(datetime.now(UTC) + HOUR)  # no message leaves by itself
    before = references(page)
    field = page.get_by_label("Link an issue or merge request")
    field.fill("nonsense")
    page.keyboard.press("Enter")
    expect(page.locator("#link-url-error")).to_be_visible()
    page.evaluate(PASTE, f"{SHOP}#5")
    expect(page.locator(".item")).to_have_count(len(before) + 1)
    expect(page.locator("#link-url-error")).to_have_count(0)
    expect(field).to_have_value("")

    linked = references(page)
    assert linked == [f"{SHOP}#5", *before]
    toasts = page.locator(".toasts .notice")
    for gone in range(1, len(before) + 1):
        page.locator(".item").nth(1).get_by_role("button").click()
        expect(toasts).to_have_count(gone)
        expect(page.locator(".item")).to_have_count(len(linked) - gone)
    for left in range(len(before) - 1, -1, -1):
        toasts.first.get_by_role("button", name="Undo").click()
        expect(toasts).to_have_count(left)
        expect(page.locator(".item")).to_have_count(len(linked) - left)
    assert references(page) == linked

    page.locator(".item").first.get_by_role("button").click()
    expect(toasts).to_have_count(1)
    page.mouse.move(0, 0)
    page.clock.fast_forward(40_000)
    page.clock.resume()
    expect(toasts).to_have_count(0)
    assert references(page) == before


def test_a_list_follows_its_select_boxes_by_itself(stack: Stack, open_page: Open) -> None:
    page = open_page("/tasks")
    status = page.get_by_label("Status", exact=True)
    status.focus()
    status.select_option("done")
    expect(page.locator(".task-row", has_text="In progress")).to_have_count(0)
    expect(page).to_have_url(f"{stack.org_url}/tasks?status=done&sort=newest")
    expect(status).to_be_focused()


def test_a_long_address_pushes_nothing_out_of_its_table(open_page: Open) -> None:
    page = open_page("/members")
    page.evaluate("""() => {
        const row = document.querySelector("tbody tr:last-child");
        row.querySelector("[data-label=E-mail]").textContent = "a".repeat(60) + "@"
            + "b".repeat(60) + ".example.com";
    }""")
    frame = page.locator(".table-frame")
    assert frame.evaluate("(frame) => frame.scrollWidth <= frame.clientWidth")
    expect(page.get_by_role("button", name="Remove").last).to_be_in_viewport()


def test_the_queues_fit_the_screen_and_lead_back(stack: Stack, open_page: Open) -> None:
    for width in (1280, 390):
        page = open_page(f"{stack.url}/ops/rq/", viewport={"width": width, "height": 844})
        expect(page.locator("#queues tr[data-role=queue]").first).to_be_visible()
        places = page.evaluate("""() => {
            const box = (selector) => document.querySelector(selector).getBoundingClientRect();
            const [frame, table, words] =
                [".section", ".section > [class^=table]", "p.intro"].map(box);
            return {
                wide: document.documentElement.scrollWidth > innerWidth,
                outside: table.right > frame.right || (innerWidth > 1200
                    && box("#queues").right > frame.right - 8),
                over: words.bottom > table.top,
            };
        }""")
        assert places == {"wide": False, "outside": False, "over": False}
    page.get_by_role("link", name="Back to the tasks").click()
    page.wait_for_url("**/tasks")


COVERED = """() => {
    const notices = [...document.querySelectorAll(".notice")].map((n) => n.getBoundingClientRect());
    return [...document.querySelectorAll("main :is(input, select, textarea, button, a)")]
        .filter((control) => control.checkVisibility() && !control.closest(".notice"))
        .map((control) => [control, control.getBoundingClientRect()])
        .filter(([, box]) => notices.some((notice) => notice.left < box.right
            && box.left < notice.right && notice.top < box.bottom && box.top < notice.bottom))
        .map(([control]) => control.outerHTML.slice(0, 120));
}"""


def test_what_came_of_a_form_covers_nothing(stack: Stack, open_page: Open) -> None:
    for width in (1280, 390):
        page = open_page("/gitlab", viewport={"width": width, "height": 700})
        for name in ("Save", f"Check the webhook of {SHOP}"):
            page.locator("#policy-heading ~ form, .table-frame").get_by_role(
                "button", name=name, exact=True
            ).click()
            message = page.locator(".notice:focus")
            expect(message).to_be_in_viewport()
            assert (name, page.evaluate(COVERED)) == (name, [])


def test_what_came_of_an_operation_is_told_at_its_button(stack: Stack, open_page: Open) -> None:
    page = open_page("/gitlab", viewport=LOW)
    repair = page.get_by_role(
        "button", name=re.compile("(Create|Repair) the webhook of .*web-shop")
    )
    repair.press("Enter")
    outcome = page.locator(".toasts .notice", has_text=f"Webhook of {SHOP}: The webhook was")
    expect(outcome).to_be_in_viewport()
    expect(repair).to_be_focused()
    expect(repair).to_be_in_viewport()
    expect(
        page.locator("#operations .notice", has_text=f"Webhook of {SHOP}")
    ).not_to_be_in_viewport()


def test_the_focus_is_in_the_part_whose_button_is_gone(open_page: Open) -> None:
    page = open_page("/gitlab/mentions", viewport=LOW)
    page.get_by_role("button", name=re.compile("Look for mentions|Look again")).press("Enter")
    expect(page.locator("#progress")).to_contain_text(
        re.compile("would be linked|Nothing more|linked already")
    )
    expect(page.locator("#progress:focus, #progress :focus")).to_have_count(1)


def test_the_focus_stays_in_a_part_that_comes_to_rest(stack: Stack, open_page: Open) -> None:
    page = open_page("/status-rules", viewport=LOW)
    page.get_by_role("button", name="Try the rules").press("Enter")
    mode = page.locator("#rules-mode")
    expect(mode).to_contain_text("They have looked at every task")
    expect(page.locator("#rules-mode:focus, #rules-mode :focus")).to_have_count(1)
    page.get_by_role("button", name="End the trial").click()
    expect(mode).to_contain_text("The rules are off")


def test_what_came_of_a_step_that_has_folded_is_in_sight(stack: Stack, open_page: Open) -> None:
    page = open_page("/gitlab", viewport=LOW)
    page.get_by_role("heading", name="Connect to GitLab").click()
    page.locator("#base_url").press("Enter")
    message = page.locator(".notice", has_text="Saved.")
    expect(message).to_be_focused()
    expect(message).to_be_in_viewport()


def test_a_message_of_the_live_page_stands_below_its_content(stack: Stack, open_page: Open) -> None:
    for width in (1280, 390):
        page = open_page(stack.task_url, viewport={"width": width, "height": 2000})
        page.route("**/links/**", lambda route: route.abort())
        page.get_by_role("button", name="Refresh now").click()
        message = page.locator(".toasts .notice.is-red")
        expect(message).to_be_in_viewport()
        box, main = message.bounding_box(), page.locator("main").bounding_box()
        assert box is not None and main is not None
        assert box["y"] >= main["y"] + main["height"]
        assert page.evaluate(COVERED) == []


def test_a_message_about_the_connection_goes_when_the_connection_works_again(
    stack: Stack, open_page: Open
) -> None:
    page = open_page("/gitlab")
    faults = stack.gitlab.state.faults
    try:
        faults.answer("close", times=None)
        page.get_by_role("button", name="Validate").click()
        message = page.locator(".notices .notice", has_text="GitLab cannot be reached.")
        expect(message).to_be_focused()
        expect(page.get_by_role("heading", name="Not working")).to_be_visible()
    finally:
        faults.clear()
    expect(page.get_by_role("heading", name="Not working")).to_have_count(0, timeout=CHECKED_MS)
    expect(message).to_have_count(0)
    # The next key press goes on from the content.
    expect(page.locator("main")).to_be_focused()
