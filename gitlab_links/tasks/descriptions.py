"""The one rule for descriptions of tasks, whichever door they come by."""

import re

from gitlab_links.sought_texts import CHARACTERS
from gitlab_links.tasks.titles import named_in_text

MAX_DESCRIPTION = 20_000
_TAKEN = re.compile(CHARACTERS.removesuffix("$"))


def description_problem(description: str) -> str | None:
    """What is wrong with the characters of a description, if anything, and in which line."""
    taken = _TAKEN.match(description)
    end = 0 if taken is None else taken.end()
    if end == len(description):
        return None
    line = description.count("\n", 0, end) + 1
    name = named_in_text(description[end])
    return f"A description must not contain {name}, as in line {line}."
