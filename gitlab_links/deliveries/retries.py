"""When a delivery that failed is tried again, and how often."""

import random
from datetime import timedelta

# The delays before the second and each later attempt.
RETRY_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 3600, 14400))
LONGEST_SPREAD = 1.2
MAX_ATTEMPTS = len(RETRY_DELAYS) + 1


def reprocessing_delay(attempts: int) -> timedelta:
    """The delay after ``attempts``, randomly changed by up to a fifth."""
    return RETRY_DELAYS[min(attempts, len(RETRY_DELAYS)) - 1] * random.uniform(0.8, LONGEST_SPREAD)  # noqa: S311
