"""Check signed webhooks. GitLab 19 signs them by the Standard Webhooks scheme."""

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime

TOLERANCE_SECONDS = 300
TOKEN_PREFIX = "whsec_"
_MIN_KEY_BYTES, _MAX_KEY_BYTES = 24, 64  # required by Standard Webhooks
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_TIMESTAMP = re.compile(r"[0-9]{1,11}")
_MAX_SIGNATURES = 10


def is_signed(headers: Mapping[str, str]) -> bool:
    """Whether the request has a signature; header names are case-insensitive."""
    return any(name.lower() == "webhook-signature" for name, _ in headers.items())


def signature_valid(
    headers: Mapping[str, str], body: bytes, signing_token: str, now: datetime
) -> bool:
    """Whether a signature matches and its timestamp is within 5 minutes of ``now``.

    ``signing_token`` is GitLab's ``whsec_...``. Anything malformed is not valid.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    message_id, timestamp = lower.get("webhook-id"), lower.get("webhook-timestamp")
    signatures = lower.get("webhook-signature")
    if not message_id or not signatures or not timestamp or not _TIMESTAMP.fullmatch(timestamp):
        return False
    sent_at = datetime.fromtimestamp(int(timestamp), UTC)
    if abs((now - sent_at).total_seconds()) > TOLERANCE_SECONDS:
        return False
    expected = _sign(signing_token, message_id, sent_at, body)
    if expected is None:
        return False
    candidates = signatures.split(" ")[:_MAX_SIGNATURES]
    matches = [hmac.compare_digest(expected, one.encode("utf-8", "replace")) for one in candidates]
    return any(matches)


def _sign(token: str, message_id: str, sent_at: datetime, body: bytes) -> bytes | None:
    # Imported here, so that a web process without signed webhooks does not load it.
    from standardwebhooks import Webhook

    # Webhook.verify would use the wall clock instead of the service's clock, and would stop at
    # the first signature that it cannot read.
    try:
        signature: str = Webhook(token).sign(message_id, sent_at, body.decode("utf-8"))
    except Exception:  # the library raises ValueError and others; all are refusals
        return None
    return signature.encode("ascii")


def signing_token_problem(token: str) -> str | None:
    """The problem with a signing token, as a sentence; None if there is none."""
    if not token.startswith(TOKEN_PREFIX):
        return f"A signing token starts with {TOKEN_PREFIX}; copy it from GitLab's webhook form."
    encoded = token.removeprefix(TOKEN_PREFIX)
    key = b""
    if _BASE64.fullmatch(encoded) is not None:
        try:
            key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except binascii.Error:
            key = b""
    if not key:
        return f"The part after {TOKEN_PREFIX} is not base64."
    if not _MIN_KEY_BYTES <= len(key) <= _MAX_KEY_BYTES:
        return (
            f"A signing token has a key of {_MIN_KEY_BYTES} to {_MAX_KEY_BYTES} bytes; "
            f"this one has {len(key)}."
        )
    return None
