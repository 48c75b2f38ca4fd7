"""Tokens are checked daily, their expiry is shown ahead of time, and they are rotated."""

from datetime import timedelta

import pytest

from gitlab_links.clock import utcnow
from gitlab_links.demo.gitlab.records import MAINTAINER
from gitlab_links.errors import Conflict
from gitlab_links.extensions import db
from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.health import token_rotation
from gitlab_links.health.due_tokens import orgs_with_due_token
from gitlab_links.health.messages import summary
from gitlab_links.health.token_rotation import (
    RotationFailed,
    RotationNotAllowed,
    load_rotation,
    rotate,
    rotate_now,
    save_rotated,
    token_kind,
)
from gitlab_links.integrations.changes import find_integration
from gitlab_links.jobs.health_checks import find_due_checks, run_checks
from gitlab_links.sync.pausing import note_failure
from tests.api.callers import browser
from tests.conftest import GITLAB_TOKEN


def token_of(connected):
    return connected.gitlab.state.people.tokens[GITLAB_TOKEN]


def expire_in(connected, days, life=90):
    """The token that the org has: it was created to live for ``life`` days."""
    ends_at = utcnow() + timedelta(days=days)
    token_of(connected).created_at = ends_at - timedelta(days=life)
    token_of(connected).expires_at = ends_at.date()


def check(connected):
    connected.change(token_check_due_at=utcnow())
    connected.watch()


def test_a_new_token_is_checked_automatically(connected):
    assert connected.integration().token_scopes is None

    connected.watch()

    found = connected.integration()
    assert found.token_scopes == ["api"]
    assert found.token_username == "root"
    assert found.token_checked_at is not None


@pytest.mark.slow
def test_a_token_is_checked_once_a_day(connected, clock):
    connected.watch()
    connected.gitlab.state.calls.reset()

    for _ in range(17):
        clock.advance(3600)
        connected.watch()
    assert connected.gitlab.state.calls.total("personal_access_tokens") == 0

    for _ in range(8):
        clock.advance(3600)
        connected.watch()
    assert connected.gitlab.state.calls.total("personal_access_tokens") == 1


def test_a_token_is_not_checked_while_gitlab_asks_for_a_pause(connected, clock):
    connected.watch()
    with connected.app.app_context():
        failure = GitLabFailure("rate_limited", "Retry later", retry_after=600)
        note_failure(find_integration(connected.org.id), failure, utcnow())
        db.session.commit()
    connected.change(token_check_due_at=utcnow())
    connected.gitlab.state.calls.reset()
    connected.watch()
    assert connected.gitlab.state.calls.counts() == {}
    clock.advance(601)
    connected.watch()
    assert connected.gitlab.state.calls.total("/user") == 1


def test_checks_that_are_all_due_at_once_are_spread(app, factory, app_context, redis):
    for _ in range(50):
        org = factory.org()
        factory.integration(org, token_ciphertext="of some token")

    assert len(orgs_with_due_token(utcnow(), 20)) == 20
    db.session.rollback()
    find_due_checks()
    assert len(redis.keys("gitlab_links:trigger:run_checks:*")) == 20


@pytest.mark.parametrize(
    ("days", "code", "severity"),
    [
        (200, None, None),
        (29, "token_expires_30d", "warning"),
        (6, "token_expires_7d", "warning"),
        (1, "token_expires_1d", "critical"),
    ],
)
def test_the_expiry_of_a_token_is_shown_30_7_and_1_days_ahead(connected, days, code, severity):
    expire_in(connected, days)
    check(connected)

    shown = [one for one in connected.health().findings if one.code.startswith("token_")]
    assert [(one.code, one.severity) for one in shown] == ([(code, severity)] if code else [])
    assert [one["code"] for one in connected.audited("health.problem")].count(code) == bool(code)


@pytest.mark.parametrize(
    ("life", "quiet_until"),
    [(200, 6), (7, 7 / 3 * 2 / 3)],
)
def test_of_a_token_that_is_replaced_automatically_only_a_late_one_is_shown(
    connected, clock, life, quiet_until
):
    expire_in(connected, life)
    check(connected)
    expires_at = connected.integration().token_expires_at
    connected.change(token_auto_rotate=True, token_set_at=expires_at - timedelta(days=life))
    late_from = expires_at - timedelta(days=quiet_until)
    clock.advance((late_from - utcnow()).total_seconds() - 3600)
    assert [one for one in connected.codes() if one.startswith("token")] == []
    clock.advance(7200)
    assert [one for one in connected.codes() if one.startswith("token")] == ["token_expires_7d"]


