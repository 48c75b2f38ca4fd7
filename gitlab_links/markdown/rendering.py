"""Simple Markdown as HTML of a short list of tags. Pure.

Raw HTML is text. The parser makes nothing but what is allowed; its output is cleaned by the same
list once more, so that a fault in one of the two lets nothing through.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, blockquote, list_block
from markdown_it.token import Token
from markupsafe import Markup

HEADINGS = ("h2", "h3", "h4", "h5", "h6")
TAGS = frozenset(
    {"p", "br", "hr", "a", "strong", "em", "s", "code", "pre", "blockquote", "ul", "ol", "li"}
) | set(HEADINGS)
ATTRIBUTES: dict[str, set[str]] = {"*": set(), "a": {"href"}, "ol": {"start"}}
SCHEMES = frozenset({"http", "https", "mailto"})
REL = "noopener noreferrer nofollow"
# What is left of a link whose address is none, such as one with letters for a port.
_NO_LINK = re.compile(rf'<a rel="{REL}">(.*?)</a>', re.DOTALL)
# So many levels of quotes and lists are shown as such.
DEEPEST = 20
_WEB = re.compile(r"(https?://|mailto:)", re.IGNORECASE)
_BARE = re.compile(r"(?<![A-Za-z0-9])https?://[^\s<>\"`]+", re.IGNORECASE)
_BEHIND = ".,;:!?'*_~"


@dataclass(frozen=True, slots=True)
class TextLink:
    """A part of a text that is a link, from ``start`` to ``end``."""

    start: int
    end: int
    url: str


FindLinks = Callable[[str], Iterable[TextLink]]
BlockRule = Callable[[StateBlock, int, int, bool], bool]


def rendered(text: str, find_links: FindLinks = lambda _text: ()) -> Markup:
    """The text as HTML. Addresses of the web are links, and what ``find_links`` finds in a
    text that is no code and no link yet.
    """
    tokens = _PARSER.parse(text)
    level = 1
    for token in tokens:
        if token.type == "heading_open":
            # Below the title of the page, and no level is skipped.
            level = min(max(int(token.tag[1]), 2), level + 1)
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{level}"
        if token.type == "inline":
            token.children = list(_with_links(token.children or [], find_links))
    html = _PARSER.renderer.render(tokens, _PARSER.options, {})
    cleaned = _NO_LINK.sub(r"\1", _CLEANER.clean(html))
    return Markup(cleaned)  # noqa: S704  # this is what has just been cleaned


def _make_parser() -> MarkdownIt:
    # The parser drops what is nested deeper than it may be: it never is, see _while_shallow.
    options = {"html": False, "breaks": True, "maxNesting": 2 * DEEPEST}
    parser = MarkdownIt("commonmark", options)
    for name, rule, alternatives in (
        ("blockquote", blockquote, ["paragraph", "reference", "blockquote", "list"]),
        ("list", list_block, ["paragraph", "reference", "blockquote"]),
    ):
        parser.block.ruler.at(name, _while_shallow(rule), {"alt": alternatives})
    parser.enable("strikethrough")
    # Images would be fetched from foreign hosts; four blanks are no code in what people write;
    # the definition of a reference would disappear.
    parser.disable(["image", "html_block", "html_inline", "code", "reference"])
    parser.validateLink = lambda url: _WEB.match(url) is not None  # type: ignore[method-assign]
    return parser


def _while_shallow(rule: BlockRule) -> BlockRule:
    """The rule, down to ``DEEPEST``; below that the text stands as it was typed."""

    def shallow(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        return state.level < DEEPEST and rule(state, start, end, silent)

    return shallow


_PARSER = _make_parser()
_CLEANER = nh3.Cleaner(
    tags=set(TAGS),
    attributes=ATTRIBUTES,
    url_schemes=set(SCHEMES),
    link_rel=REL,
    clean_content_tags={"script", "style"},
)


def _with_links(children: Sequence[Token], find_links: FindLinks) -> Iterator[Token]:
    depth = 0
    for token, after in zip_longest(children, children[1:]):
        if after is not None and _is_image(token, after):
            token.content = token.content[:-1]
        depth += token.nesting if token.type in {"link_open", "link_close"} else 0
        if token.type == "text" and depth == 0:
            yield from _split(token.content, find_links)
        else:
            yield token


def _is_image(token: Token, after: Token) -> bool:
    """Whether the link behind a ``!`` is that of an image. Links in angle brackets are none."""
    is_link = after.type == "link_open" and after.markup != "autolink"
    return token.type == "text" and token.content.endswith("!") and is_link


def _split(text: str, find_links: FindLinks) -> Iterator[Token]:
    done = 0
    found = sorted([*_addresses(text), *find_links(text)], key=lambda link: (link.start, -link.end))
    for link in found:
        if link.start < done:
            continue
        yield _text(text[done : link.start])
        yield Token("link_open", "a", 1, attrs={"href": _PARSER.normalizeLink(link.url)})
        yield _text(text[link.start : link.end])
        yield Token("link_close", "a", -1)
        done = link.end
    yield _text(text[done:])


def _addresses(text: str) -> Iterator[TextLink]:
    for match in _BARE.finditer(text):
        url = match.group().rstrip(_BEHIND)
        unopened = url.count(")") - url.count("(")
        while unopened > 0 and url.endswith(")"):
            url, unopened = url[:-1].rstrip(_BEHIND), unopened - 1
        if len(url) > len("https://"):
            yield TextLink(match.start(), match.start() + len(url), url)


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)
