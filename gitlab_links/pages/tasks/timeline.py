"""The timeline of a task: what happened to it, day by day; an open page stays current."""

import uuid
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from itertools import groupby

from flask import render_template, request
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.models import ApiKey, User
from gitlab_links.accounts.people import names_by_id
from gitlab_links.accounts.roles import Permission
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import parsed
from gitlab_links.pages.live_parts import Live, answer_part, away_words, is_part
from gitlab_links.pages.paging import part_behind
from gitlab_links.pages.tasks.timeline_words import Row, Words
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.tasks.queries import task_at
from gitlab_links.timeline.queries import TYPES, Entry, Topic, references_of, timeline_page

PART = "timeline"
TOPICS = (
    ("", "What matters"),
    (Topic.STATUS.value, "The status"),
    (Topic.LINKS.value, "Links made and removed"),
    (Topic.GITLAB.value, "What happened in GitLab"),
    (Topic.ALL.value, "Everything"),
)


@pages.get("/orgs/<uuid:org_id>/tasks/<reference>/timeline")
@access(Permission.LINK_READ)
def task_timeline(org_id: uuid.UUID, reference: str) -> ResponseReturnValue:
    """One page of a task's timeline, the newest first; an open page gets a 304 if it is current."""
    task, visibility = task_at(org_id, reference), Visibility.of(current_principal())
    topic = parsed(Topic, request.args.get("topic", ""))
    read = reader(visibility, task.id, topic)
    view = "pages.task_timeline"
    filters = {"topic": topic, "reference": task.reference}
    entries, around = part_behind(view, org_id, filters, read)
    rows = rows_of(task.id, entries)
    around["wanted"] = {"topic": topic.value if topic else ""}
    around |= {"task": task, "days": _by_day(rows), "rows": rows, "topic": topic}
    shows_links = any(row.reference for row in rows)
    away = away_words(visibility.connection, shows_links=shows_links)
    seen = (rows, around["older_url"], visibility.role)
    around["live"] = Live.of(around["here_url"], away, *seen)
    if is_part(PART):
        return answer_part("timeline/results.html", around)
    return render_template("timeline/show.html", **around, part=PART, topics=TOPICS)


def reader(
    visibility: Visibility, task_id: uuid.UUID, topic: Topic | None
) -> Callable[..., Sequence[Entry]]:
    """Reads a page of the timeline: what is of the topic, or what matters."""
    types = TYPES[topic] if topic else ()
    everything = topic in {Topic.ALL, Topic.GITLAB}
    return partial(timeline_page, visibility, task_id, types, all_changes=everything)


def rows_of(task_id: uuid.UUID, entries: Sequence[Entry]) -> list[Row]:
    """The entries in words."""
    events = [entry.event for entry in entries]
    items = {
        uuid.UUID(one)
        for event in events
        if (event.cause or {}).get("kind") == "rule"
        for one in (event.detail or {}).get("items", ())
    }
    words = Words(
        names_by_id(User, (event.actor_user_id for event in events)),
        names_by_id(ApiKey, (event.actor_api_key_id for event in events)),
        references_of(task_id, items),
    )
    return [words.row(entry) for entry in entries]


def _by_day(rows: Sequence[Row]) -> list[tuple[date, list[Row]]]:
    return [(day, list(some)) for day, some in groupby(rows, key=lambda row: row.day)]