def test_an_expired_token_is_shown_though_nobody_calls_gitlab(connected, clock):
    expire_in(connected, 2)
    check(connected)
    clock.advance(3 * 86_400)
    connected.change(token_check_due_at=utcnow() + timedelta(days=1))
    connected.watch()

    assert "token_expired" in connected.codes()


def test_a_revoked_token_is_shown_after_the_next_sweep(connected):
    connected.watch()
    token_of(connected).revoked = True
    connected.sweep()
    connected.watch()

    (finding,) = [one for one in connected.health().findings if one.code == "auth_error"]
    assert summary(finding) == (
        "GitLab refuses the access token: it is mistyped, has expired or was revoked. GitLab says: "
        "Token was revoked. You have to re-authorize from the user."
    )


def test_which_scope_is_missing_is_said(connected):
    token_of(connected).scopes = ["read_user", "read_repository"]
    check(connected)

    (finding,) = [one for one in connected.health().findings if one.code == "insufficient_scope"]
    assert summary(finding) == (
        "The access token has the scopes read_user, read_repository and lacks read_api or api."
    )


def test_project_group_and_personal_tokens_work_and_are_distinguished(connected):
    state = connected.gitlab.state
    for username, kind in {
        "project_1003_bot_7f2a": "project",
        "group_12_bot_ab": "group",
        "dana": "personal",
    }.items():
        if username not in state.people.users:
            bot = state.people.add_user(username, bot=True)
            state.projects.add_member(connected.project, bot, MAINTAINER)
        token = state.people.add_token(username)
        connected.factory.connect(connected.org, token=token.value)
        connected.watch()

        found = connected.integration()
        assert (found.token_username, found.token_scopes) == (username, ["read_api"])
        assert token_kind(found.token_username) == kind


def test_a_token_is_rotated_through_gitlab_and_the_new_one_works(connected):
    expire_in(connected, 5)
    check(connected)
    with connected.app.app_context():
        expires_at = rotate_now(connected.org.id, connected.admin.actor)

    assert token_of(connected).revoked
    assert (expires_at - utcnow()).days in {89, 90}
    connected.gitlab.state.items.edit(connected.issues[0], title="Leak stopped", notify=False)
    connected.sweep()
    connected.watch()
    assert connected.integration().error_code is None
    assert "token_expires_7d" not in connected.codes()
    (event,) = connected.audited("integration.token_rotated")
    assert event == {"expires_at": expires_at.date().isoformat()}


@pytest.mark.parametrize(
    ("allowed", "lives"), [(365, 90), (60, 60), (59, 30), (14, 14), (13, 7), (2, 2)]
)
def test_a_rotated_token_lives_as_long_as_the_instance_allows(connected, allowed, lives):
    connected.watch()
    connected.gitlab.state.people.longest_life = timedelta(days=allowed)
    with connected.app.app_context():
        expires_at = rotate_now(connected.org.id, connected.admin.actor)

    assert expires_at.date() == utcnow().date() + timedelta(days=lives)
    (rotated,) = (one for one in connected.gitlab.state.people.tokens.values() if not one.revoked)
    assert rotated.expires_at == expires_at.date()


def test_a_gitlab_that_is_slow_to_refuse_a_date_is_asked_without_one_at_once(
    connected, monkeypatch
):
    """The call that succeeds must be answered in time, or the new token is lost."""
    monkeypatch.setattr(token_rotation, "TRYING_DATES", 0.0)
    connected.watch()
    connected.gitlab.state.people.longest_life = timedelta(days=60)
    connected.gitlab.state.calls.reset()
    with connected.app.app_context():
        expires_at = rotate_now(connected.org.id, connected.admin.actor)

    assert expires_at.date() == utcnow().date() + timedelta(days=7)
    assert connected.gitlab.state.calls.total("rotate") == 2


def test_both_calls_of_a_rotation_together_take_no_longer_than_one_may(connected, monkeypatch):
    """Saving the new token needs the rest of the job's time."""
    monkeypatch.setattr(token_rotation, "CALLING_SECONDS", 1.0)
    connected.watch()
    connected.gitlab.state.faults.answer("status", status=400, route="rotate")
    connected.gitlab.state.faults.latency = 0.7
    with connected.app.app_context(), pytest.raises(RotationFailed):
        rotate_now(connected.org.id, connected.admin.actor)


