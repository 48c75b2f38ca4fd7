"""Verify a webhook by the text of the Standard Webhooks specification, without its library."""

import base64
import hashlib
import hmac
from collections.abc import Mapping


def verified(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether one of the signatures is that of the secret."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return f"v1,{expected}" in headers["webhook-signature"].split(" ")
