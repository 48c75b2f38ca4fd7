"""One rule for titles of tasks: nothing in them is invisible or turns the writing round."""

import re
import unicodedata

import pytest
from flask import Flask

from gitlab_links.tasks.titles import TITLE, title_problem
from tests.api.callers import Caller, browser, program
from tests.factories import Factory

SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
MISLEADING = {
    "Ship\u202egnp.exe": "RIGHT-TO-LEFT OVERRIDE (U+202E)",
    "Ship\u200b": "ZERO WIDTH SPACE (U+200B)",
    "Sh\xadip": "SOFT HYPHEN (U+00AD)",
    "\ufeffShip": "ZERO WIDTH NO-BREAK SPACE (U+FEFF)",
    "Ship\U000e0043": "TAG LATIN CAPITAL LETTER C (U+E0043)",
    "Ship\nit": "a line break (U+000A)",
    "Ship\tit": "a tab (U+0009)",
    f"{SCOTLAND}\U000e0043": "TAG LATIN CAPITAL LETTER C (U+E0043)",
    "\u200dShip": "Start with a visible character.",
}
FINE = ("👩\u200d💻 ❤\ufe0f", "می\u200cخواهم", "שלום", "注文\u3000確認", "10\xa0€", "🏳", SCOTLAND)


@pytest.fixture
def doors(app: Flask, factory: Factory) -> tuple[Caller, Caller, str]:
    """A program and a person, and the path of their org."""
    org = factory.org()
    person = browser(app, factory.membership(org).user_id)
    return program(app, factory.api_key(org)), person, f"/orgs/{org.id}"


def test_no_door_takes_a_misleading_title(doors: tuple[Caller, Caller, str]) -> None:
    api, page, base = doors
    made = api.post(f"/api{base}/tasks", json={"title": "Ship"}).headers["Location"]
    rest = {"description": "", "assignee_id": "", "due_date": "", "external_url": ""}
    wrong = {}
    for title, words in MISLEADING.items():
        new = api.post(f"/api{base}/tasks", json={"title": title})
        changed = api.patch(made, json={"title": title})
        form = page.post(f"{base}/tasks/new", data={**rest, "title": title})
        said = (*new.json["errors"]["title"], *changed.json["errors"]["title"], form.text)
        statuses = {new.status_code, changed.status_code, form.status_code}
        if statuses != {422} or not all(words in one for one in said):
            wrong[title] = (statuses, said)
    assert wrong == {}


def test_every_door_takes_what_people_write(doors: tuple[Caller, Caller, str]) -> None:
    api, page, base = doors
    rest = {"description": "", "assignee_id": "", "due_date": "", "external_url": ""}
    for title in FINE:
        new = api.post(f"/api{base}/tasks", json={"title": title})
        assert (new.status_code, new.json["task"]["title"]) == (201, title)
        form = page.post(f"{base}/tasks/new", data={**rest, "title": title})
        assert form.status_code == 302, title


def test_the_contract_says_the_same_of_every_sign_that_it_can_name() -> None:
    signs = [chr(number) for number in range(0x10000) if not 0xD800 <= number < 0xE000]
    texts = [text for sign in signs for text in (sign, f"a{sign}")]
    told = {text for text in texts if re.fullmatch(TITLE, text.replace("\n", "\x00"))}
    assert told == {text for text in texts if title_problem(text) is None}


def test_no_format_sign_is_taken_but_what_shapes_or_shows_something() -> None:
    signs = (chr(number) for number in range(0x110000) if not 0xD800 <= number < 0xE000)
    formats = [sign for sign in signs if unicodedata.category(sign) == "Cf"]
    taken = {sign for sign in formats if title_problem(f"a{sign}") is None}
    shaping = {"\u180e", "\u200c", "\u200d"}
    shown = {sign for sign in taken if "ARABIC" in unicodedata.name(sign)} | {"\u070f"}
    assert taken == shaping | shown
