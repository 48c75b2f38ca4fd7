"""One rule for titles of tasks: nothing in them is invisible or turns the writing round."""

import re
import unicodedata

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

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
    "\ue000": "Start with a visible character.",
    "\U000e0100Ship": "Start with a visible character.",
    "Ship\x00it": "NUL",
    "Ship\f": "a form feed (U+000C)",
    "\ufffdShip": "or U+FFFD, which stands for them",
    "Ship\x07it": "a character without a name (U+0007)",
    "\ufffeShip": "a character without a name (U+FFFE)",
    "Ship\U0010ffff": "a character without a name (U+10FFFF)",
}
# The last emoji is newer than the Unicode of Python 3.11.
EMOJI = ("👩\u200d💻 ❤\ufe0f", "🏳", SCOTLAND, "\U0001fae8")
FINE = (
    *EMOJI,
    "می\u200cخواهم",
    "שלום",
    "注文\u3000確認",
    "葛\U000e0100城",
    "10\xa0€",
    "For \uf8ff",
)
SIGNS = [chr(number) for number in range(0x110000) if not 0xD800 <= number < 0xE000]
NONCHARACTERS = [
    *(chr(number) for number in range(0xFDD0, 0xFDF0)),
    *(chr(plane + last) for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF)),
]


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


def test_half_a_surrogate_pair_which_no_form_can_have_is_named(
    doors: tuple[Caller, Caller, str],
) -> None:
    api, _, base = doors
    new = api.post(f"/api{base}/tasks", json={"title": "Ship\ud800it"})
    assert new.status_code == 422
    assert "half of a surrogate pair" in new.json["errors"]["title"][0]


def test_every_door_takes_what_people_write(doors: tuple[Caller, Caller, str]) -> None:
    api, page, base = doors
    rest = {"description": "", "assignee_id": "", "due_date": "", "external_url": ""}
    for title in FINE:
        new = api.post(f"/api{base}/tasks", json={"title": title})
        assert (new.status_code, new.json["task"]["title"]) == (201, title)
        form = page.post(f"{base}/tasks/new", data={**rest, "title": title})
        assert form.status_code == 302, title


def test_the_contract_says_the_same_of_every_sign_that_it_can_name() -> None:
    signs = [sign for sign in SIGNS if sign <= "\uffff"]
    texts = [text for sign in signs for text in (sign, f"a{sign}")]
    told = {text for text in texts if re.fullmatch(TITLE, text.replace("\n", "\x00"))}
    assert told == {text for text in texts if title_problem(text) is None}


def test_no_format_sign_is_taken_but_what_shapes_or_shows_something() -> None:
    formats = [sign for sign in SIGNS if unicodedata.category(sign) == "Cf"]
    taken = {sign for sign in formats if title_problem(f"a{sign}") is None}
    shaping = {"\u180e", "\u200c", "\u200d"}
    shown = {sign for sign in taken if "ARABIC" in unicodedata.name(sign)} | {"\u070f"}
    assert taken == shaping | shown


def test_every_letter_number_and_symbol_is_taken_but_what_shows_nothing() -> None:
    signs = [sign for sign in SIGNS if unicodedata.category(sign)[0] in "LNPS"]
    refused = {sign for sign in signs if title_problem(sign) is not None}
    fillers = set("\u115f\u1160\u3164\uffa0")
    assert refused == fillers | set("\u2800\ufffc\ufffd")


@given(st.text(), st.sampled_from(NONCHARACTERS), st.text())
def test_no_title_has_a_noncharacter(before: str, sign: str, after: str) -> None:
    assert title_problem(before + sign + after) is not None


@given(st.text(st.characters(categories=("Cc", "Co", "Zs", "Zl", "Zp")), min_size=1))
def test_no_title_has_only_what_nobody_sees(unseen: str) -> None:
    assert title_problem(unseen) is not None


@given(st.characters(categories=("Co",)))
def test_what_is_for_private_use_may_follow_a_visible_sign(sign: str) -> None:
    assert title_problem(f"a{sign}") is None
