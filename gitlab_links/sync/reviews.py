"""How far the reviewers of a merge request are, from webhooks alone."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from gitlab_links.gitlab.event_snapshot import COMMENTED
from gitlab_links.gitlab.snapshot import Review


def merged_reviews(
    known: Sequence[dict[str, Any]], found: Sequence[Review], at: datetime
) -> list[dict[str, Any]]:
    """The known reviews with those of a newer body. Each has the time since when it is so.

    A body of an older GitLab has only the review of one account. A comment says less than
    GitLab's own word, so it counts only for an account without one.
    """
    reviews = {str(one["username"]).lower(): one for one in known}
    for review in found:
        name = review.username.lower()
        before = reviews.get(name)
        if before is not None and review.state == COMMENTED:
            continue
        fact = {
            "username": review.username,
            "state": review.state,
            "re_requested": review.re_requested,
        }
        if before is None or any(before[field] != value for field, value in fact.items()):
            reviews[name] = {**fact, "since": at.isoformat()}
    return sorted(reviews.values(), key=lambda one: str(one["username"]).lower())
