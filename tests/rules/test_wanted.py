"""The pure function of the status rules: its table in the docs, and what holds for any links."""

from dataclasses import replace
from itertools import permutations, product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.gitlab.items import ItemState, ItemType
from gitlab_links.rules.wanted import (
    OUTSIDE,
    UNKNOWN,
    LinkFacts,
    LinkMeaning,
    Rule,
    RuleChoices,
    Strength,
    Wanted,
    meaning_of,
    rule_for,
    wanted,
)
from gitlab_links.tasks.models import TaskStatus

DOCS = Path(__file__).parents[2] / "docs" / "status-rules.md"
STATES = [None, *ItemState]

links = st.builds(
    LinkFacts,
    type=st.sampled_from(ItemType),
    state=st.sampled_from(STATES),
    draft=st.booleans(),
    strength=st.sampled_from(Strength),
    from_fork=st.booleans(),
    unseen=st.booleans(),
    moved=st.booleans(),
    unproven=st.booleans(),
    target_branch=st.sampled_from([None, "main", "topic", "release/7"]),
    default_branch=st.sampled_from([None, "main"]),
)
choices = st.builds(RuleChoices, branches=st.sampled_from([(), ("release/*",), ("*",)]))


def _cases():
    text = DOCS.read_text()
    rows = text[text.index("| case |") :].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return [pytest.param(*rest, id=name) for name, *rest in cells]


def _words(cell):
    return {word.partition(" ")[0]: word.partition(" ")[2] for word in cell.split(", ") if word}


@pytest.mark.parametrize(("type", "state", "made_by", "facts", "options", "says"), _cases())
def test_the_table_in_the_docs(type, state, made_by, facts, options, says):
    facts, options = _words(facts), _words(options)
    link = LinkFacts(
        type=ItemType(type),
        state=ItemState(state) if state else None,
        strength=Strength(made_by),
        draft="draft" in facts,
        from_fork="fork" in facts,
        unseen="unseen" in facts,
        moved="moved" in facts,
        unproven="unproven" in facts,
        target_branch=facts.get("into"),
        default_branch=None if "no" in facts else "main",
    )
    chosen = RuleChoices(
        branches=(options["branches"],) if "branches" in options else (),
        count_mentions="mentions" in options,
        count_issues="issues" in options,
        count_forks="forks" in options,
    )
    assert meaning_of(link, chosen) == says


def test_every_meaning_is_in_the_table():
    assert {case.values[-1] for case in _cases()} == set(LinkMeaning)


def want(some, chosen):
    return wanted([meaning_of(link, chosen) for link in some], chosen)


def test_what_links_call_for():
    """With all rules, and with each of them off."""
    every, kinds = RuleChoices(), LinkMeaning
    progress, done, nothing = Wanted.IN_PROGRESS, Wanted.DONE, Wanted.NOTHING
    cases = [
        ([], every, nothing),
        ([kinds.OPEN], every, progress),
        ([kinds.OPEN, kinds.MERGED, kinds.NOT_FETCHED], every, progress),
        ([kinds.OPEN], replace(every, started=False), progress),
        ([kinds.OPEN], replace(every, reopened=False), progress),
        ([kinds.OPEN], replace(every, started=False, reopened=False), nothing),
        ([kinds.DRAFT], every, nothing),
        ([kinds.DRAFT, kinds.MERGED], every, nothing),
        ([kinds.ISSUE_OPEN, kinds.MERGED], every, nothing),
        ([kinds.CLOSED, kinds.MERGED_ELSEWHERE], every, nothing),
        ([kinds.MERGED], every, done),
        ([kinds.MERGED, kinds.CLOSED, kinds.MERGED_ELSEWHERE], every, done),
        ([kinds.ISSUE_CLOSED], every, done),
        ([kinds.MERGED], replace(every, all_merged=False), nothing),
        *(([kinds.MERGED, one], every, Wanted.UNDECIDED) for one in UNKNOWN),
        *(([kinds.MERGED, one], every, done) for one in OUTSIDE),
    ]
    assert [case for case in cases if wanted(*case[:2]) is not case[2]] == []


@given(st.lists(links, max_size=4), choices)
def test_the_order_of_links_does_not_matter(some, chosen):
    assert len({want(order, chosen) for order in permutations(some)}) == 1


@given(st.lists(links, max_size=6), choices)
def test_a_link_that_does_not_count_changes_nothing(some, chosen):
    counting = [link for link in some if meaning_of(link, chosen) not in OUTSIDE]
    assert want(some, chosen) is want(counting, chosen)


