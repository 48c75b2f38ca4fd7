"""Reading pages as a browser would: elements with their attributes, and the text."""

from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

from werkzeug.test import TestResponse

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
SELF_CLOSING = {"use", "rect", "path", "circle"}


@dataclass
class Element:
    """A tag with its attributes and all the text in it."""

    tag: str
    attributes: dict[str, str]
    parents: tuple[str, ...]
    text: str = ""

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    def get(self, name: str) -> str | None:
        return self.attributes.get(name)


@dataclass
class Markup(HTMLParser):
    """A parsed page. Raises on tags that are closed out of order."""

    elements: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[Element] = []

    @classmethod
    def of(cls, response: TestResponse) -> "Markup":
        """The page of an answer."""
        markup = cls()
        markup.feed(response.get_data(as_text=True))
        markup.close()
        assert not markup._open, [element.tag for element in markup._open]
        return markup

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"attribute given twice in <{tag}>: {names}"
        parents = tuple(element.tag for element in self._open)
        element = Element(tag, {name: value or "" for name, value in attrs}, parents)
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID | SELF_CLOSING, f"<{tag}/> is not closed by that in HTML"
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1].tag == tag, f"</{tag}> while <{self._open[-1].tag}> is open"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Elements of a tag with these attributes; ``class_`` is one of several classes."""
        return [
            element
            for element in self.elements
            if element.tag == tag and all(_has(element, *pair) for pair in attributes.items())
        ]

    def one(self, tag: str, **attributes: str) -> Element:
        found = self.all(tag, **attributes)
        assert len(found) == 1, f"{len(found)} <{tag}> with {attributes}"
        return found[0]

    def duplicate_ids(self) -> list[str]:
        """Ids that are given twice."""
        counts = Counter(e["id"] for e in self.elements if "id" in e.attributes)
        return [name for name, count in counts.items() if count > 1]


def _has(element: Element, name: str, value: str) -> bool:
    if name == "class_":
        return value in (element.get("class") or "").split()
    return element.get(name.replace("_", "-")) == value


def hidden(response: TestResponse, name: str) -> dict[str, str]:
    """A hidden field that each form with it bears alike, to be sent along."""
    (value,) = {field["value"] for field in Markup.of(response).all("input", name=name)}
    return {name: value}


def words(text: str) -> str:
    """A text with its white space as one reads it."""
    return " ".join(text.split())


def text_of(response: TestResponse) -> str:
    """What one reads in the main part of a page."""
    return words(Markup.of(response).one("main").text)
