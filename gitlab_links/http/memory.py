"""Memory that was needed for a large body goes back to the machine."""

import ctypes
from contextlib import suppress

_M_MMAP_THRESHOLD = -3
LARGE_BYTES = 1024 * 1024


def return_large_blocks() -> None:
    """Have each large block mapped by itself, and unmapped as soon as it is freed.

    glibc moves its limit up to 32 MB once it has seen such blocks, and then keeps them:
    ten webhooks of 25 MB left 235 MB behind, and now leave 30. Other C libraries have no
    such call and no such habit.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
