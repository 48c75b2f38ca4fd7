"""An org of very many tasks and links, as years of use leave it: most of both have ended."""

import random
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import insert, update

from benchmarks.seeds import make_org
from gitlab_links.accounts.models import Org
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.search.reindexing import store_all_facts, store_all_texts
from gitlab_links.storage.database import new_id, renew_statistics
from gitlab_links.tasks.models import Task

TASKS = 100_000
LINKS_A_TASK = 5
AT_ONCE = 5_000
PROJECTS = 50
PEOPLE = 200
YEARS = timedelta(days=3 * 365)
VOCABULARY = 20_000
SYLLABLES = [
    "ba",
    "de",
    "fi",
    "go",
    "hu",
    "ka",
    "le",
    "mi",
    "no",
    "pu",
    "ra",
    "se",
    "ti",
    "vo",
    "wu",
    "xa",
    "ye",
    "zi",
    "cho",
    "shu",
]


def _word(rank: int) -> str:
    """The word of this rank: short ones are common, as in a language."""
    word, rest = "", rank
    while not word or rest:
        rest, place = divmod(rest, len(SYLLABLES))
        word += SYLLABLES[place]
    return word


class ManyTasks:
    """Makes the rows, the same ones each time."""

    def __init__(self, org_id: uuid.UUID, base_url: str) -> None:
        self.org_id, self.base_url = org_id, base_url
        self.random = random.Random(23)
        self.now = utcnow()
        self.projects = [self._project(number) for number in range(PROJECTS)]

    def _project(self, number: int) -> dict[str, Any]:
        path = f"acme/project-{number}"
        return {
            "id": new_id(),
            "org_id": self.org_id,
            "base_url": self.base_url,
            "gitlab_id": number + 1,
            "path": path,
            "path_key": path,
        }

    def parts(self) -> Iterator[dict[Any, list[dict[str, Any]]]]:
        """The rows by model, some thousand tasks at a time."""
        for first in range(1, TASKS + 1, AT_ONCE // LINKS_A_TASK):
            tasks, items, links = [], [], []
            for number in range(first, min(first + AT_ONCE // LINKS_A_TASK, TASKS + 1)):
                task = self._task(number)
                tasks.append(task)
                for place in range(LINKS_A_TASK):
                    item = self._item(task, (number - 1) * LINKS_A_TASK + place + 1)
                    items.append(item)
                    made = {"org_id": self.org_id, "task_id": task["id"], "item_id": item["id"]}
                    links.append({**made, "id": new_id(), "made_path": None, "made_iid": None})
            yield {Task: tasks, GitLabItem: items, TaskGitLabLink: links}

    def _words(self, count: int) -> str:
        """Words as often as in a language: the one of rank n about 1/n of the time."""
        ranks = (int(VOCABULARY ** self.random.random()) for _ in range(count))
        return " ".join(map(_word, ranks)).capitalize()

    def _task(self, number: int) -> dict[str, Any]:
        age = YEARS * (1 - number / TASKS)
        chance = self.random.random()
        status = "done" if chance < 0.85 else "open" if chance < 0.95 else "in_progress"
        at = self.now - age
        return {
            "id": new_id(),
            "org_id": self.org_id,
            "number": number,
            "title": self._words(7),
            "description": self._words(40),
            "status": status,
            "created_at": at,
            "updated_at": at + age * self.random.random() * 0.1,
            "due_date": (at + timedelta(days=30)).date() if number % 10 == 0 else None,
        }

    def _item(self, task: dict[str, Any], number: int) -> dict[str, Any]:
        request = number % LINKS_A_TASK != 0
        is_open = self.random.random() < (0.01 if task["status"] == "done" else 0.4)
        ended = "merged" if request and self.random.random() < 0.9 else "closed"
        chance = self.random.random()
        person = self.random.randrange(PEOPLE)
        known = {"username": f"person{person}", "name": f"Person {person}"}
        at = task["updated_at"] + (self.now - task["updated_at"]) * self.random.random() * 0.05
        is_merged = request and not is_open and ended == "merged"
        label = {"name": f"label-{number % 40}", "color": "#1f75cb", "text_color": "#FFFFFF"}
        return {
            "id": new_id(),
            "org_id": self.org_id,
            "project_id": self.projects[number % PROJECTS]["id"],
            "type": "merge_request" if request else "issue",
            "iid": number,
            "title": self._words(7),
            "state": "opened" if is_open else ended,
            "draft": request and chance < 0.2,
            "confidential": not request and chance < 0.05,
            "labels": [label],
            "assignees": [known],
            "reviewers": [known] if request and chance > 0.5 else [],
            "author": known,
            "milestone": f"{number % 12}.0",
            "merge_status": self.random.choice(["mergeable", "not_approved", "conflict"]),
            "pipeline_status": "failed" if chance < 0.1 else "success",
            "gitlab_created_at": task["created_at"] + timedelta(hours=number % 200),
            "merged_at": at if is_merged else None,
            "source_updated_at": at,
            "fetched_at": self.now,
            "last_synced_at": self.now,
            "next_sync_at": self.now + timedelta(days=1),
        }


def make_many_tasks(app: Flask, name: str, base_url: str) -> tuple[uuid.UUID, str, str]:
    """The org's id, an API key and a session cookie of its admin."""
    org_id, key, cookie = make_org(app, name, base_url)
    with app.app_context():
        many = ManyTasks(org_id, base_url)
        db.session.execute(insert(GitLabProject), many.projects)
        for part in many.parts():
            for model, rows in part.items():
                db.session.execute(insert(model), rows)
            db.session.commit()
        db.session.execute(update(Org).where(Org.id == org_id).values(last_task_number=TASKS))
        # None in an INSERT is what the column's default is for.
        fetched = update(GitLabItem).where(GitLabItem.org_id == org_id)
        db.session.execute(fetched.values(refresh_requested_at=None))
        db.session.commit()
        with db.engine.begin() as connection:
            store_all_texts(connection)
            store_all_facts(connection)
        with db.engine.begin() as connection:
            renew_statistics(connection)
        if db.engine.dialect.name == "postgresql":
            with db.engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT")
                connection.exec_driver_sql("VACUUM ANALYZE")
    return org_id, key, cookie
