"""Events in any order, with losses and copies, end with the links that GitLab's texts ask for."""

import random

import pytest

from gitlab_links.extensions import db
from gitlab_links.gitlab.snapshot import ItemText
from gitlab_links.links.models import GitLabItem
from gitlab_links.mentions.pattern import pattern_of
from gitlab_links.mentions.reading import mentions_of, read_mentions

TASKS = (1, 2, 3)


def edited(mentioning, chance, key):
    """Items whose texts are edited at random; gives the bodies of all events, in their order."""
    project = mentioning.connected.project(f"acme/p{chance.randrange(10**9)}")
    items = [
        mentioning.connected.merge_request(project, f"Item {n}", notify=False) for n in range(2)
    ]
    known = mentioning.connected.issue(project, "Known", notify=False)
    mentioning.connected.link(known)
    mentioning.fetch()
    sent = [mentioning.body(item) for item in items]
    for _ in range(chance.randrange(3, 8)):
        item = chance.choice(items)
        words = " ".join(
            chance.choice(("see", "Closes", "Skip", "and")) + " " + key(task)
            for task in chance.sample(TASKS, chance.randrange(3))
        )
        field = chance.choice(("title", "description"))
        mentioning.gitlab.items.edit(item, notify=False, **{field: f"x {words}"})
        sent.append(mentioning.body(item))
    return project, items, sent


def expected(mentioning, items):
    """The links that the texts ask for as GitLab has them now."""
    pattern = pattern_of((mentioning.org.task_key,), "http://localhost/orgs/x/tasks/")
    found = set()
    for item in items:
        text = ItemText(item.title, item.description, item.source_branch)
        named = mentions_of(read_mentions(text, pattern), {number: number for number in TASKS})
        found |= {(f"!{item.iid}", task, one.fields, one.closes) for task, one in named.items()}
    return found


def made(mentioning, project):
    from sqlalchemy import select

    from gitlab_links.links.models import GitLabProject, TaskGitLabLink
    from gitlab_links.tasks.models import Task

    db.session.rollback()
    rows = db.session.execute(
        select(GitLabItem.iid, Task.number, TaskGitLabLink.mentioned_in, TaskGitLabLink.closes)
        .join(TaskGitLabLink, TaskGitLabLink.item_id == GitLabItem.id)
        .join(GitLabProject, GitLabProject.id == GitLabItem.project_id)
        .join(Task, Task.id == TaskGitLabLink.task_id)
        .where(
            GitLabProject.path == project.path_with_namespace, GitLabItem.type == "merge_request"
        )
    ).all()
    found = {(f"!{r.iid}", r.number, tuple(r.mentioned_in), r.closes) for r in rows}
    db.session.rollback()
    return found


def ends_alike(mentioning, key, seed):
    """Whether a random order of events, with losses and copies, ends as GitLab's texts ask for."""
    chance = random.Random(seed)
    project, items, sent = edited(mentioning, chance, key)
    own = mentioning.own_secret(project.path_with_namespace)
    secret = own if chance.random() < 0.7 else None  # else the shared one
    lost = [body for body in sent if chance.random() < 0.15]
    arriving = [body for body in sent if not any(body is one for one in lost)]
    arriving += chance.sample(arriving, min(2, len(arriving)))
    chance.shuffle(arriving)
    for body in arriving:
        mentioning.receive(body, secret)
        if chance.random() < 0.4:
            mentioning.connected.drain()
        if chance.random() < 0.2:
            mentioning.fetch()
    mentioning.connected.drain()
    mentioning.fetch()
    if lost:
        # What the sweep, a refresh or the next event of each item does.
        for item in items:
            mentioning.send(item, secret)
        mentioning.fetch()
    return made(mentioning, project) == expected(mentioning, items)


@pytest.mark.parametrize(
    "seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 12))]
)
def test_the_order_of_events_does_not_matter(mentioning, key, seed):
    for number in TASKS:
        mentioning.task(number)
    assert ends_alike(mentioning, key, seed)


@pytest.mark.slow
@pytest.mark.only_on("sqlite")
def test_hundreds_of_orders_end_alike(mentioning, key):
    for number in TASKS:
        mentioning.task(number)
    for seed in range(1000, 1200):
        assert ends_alike(mentioning, key, seed), seed
