"""Signed webhooks: GitLab 19 signs by the Standard Webhooks scheme."""

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime

TOLERANCE_SECONDS = 300
TOKEN_PREFIX = "whsec_"
_MIN_KEY_BYTES, _MAX_KEY_BYTES = 24, 64  # what Standard Webhooks asks of a key
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_TIMESTAMP = re.compile(r"[0-9]{1,11}")
_MAX_SIGNATURES = 10


def is_signed(headers: Mapping[str, str]) -> bool:
    """Whether the request claims a signature; header names in any case."""
    return any(name.lower() == "webhook-signature" for name, _ in headers.items())


def signature_valid(
    headers: Mapping[str, str], body: bytes, signing_token: str, now: datetime
) -> bool:
    """Whether one of the signatures is ours and its timestamp within 5 minutes of ``now``.

    ``signing_token`` is GitLab's ``whsec_...``. Anything malformed is simply not valid.
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
    # Here because the web process should not pay for it where nobody signs.
    from standardwebhooks import Webhook

    # Webhook.verify would compare with the wall clock, not with the one clock of the service,
    # and stop at the first signature it cannot read.
    try:
        signature: str = Webhook(token).sign(message_id, sent_at, body.decode("utf-8"))
    except Exception:  # the library raises plain ValueError and more; each is a refusal
        return None
    return signature.encode("ascii")


def signing_token_problem(token: str) -> str | None:
    """What is wrong with a signing token, as a sentence; None if nothing is."""
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
        return f"Behind {TOKEN_PREFIX} a signing token is base64, and this is not."
    if not _MIN_KEY_BYTES <= len(key) <= _MAX_KEY_BYTES:
        return (
            f"A signing token holds {_MIN_KEY_BYTES} to {_MAX_KEY_BYTES} bytes of key, "
            f"and this one {len(key)}."
        )
    return None
