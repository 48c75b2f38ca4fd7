"""The one rule for the web address of a task."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.errors import Invalid
from gitlab_links.tasks.web_urls import checked_web_url, is_web_url


@pytest.mark.parametrize(
    "text",
    [
        "https://tracker.example.com/4711", "http://10.0.0.1:8080/x?y=z#f", "HTTPS://Example.com",
        "https://[fd00::1]:8443/", "https://tracker", "https://xn--bcher-kva.example/",
        "https://a_b.example.com/%C3%BC",
    ],
)  # fmt: skip
def test_a_web_address_is_kept_as_it_is(text: str) -> None:
    assert checked_web_url(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "tracker.example.com", "javascript:alert(1)", "ftp://example.com", "https://",
        "https:///x", "https://?x", "https://a b", "https://exаmple.com/", "https://example.com/ü",
        "https://example.com/\u200b", "https://exam\u200dple.com", "https://example\u3002com",
        "https://example.com\n", "https://real.example@evil.example/", "https://a:b@c.example",
        "https://example.com\\@evil.example", "https://example.com/" + "x" * 500, "https://.example",
    ],
)  # fmt: skip
def test_addresses_that_open_no_page_or_imitate_another_are_refused(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        checked_web_url(text)
    assert list(refusal.value.errors) == ["external_url"]


def test_a_task_needs_no_address() -> None:
    assert checked_web_url(None) is None


@given(st.text(max_size=40))
def test_whatever_is_taken_is_visible_ascii(text: str) -> None:
    if is_web_url(f"https://{text}"):
        assert text.isascii()
        assert text.isprintable()
        assert " " not in text