@given(st.lists(links, max_size=6), choices)
def test_done_needs_everything_settled_and_one_merged(some, chosen):
    meanings = {meaning_of(link, chosen) for link in some} - OUTSIDE
    if want(some, chosen) is Wanted.DONE:
        assert meanings & {LinkMeaning.MERGED, LinkMeaning.ISSUE_CLOSED}
        assert not meanings & (
            UNKNOWN | {LinkMeaning.OPEN, LinkMeaning.DRAFT, LinkMeaning.ISSUE_OPEN}
        )


@given(st.lists(links, max_size=5), choices, st.data())
def test_learning_what_is_unknown_never_contradicts_a_decision(some, chosen, data):
    """A decision stands whatever the links that are not fetched yet turn out to be, unless one
    of them is open.
    """
    before = want(some, chosen)
    learnt = [
        link if link.state is not None else data.draw(links.filter(lambda one: one.state))
        for link in some
    ]
    after = want(learnt, chosen)
    unknown = any(meaning_of(link, chosen) in UNKNOWN for link in some)
    if before is Wanted.DONE:
        assert not unknown
    if before is Wanted.IN_PROGRESS:
        kept = [link for link in some if link.state is not None]
        assert want(kept, chosen) is Wanted.IN_PROGRESS
        assert after is Wanted.IN_PROGRESS


@given(links, choices)
def test_what_was_merged_or_closed_stays_so_when_it_can_no_longer_be_seen(link, chosen):
    if link.state in {ItemState.MERGED, ItemState.CLOSED} and not link.unproven:
        seen = LinkFacts(
            **{name: getattr(link, name) for name in link.__slots__} | {"unseen": False}
        )
        assert meaning_of(link, chosen) is meaning_of(seen, chosen)


@given(st.lists(links, max_size=4), links, choices)
def test_what_is_not_proven_never_decides(some, link, chosen):
    """Whatever an unproven webhook says, it is as if nothing were known of the item."""
    forged = replace(link, unproven=True)
    silent = replace(link, state=None, unproven=False, from_fork=False)
    assert want([*some, forged], chosen) is want([*some, silent], chosen)


everything_off = RuleChoices(started=False, all_merged=False, reopened=False)


@given(st.lists(links, max_size=5))
def test_with_every_rule_off_nothing_is_wanted(some):
    assert want(some, everything_off) in {Wanted.NOTHING, Wanted.UNDECIDED}


@given(st.sampled_from(Wanted), st.sampled_from(TaskStatus), choices, st.booleans())
def test_a_rule_goes_back_only_from_what_a_rule_set(wanting, status, chosen, by_rule):
    order = list(TaskStatus)
    rule = rule_for(wanting, status, chosen, set_by_rule=by_rule)
    if rule is not None:
        target = TaskStatus(wanting.value)
        assert target is not status
        assert order.index(target) > order.index(status) or (by_rule and rule is Rule.REOPENED)


def test_nothing_and_undecided_change_no_status():
    for wanting in (Wanted.NOTHING, Wanted.UNDECIDED):
        for status in TaskStatus:
            assert rule_for(wanting, status, RuleChoices(), set_by_rule=True) is None


def test_a_rule_goes_forward_and_back_only_from_what_a_rule_has_set():
    wrong = {}
    expected = {
        (Wanted.IN_PROGRESS, TaskStatus.OPEN, True): Rule.STARTED,
        (Wanted.IN_PROGRESS, TaskStatus.OPEN, False): Rule.STARTED,
        (Wanted.IN_PROGRESS, TaskStatus.DONE, True): Rule.REOPENED,
        (Wanted.DONE, TaskStatus.OPEN, True): Rule.ALL_MERGED,
        (Wanted.DONE, TaskStatus.OPEN, False): Rule.ALL_MERGED,
        (Wanted.DONE, TaskStatus.IN_PROGRESS, True): Rule.ALL_MERGED,
        (Wanted.DONE, TaskStatus.IN_PROGRESS, False): Rule.ALL_MERGED,
    }
    off = RuleChoices(started=False, all_merged=False, reopened=False)
    for case in product(Wanted, TaskStatus, (True, False)):
        rule = rule_for(*case[:2], RuleChoices(), set_by_rule=case[2])
        if rule is not expected.get(case) or rule_for(*case[:2], off, set_by_rule=case[2]):
            wrong[case] = rule
    assert wrong == {}
