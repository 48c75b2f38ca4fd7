"""One webhook request: its headers, its signature, the attempt itself."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import requests

from gitlab_links.demo.gitlab.hooks import Hook, HookEvent
from gitlab_links.demo.gitlab.timing import Clock

VERSION = "19.1.2"
TIMEOUT_SECONDS = 10
RESPONSE_BODY_KEPT = 8192
NO_ANSWER = "internal error"
SECRET_PREFIX = "whsec_"


@dataclass(frozen=True)
class Outgoing:
    """A webhook on its way. ``hook_name`` is GitLab's, as ``confidential_issue_hooks``.

    The key stays when the event is sent again; the UUID of the event does too, and that
    of the attempt does not.
    """

    hook: Hook
    hook_name: str
    body: bytes
    idempotency_key: str = field(default_factory=lambda: str(uuid.uuid4()))
    event_uuid: str = field(default_factory=lambda: str(uuid.uuid4()))


def event_header(hook_name: str) -> str:
    """``confidential_issue_hooks`` -> ``Confidential Issue Hook``."""
    return hook_name.removesuffix("s").replace("_", " ").title()


def encode(body: dict[str, Any]) -> bytes:
    """Compact JSON, as GitLab sends it."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def sign(signing_token: str, webhook_id: str, timestamp: str, body: bytes) -> str:
    """The ``webhook-signature`` header of Standard Webhooks."""
    key = base64.b64decode(signing_token.removeprefix(SECRET_PREFIX))
    digest = hmac.new(key, f"{webhook_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


class Courier:
    """Makes attempts in the name of one instance of GitLab."""

    def __init__(self, clock: Clock) -> None:
        self.instance = "http://gitlab.example.com"
        self._clock = clock
        self._http = requests.Session()
        # The proxies of the machine are not GitLab's.
        self._http.trust_env = False

    def headers(self, outgoing: Outgoing) -> dict[str, str]:
        """Every header of an attempt."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"GitLab/{VERSION}",
            "X-Gitlab-Event": event_header(outgoing.hook_name),
            "X-Gitlab-Event-UUID": outgoing.event_uuid,
            "X-Gitlab-Instance": self.instance,
            "X-Gitlab-Webhook-UUID": str(uuid.uuid4()),
            "Idempotency-Key": outgoing.idempotency_key,
            **self._standard_webhooks(outgoing),
        }
        if outgoing.hook.token:
            headers["X-Gitlab-Token"] = outgoing.hook.token
        return headers

    def _standard_webhooks(self, outgoing: Outgoing) -> dict[str, str]:
        timestamp = str(int(self._clock.now().timestamp()))
        headers = {"webhook-id": outgoing.idempotency_key, "webhook-timestamp": timestamp}
        if outgoing.hook.signing_token:
            headers["webhook-signature"] = sign(
                outgoing.hook.signing_token, outgoing.idempotency_key, timestamp, outgoing.body
            )
        return headers

    def attempt(self, outgoing: Outgoing, event_id: int) -> HookEvent:
        """Send once and return the result; its status is ``internal error`` without an answer."""
        headers = self.headers(outgoing)
        answered: dict[str, str] = {}
        text, status, started = "", NO_ANSWER, time.monotonic()
        try:
            with self._http.post(
                outgoing.hook.url,
                data=outgoing.body,
                headers=headers | {"Connection": "close"},
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
                verify=outgoing.hook.enable_ssl_verification,
            ) as response:
                answered, status = dict(response.headers), str(response.status_code)
                text = response.text[:RESPONSE_BODY_KEPT]
        except (requests.RequestException, OSError, ValueError):
            status = NO_ANSWER
        if "X-Gitlab-Token" in headers:
            headers["X-Gitlab-Token"] = "[REDACTED]"
        return HookEvent(
            id=event_id,
            url=outgoing.hook.url,
            trigger=outgoing.hook_name,
            request_headers=headers,
            body=outgoing.body,
            response_headers=answered,
            response_body=text,
            response_status=status,
            execution_duration=time.monotonic() - started,
            created_at=self._clock.now(),
        )
