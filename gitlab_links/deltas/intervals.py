"""How often changes are read, so that they are shown within the TTL. No I/O."""

import random
from datetime import timedelta

from gitlab_links.links.freshness import REFRESH_AT

# Changes are read after this part of the TTL, but so many seconds before its end.
READ_AT = 0.88
FOR_FAILURES = 36
# Changes that are wanted out of turn are not read more often than this.
READ_AGAIN = timedelta(seconds=30)


def longest_interval(ttl: int) -> float:
    """The seconds between two readings, so that what changed is shown within the TTL even if the
    first call fails.
    """
    return max(ttl * REFRESH_AT, min(ttl * READ_AT, ttl - FOR_FAILURES))


def interval(ttl: int) -> timedelta:
    """The time between two readings; random, to spread the orgs."""
    return timedelta(seconds=longest_interval(ttl) * random.uniform(0.97, 1.0))  # noqa: S311
