"""The description of a task as a page shows it: Markdown, with the tasks that it names as links."""

import re
import uuid
from collections.abc import Iterator, Set

from flask import url_for
from markupsafe import Markup

from gitlab_links.markdown.rendering import TextLink, rendered
from gitlab_links.mentions.org_patterns import org_pattern
from gitlab_links.mentions.pattern import KeyPattern
from gitlab_links.tasks.queries import known_numbers

MOST_NAMED = 200
_MAY_NAME = re.compile(r"[A-Z0-9]-[1-9]")


def shown_description(org_id: uuid.UUID, text: str) -> Markup:
    """The HTML; two statements more if the text may name tasks of the org, else none."""
    if not _MAY_NAME.search(text):
        return rendered(text)
    pattern = org_pattern(org_id)
    named = {key.task for key in pattern.in_prose(text) if isinstance(key.task, int)}
    known = known_numbers(org_id, sorted(named)[:MOST_NAMED]) if named else frozenset()
    return rendered(text, lambda part: _task_links(org_id, pattern, known, part))


def _task_links(
    org_id: uuid.UUID, pattern: KeyPattern, known: Set[int], text: str
) -> Iterator[TextLink]:
    for key in pattern.in_prose(text):
        reference = text[key.start : key.end]
        # The address of a task is a link as every address is.
        if key.task in known and "/" not in reference:
            url = url_for("pages.show_task", org_id=org_id, reference=reference)
            yield TextLink(key.start, key.end, url)
