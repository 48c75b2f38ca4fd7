"""One rule for descriptions of tasks, whichever door they come by."""

from flask import Flask

from gitlab_links.tasks.descriptions import description_problem
from tests.api.callers import browser, program
from tests.factories import Factory

# JSON is read with U+FFFD in the place of NUL, so that the API names all that it may have been.
REFUSED = {
    "One\ntwo\x0b": "a vertical tab (U+000B), as in line 2.",
    "\fOne": "a form feed (U+000C), as in line 1.",
    "One\x85": "a character without a name (U+0085), as in line 1.",
    "One\x1b[0m": "a character without a name (U+001B), as in line 1.",
    "One\n\n\x7f": "a character without a name (U+007F), as in line 3.",
    "One\ufffd": "or U+FFFD, which stands for them, as in line 1.",
    "One\0": "NUL",
}
FINE = ("", "One\r\ntwo\n\n\tthree", "👩\u200d💻 ❤\ufe0f", "\u202eeno")


def test_what_is_refused_is_named_with_its_line() -> None:
    wrong = {text: said for text in REFUSED if not (said := description_problem(text))}
    assert wrong == {}
    assert [text for text in FINE if description_problem(text) is not None] == []


def test_both_doors_agree(app: Flask, factory: Factory) -> None:
    org = factory.org()
    person, key = browser(app, factory.membership(org).user_id), program(app, factory.api_key(org))
    fields = {"title": "x", "assignee_id": "", "due_date": "", "external_url": ""}
    for text, words in REFUSED.items():
        by_key = key.post(f"/api/orgs/{org.id}/tasks", json={"title": "x", "description": text})
        by_page = person.post(f"/orgs/{org.id}/tasks/new", data={**fields, "description": text})
        assert (by_key.status_code, by_page.status_code) == (422, 422), repr(text)
        assert words in by_key.json["errors"]["description"][0]
        assert words in by_page.text
    for text in FINE:
        by_key = key.post(f"/api/orgs/{org.id}/tasks", json={"title": "x", "description": text})
        by_page = person.post(f"/orgs/{org.id}/tasks/new", data={**fields, "description": text})
        assert (by_key.status_code, by_page.status_code) == (201, 302), repr(text)