def test_a_token_that_may_only_read_is_not_rotated_and_stays(connected):
    token_of(connected).scopes = ["read_api"]
    check(connected)
    with connected.app.app_context(), pytest.raises(RotationNotAllowed) as refused:
        rotate_now(connected.org.id, connected.admin.actor)

    assert "that needs api or self_rotate" in refused.value.detail
    assert not token_of(connected).revoked


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"status": 422}, "GitLab did not rotate the token"),
        ({"status": 500}, "nobody knows whether GitLab has replaced the token"),
        ({"kind": "html"}, "nobody knows whether GitLab has replaced the token"),
        ({"kind": "close"}, "nobody knows whether GitLab has replaced the token"),
    ],
)
def test_a_rotation_that_gitlab_refuses_leaves_the_token_in_use(connected, fault, said):
    connected.watch()
    connected.gitlab.state.faults.answer(**{"kind": "status", **fault}, route="rotate")
    with connected.app.app_context(), pytest.raises(Conflict) as refused:
        rotate_now(connected.org.id, connected.admin.actor)

    assert refused.value.code == "rotation_failed"
    assert said in refused.value.detail
    connected.sweep()
    assert connected.integration().error_code is None


def test_a_token_rotates_itself_a_week_ahead_where_the_org_wants_that(connected):
    expire_in(connected, 6)
    check(connected)
    assert not token_of(connected).revoked, "nobody wanted that"

    connected.change(token_auto_rotate=True)
    check(connected)

    assert token_of(connected).revoked
    found = connected.integration()
    assert (found.token_expires_at - utcnow()).days in {89, 90}
    assert len(connected.audited("integration.token_rotated")) == 1
    admin = browser(connected.app, connected.admin.user_id)
    page = admin.get(f"/orgs/{connected.org.id}/gitlab")
    assert page.status_code == 200
    assert "GitLab issued a new token and revoked the old one." in page.text


def test_a_rotation_of_the_schedule_that_gitlab_refuses_leaves_the_token_in_use(connected, clock):
    expire_in(connected, 6)
    check(connected)
    connected.change(token_auto_rotate=True)
    connected.gitlab.state.faults.answer("status", status=403, route="rotate")
    check(connected)

    assert not token_of(connected).revoked
    assert connected.audited("integration.token_rotated") == []
    clock.advance(5 * 86_400)
    assert "token_expires_1d" in connected.codes()


@pytest.mark.parametrize("leaves", ["another", "none", "unreadable"])
def test_an_admins_decision_wins_over_a_rotation_under_way(connected, leaves):
    connected.watch()
    with connected.app.app_context():
        question = load_rotation(connected.org.id)
        db.session.rollback()
        new = rotate(connected.org.id, question)
    if leaves == "another":
        connected.factory.connect(connected.org, token="glpat-of-the-admin")
    else:
        connected.change(token_ciphertext=None if leaves == "none" else "garbled")
    before = connected.integration().token_ciphertext
    with connected.app.app_context():
        save_rotated(connected.org.id, question, new)
        db.session.commit()

    assert connected.integration().token_ciphertext == before
    assert connected.audited("integration.token_rotated") == []


def test_without_a_token_there_is_nothing_to_rotate(connected):
    connected.change(token_ciphertext=None)
    with connected.app.app_context(), pytest.raises(Conflict) as refused:
        rotate_now(connected.org.id, connected.admin.actor)

    assert refused.value.code in {"missing_token", "rotation_failed"}


def test_an_admins_new_token_wins_over_a_check_under_way(connected):
    with connected.app.app_context():
        from gitlab_links.health.token_check import call_gitlab, load_question, save_result

        question = load_question(connected.org.id)
        db.session.rollback()
        result = call_gitlab(question)
        other = connected.gitlab.state.people.add_token("dana").value
        connected.factory.connect(connected.org, token=other)
        assert save_result(connected.org.id, question, result) is None
        db.session.rollback()
    assert connected.integration().token_scopes is None


def test_a_slice_for_an_org_that_has_nothing_ends_quietly(app, factory, app_context):
    run_checks(factory.org().id)
