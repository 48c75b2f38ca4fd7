"""Two transactions that give items the same values in another order do not wait in a circle."""

import threading
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabItem
from gitlab_links.search.models import ItemFact
from tests.factories import Factory
from tests.hanging import HANGS
from tests.jobs.test_lock_order import Beside

# On SQLite one waits for the other from the first word on.
pytestmark = pytest.mark.only_on("postgresql")


def label(item: GitLabItem, *names: str) -> None:
    db.session.get_one(GitLabItem, item.id).labels = [{"name": name} for name in names]
    db.session.flush()


def test_values_are_inserted_in_one_order_after_everything_else(
    app: Flask, factory: Factory
) -> None:
    project = factory.gitlab_project(factory.org())
    ours, theirs = factory.gitlab_item(project), factory.gitlab_item(project)
    both = threading.Barrier(2, timeout=HANGS)

    def label_theirs() -> None:
        label(theirs, "b")
        both.wait()
        label(theirs, "a")

    with app.app_context():
        beside = Beside(app, label_theirs)
        label(ours, "a")
        both.wait()
        label(ours, "b")
        db.session.commit()

        assert beside.end() == []
        found: Any = db.session.scalars(select(ItemFact.value).order_by(ItemFact.value))
        assert found.all() == ["a", "b"]


def test_what_is_rolled_back_is_not_stored_later(app: Flask, factory: Factory) -> None:
    item = factory.gitlab_item(factory.gitlab_project(factory.org()))
    with app.app_context():
        label(item, "a")
        db.session.rollback()
        label(item, "b")
        db.session.commit()
        assert db.session.scalars(select(ItemFact.value)).all() == ["b"]
