"""Untrusted bodies: JSON of every kind, and bodies that only resemble it."""

import json
import math
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitlab_links.errors import BadRequest, BodyTooLarge, InvalidJson, JsonTooDeep
from gitlab_links.gitlab.json_body import MAX_VALUES, parse_json

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**90), 10**90)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"\xef\xbb\xbf",
        b"nonsense",
        b"{",
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a":1}{"b":2}',
        b'{"a":NaN}',
        b"[Infinity]",
        b"-Infinity",
        b'"raw \x00 in a string"',
        b'"raw \n in a string"',
        b"\xff\xfe{\x00}\x00",
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        '{"a":1}'.encode("utf-16"),
        "[1]".encode("utf-32"),
        b"01",
        b"+1",
        b"\x00",
    ],
)
@pytest.mark.parametrize("infinite", [False, True])
def test_what_is_not_json_in_utf_8_is_refused(body, infinite):
    with pytest.raises(InvalidJson) as caught:
        parse_json(body, infinite=infinite)
    assert (caught.value.status, caught.value.code) == (400, "invalid_json")
    assert caught.value.detail.startswith("The body is not ")


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
@pytest.mark.parametrize("levels", [65, 1_000, 100_000, 2_000_000])
def test_a_deep_body_is_refused_however_deep(opening, levels):
    closing = opening.replace("[", "]").replace('{"a":', "}")[::-1]
    body = opening * levels + "1" + closing * levels
    with pytest.raises(JsonTooDeep) as caught:
        parse_json(body.encode())
    assert (caught.value.status, caught.value.code) == (400, "json_too_deep")
    assert caught.value.detail == "The body nests deeper than 64 levels."


def test_an_unclosed_deep_body_is_refused():
    for levels in (65, 5_000, 25_000_000):
        with pytest.raises(BadRequest):
            parse_json(b"[" * levels)


def test_the_bound_on_depth_is_exact():
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        assert parse_json(opening * 64 + b"1" + closing * 64)
        with pytest.raises(JsonTooDeep):
            parse_json(opening * 65 + b"1" + closing * 65)


@pytest.mark.parametrize("opening", [b"[", b" [ ", b'{"a":', b' { "' + b"a" * 99 + b'" : '])
def test_a_body_of_too_many_values_is_deep_where_it_begins_so(opening):
    with pytest.raises(JsonTooDeep):
        parse_json(opening * 65 + b"0," * MAX_VALUES)
    with pytest.raises(BodyTooLarge):
        parse_json(opening * 64 + b"0," * MAX_VALUES)


def test_depth_counts_nesting_and_not_brackets():
    wide = [{"a": [{}]}] * 200
    assert parse_json(json.dumps(wide).encode()) == wide
    assert parse_json(b'"' + b"[" * 1_000 + b'"') == "[" * 1_000


def test_characters_that_a_database_refuses_are_replaced():
    assert parse_json(rb'{"a\u0000b": ["\ud800", "x\udfffy", "\uD83D\uDE00"]}') == {
        "a\N{REPLACEMENT CHARACTER}b": [
            "\N{REPLACEMENT CHARACTER}",
            "x\N{REPLACEMENT CHARACTER}y",
            "\N{GRINNING FACE}",
        ]
    }
    assert parse_json(rb'"\\u0000"') == r"\u0000"


def test_each_half_of_a_surrogate_pair_is_replaced_however_it_is_written():
    assert parse_json(rb'"\u0000"') == "\N{REPLACEMENT CHARACTER}"
    for code in range(0xD800, 0xE000):
        for written in (f'"\\u{code:x}"', f'"\\u{code:X}"'):
            assert parse_json(written.encode()) == "\N{REPLACEMENT CHARACTER}"


def test_numbers_past_all_use_are_read_as_null():
    body = b"[1e400, -1e400, 1e-400, " + b"7" * 5_000 + b", 9223372036854775808, 1.5]"
    assert parse_json(body) == [None, None, 0.0, None, 2**63, 1.5]


def test_numbers_past_all_use_are_infinite_on_request():
    body = b"[1e400, -1e400, " + b"7" * 101 + b", " + b"7" * 100 + b", null]"
    assert parse_json(body, infinite=True) == [
        math.inf, -math.inf, math.inf, int("7" * 100), None,
    ]  # fmt: skip
    assert parse_json(body) == [None, None, None, int("7" * 100), None]


def test_a_byte_order_mark_is_no_part_of_the_body():
    assert parse_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_a_body_of_too_many_values_is_refused_before_it_fills_the_memory():
    for filler in (b"0", b"[]", b"{}", b'{"a":0}'):
        started = time.process_time()
        with pytest.raises(BodyTooLarge) as caught:
            parse_json(b"[" + b",".join([filler] * (MAX_VALUES + 1)) + b"]")
        assert time.process_time() - started < 1
        assert caught.value.detail == "The body holds more than 1,000,000 values."


def test_the_bound_on_values_is_exact():
    most = b"[" + b"0," * (MAX_VALUES - 1) + b"0"
    assert len(parse_json(most + b"]")) == MAX_VALUES
    with pytest.raises(BodyTooLarge):
        parse_json(most + b",0]")


def test_white_space_between_brackets_costs_no_time():
    body = (b"[" + b" " * 20_000) * 60 + b"0," * MAX_VALUES
    started = time.process_time()
    with pytest.raises(BodyTooLarge):
        parse_json(body)
    assert time.process_time() - started < 1


def test_one_long_string_is_no_matter():
    body = b'{"title":"' + b"a" * 25_000_000 + b'"}'
    assert len(parse_json(body)["title"]) == 25_000_000


def test_brackets_in_one_long_string_cost_no_time():
    text = "[" * MAX_VALUES + "a" * 24_000_000
    started = time.process_time()
    assert parse_json(f'"{text}"'.encode()) == text
    assert time.process_time() - started < 1


@given(JSON, st.booleans())
def test_json_comes_back_as_it_was_sent(value, escaped):
    assert parse_json(json.dumps(value, ensure_ascii=escaped).encode()) == value


@given(st.binary() | st.text().map(str.encode) | JSON.map(json.dumps).map(str.encode))
@example(b"[" * 200)
def test_no_bytes_make_the_parser_fail(body):
    try:
        value = parse_json(body)
    except BadRequest:
        return
    # Whatever was accepted can be written out again, in strict JSON and in UTF-8.
    assert b"\\u0000" not in json.dumps(value, allow_nan=False).encode("utf-8")
    json.dumps(value, ensure_ascii=False).encode("utf-8")
