"""Store which tasks the comments of an item mention, where the org has chosen that.

Only events have comments, one at a time, so each is kept by its id and GitLab's time: an older
text of the same comment changes nothing. GitLab sends no event when a comment is deleted.
"""

from typing import Any

from gitlab_links.gitlab.comments import Comment
from gitlab_links.links.models import GitLabItem
from gitlab_links.mentions.pattern import KeyPattern
from gitlab_links.mentions.reading import COMMENT, Stored, in_order, read_prose

# Of the newest comments with a mention.
MOST_KEPT = 100


def store_comment(item: GitLabItem, comment: Comment, pattern: KeyPattern) -> None:
    """Store the mentions of a comment; closing words in it only mention."""
    if not pattern.reads_comments:
        return
    known = item.mentions or {}
    kept: dict[str, Any] = dict(known.get(COMMENT, {}).get("comments", {}))
    before = kept.get(str(comment.id))
    at, tasks = comment.updated_at.isoformat(), _tasks(comment, pattern)
    # An edit that mentions nobody is kept, too: the text before it may arrive after it.
    is_news = bool(tasks) or comment.is_edited if before is None else before["at"] <= at
    if not is_news:
        return
    kept[str(comment.id)] = {"at": at, "tasks": tasks}
    item.mentions = known | _newest(kept)


def store_comments_of(item: GitLabItem, other: Stored) -> None:
    """Store the mentions in the comments of another row of the same item, too."""
    known = item.mentions or {}
    kept: dict[str, Any] = dict(known.get(COMMENT, {}).get("comments", {}))
    for comment_id, comment in other.get(COMMENT, {}).get("comments", {}).items():
        if comment_id not in kept or kept[comment_id]["at"] < comment["at"]:
            kept[comment_id] = comment
    if kept:
        item.mentions = known | _newest(kept)


def _newest(comments: dict[str, Any]) -> Stored:
    newest = sorted(comments, key=lambda key: comments[key]["at"])[-MOST_KEPT:]
    kept = {key: comments[key] for key in newest}
    mentioned = in_order({task for one in kept.values() for task in one["tasks"]})
    return {COMMENT: {"mentions": mentioned, "comments": kept}}


def _tasks(comment: Comment, pattern: KeyPattern) -> list[Any]:
    read = read_prose(comment.text, pattern)
    return in_order(read.mentions | read.closes)
