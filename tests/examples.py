"""How many examples hypothesis tries: all in ``make test-all``, a fifth in ``make test``."""

from hypothesis import settings

ALL = settings.get_profile("default").max_examples


def examples(full: int) -> int:
    """``full``, or as much less as the profile in use tries less than is usual."""
    return max(1, full * settings.default.max_examples // ALL)
