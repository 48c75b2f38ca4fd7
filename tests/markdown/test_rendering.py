"""Markdown as HTML: what it makes, and that it makes nothing else, whoever tries."""

from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitlab_links.markdown.rendering import ATTRIBUTES, TAGS, TextLink, rendered

# By hand, so that a change of the list is seen here.
ALLOWED = {"a": {"href", "rel"}, "ol": {"start"}}
PIECES = st.sampled_from(
    ["<", ">", '"', "'", "&", "`", "*", "_", "~", "[", "]", "(", ")", "!", "\\", "\n", "\n\n", " ",
     "    ", "# ", "- ", "1. ", "> ", "```", "<script>", "</script>", "<img src=x onerror=y>",
     "<svg/onload=z>", "<!--", "-->", "<![CDATA[", "<style>", "javascript:", "JaVaScRiPt:",
     "data:text/html,", "vbscript:", "&#106;", "&colon;", "http://a.b/", "https://", "//c.d",
     "mailto:e@f", "href=", "onclick=", "\t", "\r", "\u202e", "\x01", "x", "ACME-1"]
)  # fmt: skip
ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<!--><img src=x onerror=alert(1)>-->",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#x6A;avascript:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](java&Tab;script:alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](file:///etc/passwd)",
    "[x](//evil.example)",
    "[x](/logout)",
    "<javascript:alert(1)>",
    "![x](javascript:alert(1))",
    '![x](https://evil.example/pixel.png "t")',
    "![x](https://evil.example/onerror=alert(1)//)",
    '[x](https://a.b "onmouseover=alert(1)")',
    "[x](https://a.b/\"onmouseover='alert(1)')",
    "https://a.b/\"onmouseover='alert(1)'",
    "[a]: javascript:alert(1)\n\n[a]",
    '```"><script>alert(1)</script>\nx\n```',
    "`<script>alert(1)</script>`",
    "<style>@import 'https://evil.example'</style>",
    "<form action=https://evil.example><input name=q>",
    "<base href=https://evil.example>",
    "<meta http-equiv=refresh content=0>",
    "# <b onclick=alert(1)>x</b>",
]


class Reader(HTMLParser):
    """What a browser would make of it: tags with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f"a declaration: {decl}")


def check(html: str) -> list[tuple[str, dict[str, str | None]]]:
    found = Reader(html).found
    for tag, attributes in found:
        assert tag in TAGS, tag
        assert attributes.keys() <= ALLOWED.get(tag, set()), (tag, attributes)
        if tag == "a":
            href = attributes.get("href") or ""
            assert href.lower().startswith(("http://", "https://", "mailto:", "/tasks/")), href
            assert {"nofollow", "noopener"} <= set(str(attributes["rel"]).split())
    return found


def to_task(text: str) -> list[TextLink]:
    place = text.find("ACME-1")
    return [TextLink(place, place + 6, "/tasks/ACME-1")] if place >= 0 else []


def test_the_list_is_the_one_that_is_tested() -> None:
    assert {"*": set(), "a": {"href"}, "ol": {"start"}} == ATTRIBUTES
    assert not TAGS & {"script", "style", "img", "iframe", "svg", "form", "input", "object"}


@example("https://data:text/html, and [x](https://a:b/)")
@given(st.one_of(st.lists(PIECES, max_size=40).map("".join), st.text(max_size=200)))
def test_nothing_is_made_that_is_not_on_the_list(text: str) -> None:
    check(rendered(text, to_task))


@example(["> "] * 60)
@example(["- "] * 60)
@given(st.lists(st.sampled_from(["> ", "- ", "1. ", "# "]), min_size=15, max_size=60))
def test_no_text_is_lost_however_deep_it_is_nested(marks: list[str]) -> None:
    html = rendered("".join(marks) + "deepest\n\nbehind")
    check(html)
    assert "deepest" in html
    assert "behind" in html


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_makes_no_more_than_text(attack: str) -> None:
    for text in (attack, f"x {attack} y", f"- {attack}", f"**{attack}**", attack.upper()):
        links = [facts["href"] for tag, facts in check(rendered(text)) if tag == "a"]
        assert all({"evil.example", "a.b"} & {urlsplit(str(url)).hostname} for url in links)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        ("*a* **b** `c` ~~d~~", "<p><em>a</em> <strong>b</strong> <code>c</code> <s>d</s></p>"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("3. a", '<ol start="3">\n<li>a</li>\n</ol>'),
        ("# A\n#### B", "<h2>A</h2>\n<h3>B</h3>"),
        ("    four blanks", "<p>four blanks</p>"),
        ("```\nx<y\n```", "<pre><code>x&lt;y\n</code></pre>"),
        ("[a]: http://b.c", '<p>[a]: <a href="http://b.c" REL>http://b.c</a></p>'),
        ("see https://a.b/c_(d).", '<p>see <a href="https://a.b/c_(d)" REL>https://a.b/c_(d)</a>.</p>'),
        ("(https://a.b)", '<p>(<a href="https://a.b" REL>https://a.b</a>)</p>'),
        ("[w](https://a.b 't')", '<p><a href="https://a.b" REL>w</a></p>'),
        ("![w](https://a.b/c.png)", '<p><a href="https://a.b/c.png" REL>w</a></p>'),
        ("so!<http://a.b>", '<p>so!<a href="http://a.b" REL>http://a.b</a></p>'),
        ("ACME-1 `ACME-1` [ACME-1](http://a.b)",
         '<p><a href="/tasks/ACME-1" REL>ACME-1</a> <code>ACME-1</code> '
         '<a href="http://a.b" REL>ACME-1</a></p>'),
        ("a & b < c", "<p>a &amp; b &lt; c</p>"),
        ("https://.", "<p>https://.</p>"),
        ("https://a.b/ACME-1",
         '<p><a href="https://a.b/ACME-1" REL>https://a.b/ACME-1</a></p>'),
    ],
)  # fmt: skip
def test_what_people_write_is_shown_as_they_mean_it(text: str, html: str) -> None:
    wanted = html.replace("REL", 'rel="noopener noreferrer nofollow"')
    assert str(rendered(text, to_task)).strip() == wanted
