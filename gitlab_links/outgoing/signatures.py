"""Sign what goes out, by the Standard Webhooks scheme, and keep the secrets for it."""

import base64
import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime

from gitlab_links.security import cipher

PREFIX = "whsec_"
KEY_BYTES = 32
# The first is that of the addresses of health alerts, which became endpoints.
URL, SECRET = "notify-url", "endpoint-secret"


def new_signing_secret() -> str:
    """A new secret, as the libraries of Standard Webhooks take it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def seal(text: str, org_id: uuid.UUID, endpoint_id: uuid.UUID, purpose: str) -> str:
    """Encrypt a text for one endpoint alone."""
    path = str(endpoint_id)
    return cipher().encrypt(text, org_id=org_id, origin="", purpose=purpose, path=path)


def unseal(ciphertext: str, org_id: uuid.UUID, endpoint_id: uuid.UUID, purpose: str) -> str:
    """Decrypt what :func:`seal` encrypted; raises the conflicts of encryption keys."""
    path = str(endpoint_id)
    return cipher().decrypt(ciphertext, org_id=org_id, origin="", purpose=purpose, path=path)


def signed_headers(
    message_id: str, sent_at: datetime, body: bytes, signing: Sequence[str]
) -> dict[str, str]:
    """The three headers of Standard Webhooks, with a signature by each secret."""
    # Imported here, so that a web process that sends nothing does not load it.
    from standardwebhooks import Webhook

    text = body.decode()
    signatures = [Webhook(secret).sign(message_id, sent_at, text) for secret in signing]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
