"""The open page follows GitLab without a reload, quietly, and cheaply."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, Request, Response, expect

from gitlab_links.demo.gitlab.records import Item
from gitlab_links.demo.sample_tasks import SHOP
from gitlab_links.pages import times
from tests.hanging import HANGS
from tests.pages.browser.conftest import Open, Stack, fill_in_login, log_in, new_context, notice

HIDING = """
Object.defineProperty(document, "hidden", {get: () => Boolean(window.isHidden)});
"""


@pytest.fixture
def issue(stack: Stack) -> Item:
    """The first task's issue."""
    state = stack.gitlab.state
    return state.items.find(state.projects.get(SHOP), "issue", 1)


def requests(page: Page) -> list[Request]:
    """The page's questions from now on."""
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if is_poll(request) else 0)
    return asked


def is_poll(sent: Request | Response) -> bool:
    return sent.url.endswith("/links")


def polls(page: Page) -> list[Response]:
    """The answers to the page's questions from now on."""
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer) if is_poll(answer) else 0)
    return answers


def row(page: Page):  # type: ignore[no-untyped-def]
    return page.locator(f'.item[data-reference="{SHOP}#1"]')


def wait_for(page: Page, count: int, answers: Sequence[Request | Response]) -> None:
    """Until the page has asked that often."""
    deadline = time.monotonic() + HANGS
    while len(answers) < count:
        assert time.monotonic() < deadline
        page.wait_for_timeout(100)


def wait_until_steady(page: Page) -> None:
    """Wait until every row has been read and the page asks at its steady pace."""
    expect(page.locator('.item[data-sync="never"]')).to_have_count(0)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    page.wait_for_timeout(500)


def test_a_change_in_gitlab_appears_by_itself(stack: Stack, open_page: Open, issue: Item) -> None:
    page = open_page(stack.task_url)
    wait_until_steady(page)
    link = row(page).locator("a.item-title")
    link.focus()
    page.evaluate("document.querySelectorAll('.item').forEach((item) => { item.known = true; })")
    title = f"Changed at {time.monotonic_ns()}"
    stack.gitlab.state.items.edit(issue, title=title, labels=["bug", "priority::2"])
    expect(link).to_have_text(title)
    expect(row(page).locator(".labels")).to_contain_text("priority")
    expect(link).to_be_focused()
    expect(page.locator("[data-announcer]")).to_contain_text(f"{SHOP}#1 changed: {title}")
    kept = page.evaluate("[...document.querySelectorAll('.item')].every((item) => item.known)")
    assert kept, "rows were replaced, not changed in place"


def test_closing_changes_the_state_and_reopening_again(
    stack: Stack, open_page: Open, issue: Item
) -> None:
    page = open_page(stack.task_url)
    wait_until_steady(page)
    state = row(page).locator("[data-state]")
    stack.gitlab.state.items.close(issue)
    expect(state).to_have_text("Closed")
    stack.gitlab.state.items.reopen(issue)
    expect(state).to_have_text("Open")


def test_an_idle_page_costs_empty_answers_every_second_and_a_half(
    stack: Stack, open_page: Open
) -> None:
    page = open_page(stack.task_url)
    wait_until_steady(page)
    began, answers = time.monotonic(), polls(page)
    page.wait_for_timeout(6000)
    assert len(answers) <= (time.monotonic() - began) / 1.5 + 1
    wait_for(page, 2, answers)
    unchanged = [answer for answer in answers if answer.status == 304]
    assert len(unchanged) >= len(answers) - 1  # a scheduled refresh may come in between


