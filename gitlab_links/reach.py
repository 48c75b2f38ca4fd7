"""Not waiting again and again for a server that did not answer a moment ago."""

import threading
import time

ASK_AGAIN_SECONDS = 1.0


class Reach:
    """Whether a server can be reached, as far as this process knows.

    While it cannot, one caller a second may find out whether it can again, and the others
    are told at once: else every thread would wait for the same silence, and who needs
    nothing of that server would wait for a thread.
    """

    def __init__(self) -> None:
        self.lost = False
        self._ask_at = 0.0
        self._lock = threading.Lock()

    def may_ask(self) -> bool:
        """Whether the caller should try, and tell what came of it."""
        if not self.lost:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._ask_at:
                return False
            self._ask_at = now + ASK_AGAIN_SECONDS
            return True

    def found(self) -> None:
        """The server has answered."""
        self.lost = False

    def missed(self) -> None:
        """The server has not answered in time, or refused."""
        with self._lock:
            self._ask_at = time.monotonic() + ASK_AGAIN_SECONDS
            self.lost = True
