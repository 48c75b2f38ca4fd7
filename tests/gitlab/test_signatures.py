"""Signed webhooks: what GitLab signs is accepted, everything else is refused."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.gitlab.signatures import is_signed, signature_valid, signing_token_problem

KEY = bytes(range(32))
TOKEN = "whsec_" + base64.b64encode(KEY).decode()
NOW = datetime(2026, 5, 28, 6, tzinfo=UTC)
BODY = '{"object_kind":"issue","title":"Pümp 🎉"}'.encode()


def signed(body=BODY, *, key=KEY, at=NOW, message_id="msg-1"):
    """Headers made by the scheme's own text, not by the library under test."""
    timestamp = str(int(at.timestamp()))
    to_sign = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(key, to_sign, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


def test_a_vector_computed_with_openssl_is_accepted():
    headers = {
        "webhook-id": "6a1f2c1e-4f3b-4d0a-9a57-3f1f2b3c4d5e",
        "webhook-timestamp": "1780000000",
        "webhook-signature": "v1,9Riz+jFlFjE+/S6xOkQGgnEj+vEjItSGuv93vw3k/J4=",
    }
    assert signature_valid(headers, b"{}", TOKEN, datetime.fromtimestamp(1780000000, UTC))


def test_what_gitlab_signed_is_accepted_with_header_names_in_any_case():
    assert signature_valid(signed(), BODY, TOKEN, NOW)
    assert signature_valid({k.title(): v for k, v in signed().items()}, BODY, TOKEN, NOW)


def test_one_good_signature_among_others_is_enough():
    good = signed()["webhook-signature"]
    for list_of_them in (
        f"v1,AAAA {good}",
        f"{good} v1a,x",
        f"v2,x nonsense {good}",
        f"v1,é {good}",
    ):
        assert signature_valid(signed() | {"webhook-signature": list_of_them}, BODY, TOKEN, NOW)


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 300])
def test_five_minutes_of_difference_are_tolerated(seconds):
    assert signature_valid(signed(at=NOW + timedelta(seconds=seconds)), BODY, TOKEN, NOW)


@pytest.mark.parametrize("seconds", [-86_400, -301, 301, 86_400])
def test_more_than_five_minutes_are_not(seconds):
    assert not signature_valid(signed(at=NOW + timedelta(seconds=seconds)), BODY, TOKEN, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg-2"},
        {"webhook-id": ""},
        {"webhook-timestamp": str(int(NOW.timestamp()) + 1)},
        {"webhook-timestamp": f"{NOW.timestamp()}"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "nan"},
        {"webhook-timestamp": "9" * 400},
        {"webhook-timestamp": "99999999999"},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "١٧٨"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,not base64!"},
        {"webhook-signature": "\ud800"},
        {"webhook-signature": " ".join(["v1,AAAA"] * 1_000)},
    ],
)
def test_a_changed_header_is_refused(change):
    assert not signature_valid(signed() | change, BODY, TOKEN, NOW)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_refused(name):
    headers = signed()
    del headers[name]
    assert not signature_valid(headers, BODY, TOKEN, NOW)


def test_another_body_key_or_version_is_refused():
    assert not signature_valid(signed(), BODY + b" ", TOKEN, NOW)
    assert not signature_valid(signed(key=b"x" * 32), BODY, TOKEN, NOW)
    other = signed()["webhook-signature"].replace("v1,", "v1a,")
    assert not signature_valid(signed() | {"webhook-signature": other}, BODY, TOKEN, NOW)


def test_a_body_that_is_not_utf_8_is_refused():
    assert not signature_valid(signed(b"\xff"), b"\xff", TOKEN, NOW)


@pytest.mark.parametrize("token", ["", "whsec_", "whsec_!!!", "whsec_é", "plain text"])
def test_a_broken_token_accepts_nothing(token):
    assert not signature_valid(signed(key=b""), BODY, token, NOW)


HEADER = st.text(max_size=40)


@given(HEADER, HEADER, HEADER, st.binary(max_size=40), HEADER)
def test_nothing_random_is_valid_and_nothing_raises(message_id, timestamp, signature, body, token):
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature,
    }
    assert not signature_valid(headers, body, token, NOW)


def test_a_request_with_the_signature_header_is_signed():
    assert is_signed({"Webhook-Signature": ""})
    assert not is_signed({"webhook-id": "x", "X-Gitlab-Token": "y"})


def test_a_proper_signing_token_has_no_problem():
    assert signing_token_problem(TOKEN) is None
    assert signing_token_problem(TOKEN.rstrip("=")) is None
    for length in (24, 64):
        assert signing_token_problem("whsec_" + base64.b64encode(b"k" * length).decode()) is None


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("", "starts with whsec_"),
        ("glpat-abc", "starts with whsec_"),
        ("WHSEC_" + TOKEN[6:], "starts with whsec_"),
        ("whsec_", "base64"),
        ("whsec_ " + TOKEN[6:], "base64"),
        (TOKEN + "\n", "base64"),
        ("whsec_abc-_def", "base64"),
        ("whsec_A", "base64"),
        ("whsec_" + base64.b64encode(b"short").decode(), "24 to 64 bytes"),
        ("whsec_" + base64.b64encode(b"x" * 65).decode(), "24 to 64 bytes"),
    ],
)
def test_a_bad_signing_token_is_explained_without_repeating_it(token, words):
    problem = signing_token_problem(token)
    assert words in problem
    assert len(token) <= 6 or token[6:] not in problem
