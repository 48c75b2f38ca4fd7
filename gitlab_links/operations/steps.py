"""How a use case that runs as an operation says what it is doing."""

from collections.abc import Callable

# Called with the name of the step that begins.
OnStep = Callable[[str], None]


def ignore_step(_step: str) -> None:
    """For callers that do not show the steps."""


class PutOff:
    """A refusal in which GitLab has done nothing and is to be asked again after a pause."""