def test_a_hidden_page_rests_and_looks_at_once_when_it_is_seen_again(
    stack: Stack, open_page: Open
) -> None:
    page = open_page(stack.task_url)
    page.add_init_script(HIDING)
    page.reload()
    wait_until_steady(page)
    page.evaluate("window.isHidden = true; document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_timeout(2000)
    asked = requests(page)  # what was asked before may be answered late
    page.wait_for_timeout(3000)
    assert asked == []
    page.evaluate("window.isHidden = false; document.dispatchEvent(new Event('visibilitychange'))")
    wait_for(page, 1, asked)


def test_a_page_that_was_cut_off_says_so_and_catches_up(
    stack: Stack, open_page: Open, issue: Item
) -> None:
    page = open_page(stack.task_url)
    wait_until_steady(page)
    page.context.set_offline(True)
    expect(page.get_by_text("Reconnecting…")).to_be_visible()
    title = f"Changed while away at {time.monotonic_ns()}"
    stack.gitlab.state.items.edit(issue, title=title)
    page.wait_for_timeout(2000)
    page.context.set_offline(False)
    expect(row(page).locator("a.item-title")).to_have_text(title)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()


def test_what_one_tab_links_the_other_shows(stack: Stack, open_page: Open) -> None:
    first, second = open_page(stack.task_url), open_page(stack.task_url)
    wait_until_steady(second)
    before = second.locator(".item").count()
    state = stack.gitlab.state
    url = state.urls.item(state.items.find(state.projects.get(SHOP), "issue", 2))
    first.get_by_label("Link an issue or merge request").fill(url)
    first.keyboard.press("Enter")
    expect(second.locator(".item")).to_have_count(before + 1)
    expect(second.locator("[data-links-count]")).to_have_text(str(before + 1))
    first.get_by_role("button", name=f"Unlink {SHOP}#2").click()
    expect(second.locator(".item")).to_have_count(before)


def test_new_deliveries_wait_while_somebody_is_at_the_list(
    open_page: Open, stack: Stack, issue: Item, delivery_path: str
) -> None:
    stack.gitlab.state.sender.wait_idle(HANGS)  # what other tests have changed is listed
    page = open_page("/deliveries")
    rows = page.locator("[data-rows] > tr")
    shown = rows.first.get_attribute("id")
    rows.first.locator("a").focus()
    stack.gitlab.state.items.edit(issue, title=f"Delivered at {time.monotonic_ns()}")
    button = page.get_by_role("button", name="newer deliver")
    expect(button).to_be_visible()
    expect(rows.first).to_have_id(str(shown))
    expect(rows.first.locator("a")).to_be_focused()
    button.press("Enter")
    expect(rows.first).not_to_have_id(str(shown))
    expect(rows.first.locator("a")).to_be_focused()


def test_a_page_whose_session_ended_goes_to_the_login(stack: Stack, open_page: Open) -> None:
    page = open_page(stack.task_url)
    wait_until_steady(page)
    page.context.clear_cookies()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


@pytest.mark.parametrize("sent", [False, True], ids=["typed", "sent"])
def test_what_is_in_the_link_field_survives_the_end_of_the_session(
    stack: Stack, open_page: Open, *, sent: bool
) -> None:
    page = open_page(stack.task_url)
    wait_until_steady(page)
    field = page.get_by_label("Link an issue or merge request")
    field.fill("acme/nope#77")
    if sent:  # by Enter, before the page learns it by its next question, which is not answered
        page.route("**/links", lambda route: route.request.method == "GET" or route.continue_())
    page.context.clear_cookies()
    if sent:
        field.press("Enter")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    fill_in_login(page)
    expect(notice(page, "Your form was not saved.")).to_be_visible()
    expect(field).to_have_value("acme/nope#77")
    assert page.url.startswith(stack.task_url), "one is where one was"


def test_a_page_older_than_a_login_in_another_tab_keeps_the_link_field(
    stack: Stack, browser: Browser, open_page: Open
) -> None:
    page = open_page(stack.task_url)
    wait_until_steady(page)
    page.get_by_label("Link an issue or merge request").fill("acme/nope#78")
    elsewhere = new_context(browser)
    log_in(elsewhere.new_page(), stack)
    page.context.add_cookies(elsewhere.cookies())  # type: ignore[arg-type]
    elsewhere.close()
    page.get_by_label("Link an issue or merge request").press("Enter")
    page.get_by_role("link", name="Back to the form").click()
    expect(page.get_by_label("Link an issue or merge request")).to_have_value("acme/nope#78")


@pytest.mark.parametrize("sign", [1, -1], ids=["ago", "until"])
def test_the_browser_says_moments_like_the_server(stack: Stack, open_page: Open, sign: int) -> None:
    page = open_page(stack.task_url)
    seconds = [0, 4, 6, 59, 62, 3598, 3602, 7300, 172_790, 172_810, 9 * 86_400, 40 * 86_400]
    now, shown = page.evaluate(
        """async ([url, seconds, sign]) => {
            const { setServerTime, updateTimes } = await import(url);
            const now = Date.now();
            Date.now = () => now;
            setServerTime(now);
            const elements = seconds.map((s) => {
                const time = document.createElement("time");
                time.dateTime = new Date(now - sign * s * 1000).toISOString();
                time.dataset.relative = "";
                if (sign < 0) time.dataset.until = "";
                document.body.append(time);
                return time;
            });
            updateTimes();
            return [now, elements.map((time) => [time.dateTime, time.textContent])];
        }""",
        [page.locator("script[src$='task.js']").get_attribute("src").replace("task", "times"),  # type: ignore[union-attr]
         seconds, sign],
    )  # fmt: skip
    say = times.ago if sign > 0 else times.until
    now_there = datetime.fromtimestamp(now / 1000, UTC)
    for moment, words in shown:
        assert words == say(datetime.fromisoformat(moment), now_there), moment
