"""One list has the events of a webhook, and the documents have the same names."""

from pathlib import Path

import pytest

from gitlab_links.observations.hook_states import EVENT_NAMES, EXPECTED_EVENTS, OUR_EVENTS
from gitlab_links.plurals import listed

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("document", ["README.md", "docs/api/README.md"])
def test_the_documents_name_the_events_of_the_list(document):
    text = " ".join((ROOT / document).read_text(encoding="utf-8").split())
    assert listed(f"*{name}*" for name in EVENT_NAMES.values()) in text


def test_the_required_events_are_among_the_created_ones():
    assert OUR_EVENTS.issuperset(EXPECTED_EVENTS)
