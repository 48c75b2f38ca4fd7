"""Of all who want a server that is away, one at a time finds out whether it is back."""

import time

from gitlab_links import reach
from gitlab_links.reach import Reach


def test_everybody_may_ask_a_server_that_answers():
    found = Reach()
    assert all(found.may_ask() for _ in range(3))
    assert not found.lost


def test_after_a_miss_one_asker_in_a_while_is_let_through(monkeypatch):
    monkeypatch.setattr(reach, "ASK_AGAIN_SECONDS", 0.1)
    lost = Reach()
    lost.missed()
    assert not lost.may_ask()
    time.sleep(0.11)
    assert [lost.may_ask() for _ in range(3)] == [True, False, False]
    time.sleep(0.11)
    assert lost.may_ask()
    assert lost.lost


def test_an_answer_lets_everybody_through_again():
    back = Reach()
    back.missed()
    back.found()
    assert all(back.may_ask() for _ in range(3))
