"""Store with an item what its texts mention."""

from datetime import datetime

from gitlab_links.gitlab.snapshot import ItemText
from gitlab_links.links.freshness import request_refresh
from gitlab_links.links.models import GitLabItem
from gitlab_links.mentions.pattern import KeyPattern
from gitlab_links.mentions.reading import read_mentions


def store_mentions(
    item: GitLabItem,
    text: ItemText,
    pattern: KeyPattern | None,
    now: datetime,
    *,
    proven: bool,
) -> None:
    """Store the mentions, as part of content that the ordering rule has let in.

    Mentions make links. If they are not ``proven`` and differ, GitLab's API is asked first.
    """
    if pattern is None:
        return
    found = read_mentions(text, pattern, item.mentions)
    if not proven:
        if found != (item.mentions or {}):
            request_refresh(item, now)
    elif found != item.mentions:
        item.mentions = found
