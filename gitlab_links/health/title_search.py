"""Items to link by title, while somebody types: searched in GitLab, in a few watched projects."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.throttle import count_use
from gitlab_links.errors import RateLimited
from gitlab_links.extensions import db
from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.gitlab.error_codes import in_words
from gitlab_links.gitlab.items import ItemRef, ItemState, ItemType
from gitlab_links.gitlab.snapshot import UNKNOWN, Snapshot
from gitlab_links.gitlab.times import EARLIEST
from gitlab_links.http.gitlab_waits import waiting_for_gitlab
from gitlab_links.integrations.changes import find_integration
from gitlab_links.integrations.credentials import credentials_of
from gitlab_links.links.confidentiality import sees_all
from gitlab_links.links.queries import connection_of
from gitlab_links.pasting.known_projects import KnownProject, projects_for_task
from gitlab_links.tasks.summaries import TaskView

if TYPE_CHECKING:
    from gitlab_links.gitlab.title_search_client import TitleSearchClient

MOST_PROJECTS, MOST_FOUND = 5, 8
# Somebody waits, and types on.
WHOLE_SECONDS = 4.0
SEARCHES_A_MINUTE = 60


@dataclass(frozen=True, slots=True)
class FoundItem:
    """An item that could be linked, as far as the list in GitLab shows it."""

    reference: str
    gitlab_type: ItemType
    title: str
    state: str | None
    draft: bool
    confidential: bool


@dataclass(frozen=True, slots=True)
class Search:
    """What was found, in which projects, and why not more, in words."""

    items: Sequence[FoundItem] = ()
    searched: Sequence[str] = ()
    problem: str = ""


def search_titles(principal: Principal, task: TaskView, text: str) -> Search:
    """Items whose titles have the words, of five projects at most: those that the task links
    first, then others that the caller knows of. If the first word names a project, of that one.

    Two calls to GitLab for each project; commits before them. Raises :class:`RateLimited`, and
    what ``credentials_of`` and ``waiting_for_gitlab`` raise.
    """
    org_id = principal.org_id
    quota = count_use(f"title-search:{org_id}", SEARCHES_A_MINUTE, 60)
    if quota.exceeded:
        raise RateLimited(
            "Too many searches. Paste the address of the item instead.",
            retry_after=quota.reset_seconds,
        )
    connection = connection_of(org_id)
    projects, words = _narrowed(projects_for_task(principal, task, connection), text)
    if not projects:
        return Search()
    credentials = credentials_of(find_integration(org_id))
    all_seen = sees_all(connection, principal.role)
    db.session.commit()
    from gitlab_links.gitlab.title_search_client import TitleSearchClient

    found: list[tuple[Snapshot, KnownProject]] = []
    problem = ""
    with (
        waiting_for_gitlab(org_id),
        credentials.client(TitleSearchClient, whole_seconds=WHOLE_SECONDS) as client,
    ):
        try:
            found += _found(client, projects, words, all_seen=all_seen)
        except GitLabFailure as failure:
            problem = in_words(failure.code, failure.reason)
    best = sorted(found, key=_rank)[:MOST_FOUND]
    items = [_item(snapshot, project) for snapshot, project in best]
    return Search(items, [project.path for project in projects], problem)


def _narrowed(known: Sequence[KnownProject], text: str) -> tuple[Sequence[KnownProject], str]:
    first, _, rest = text.partition(" ")
    named = [one for one in known if first.lower() in (one.name.lower(), one.path.lower())]
    if named and rest.strip():
        return named[:MOST_PROJECTS], rest.strip()
    return known[:MOST_PROJECTS], text


def _found(
    client: "TitleSearchClient", projects: Sequence[KnownProject], words: str, *, all_seen: bool
) -> Iterator[tuple[Snapshot, KnownProject]]:
    for project in projects:
        for item_type in ItemType:
            try:
                titled = client.titled(project.gitlab_id, item_type, words, confidential=all_seen)
            except GitLabFailure as failure:
                if failure.stops_all_calls or failure.is_trouble:
                    raise
                continue  # of this project or kind alone: it may be switched off
            yield from ((snapshot, project) for snapshot in titled)


def _rank(one: tuple[Snapshot, KnownProject]) -> tuple[bool, float]:
    """Open ones first, then those changed last."""
    changed = one[0].updated_at
    moment = EARLIEST if changed is UNKNOWN or changed is None else changed
    return one[0].state != ItemState.OPENED, -moment.timestamp()


def _item(snapshot: Snapshot, project: KnownProject) -> FoundItem:
    ref = ItemRef(project.path, snapshot.type, snapshot.iid)
    state, title = snapshot.state, snapshot.title
    return FoundItem(
        str(ref),
        snapshot.type,
        str(ref) if title is UNKNOWN else title,
        None if state is UNKNOWN else state.value,
        snapshot.draft is True,
        snapshot.confidential is True,
    )
