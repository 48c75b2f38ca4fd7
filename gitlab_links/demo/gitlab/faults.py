"""Misbehaviour on demand: wrong answers, slow answers, lost webhooks."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Response

KINDS = (
    "status",
    "html",
    "truncated",
    "empty",
    "large",
    "gzip_bomb",
    "drip",
    "close",
    "redirect",
)


@dataclass
class Fault:
    """One way of answering wrongly.

    ``times`` is how many more calls it meets, ``None`` for all until cleared, ``after`` how many
    it lets pass before. ``status``
    belongs to the kind ``status``; ``retry_after`` is a header value, seconds or a date;
    ``location`` is where ``redirect`` points. ``route`` is a part of the API route, as
    ``issues`` or ``/hooks``; ``project_id`` narrows further.
    """

    kind: str = "status"
    status: int = 500
    times: int | None = 1
    retry_after: str | None = None
    location: str | None = None
    seconds: float = 1.0
    route: str | None = None
    project_id: int | None = None
    after: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind is one of {', '.join(KINDS)}")

    def applies(self, route: str, project_id: int | None) -> bool:
        return (
            (self.times is None or self.times > 0)
            and (self.route is None or self.route in route)
            and (self.project_id is None or self.project_id == project_id)
        )


@dataclass
class WebhookTrouble:
    """What befalls webhooks on their way: ``drop_next`` of them, or every n-th, are lost."""

    drop_next: int = 0
    drop_every: int = 0
    delay: float = 0.0
    seen: int = 0
    dropped: int = 0

    def loses_this_one(self) -> bool:
        self.seen += 1
        lost = self.drop_next > 0 or (self.drop_every > 0 and self.seen % self.drop_every == 0)
        self.drop_next = max(0, self.drop_next - 1)
        self.dropped += lost
        return lost


@dataclass
class Faults:
    """All trouble there is. ``latency`` is in seconds and added to each API call; ``rewrite``
    changes each true answer, as a proxy or a plugin might.
    """

    latency: float = 0.0
    rewrite: Callable[[Response], None] | None = None
    api: list[Fault] = field(default_factory=list)
    webhooks: WebhookTrouble = field(default_factory=WebhookTrouble)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def answer(self, kind: str = "status", **details: Any) -> Fault:
        """From now on answer API calls with this fault; see ``Fault`` for the details."""
        fault = Fault(kind=kind, **details)
        with self._lock:
            self.api.append(fault)
        return fault

    def delay(self) -> None:
        """Sleep for ``latency``, or until that is taken back."""
        began = time.monotonic()
        while (left := began + self.latency - time.monotonic()) > 0:
            time.sleep(min(left, 0.05))

    def clear(self) -> None:
        """Behave again, from the next call on."""
        with self._lock:
            self.api.clear()
            self.latency = 0.0
            self.rewrite = None
            self.webhooks = WebhookTrouble()

    def take(self, route: str, project_id: int | None) -> Fault | None:
        """The first fault that this call meets, counted down."""
        with self._lock:
            for fault in self.api:
                if fault.applies(route, project_id):
                    if fault.after > 0:
                        fault.after -= 1
                        continue
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None

    def lose_webhook(self) -> bool:
        with self._lock:
            return self.webhooks.loses_this_one()
