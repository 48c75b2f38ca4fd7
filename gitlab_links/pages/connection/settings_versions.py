"""The version of the settings that a form shows, so that nobody overwrites an unseen change."""

import uuid

from gitlab_links.integrations.changes import begun_integration, lock_integration
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.outgoing.alerts import alert_endpoint, policy_of
from gitlab_links.outgoing.models import OutgoingEndpoint
from gitlab_links.pages.edits_at_once import Both, Merge, Values, merge, seen
from gitlab_links.pages.form_fields import sent
from gitlab_links.pages.times import in_full
from gitlab_links.security import digest

CONNECTION, POLICY = "connection_version", "policy_version"
SECRETS, SETTINGS = "secrets_version", "settings_version"
NOTHING = "nothing-set"
# These forms may create the row, so the lock must work without one.
_BEGINNING = frozenset({CONNECTION, SECRETS})
Row = OrgGitLabIntegration | None
ROTATE, ALERTS, YES = "token_auto_rotate", "notify_url", "yes"


def versions(row: Row, alerts: OutgoingEndpoint | None) -> dict[str, str]:
    """The version of each form's settings, by the name of its hidden field. ``alerts`` is where
    health alerts go.
    """
    row = row or OrgGitLabIntegration()
    found = {
        CONNECTION: _named(row.base_url, row.token_set_at),
        SECRETS: _named(row.webhook_secret_hash, row.signing_token_ciphertext),
        POLICY: seen(_policy(row, alerts)),
    }
    return {**found, SETTINGS: " ".join(found.values())}


def changed_meanwhile(org_id: uuid.UUID, name: str) -> bool:
    """Whether the settings changed since the form was loaded; locks them until the commit."""
    [began_with] = sent(name)
    lock = begun_integration if name in _BEGINNING else lock_integration
    return began_with != versions(lock(org_id), alert_endpoint(org_id))[name]


def both_connections(row: Row, base_url: str, with_token: bool) -> list[Both]:
    """The address and the token as they are now, beside what was sent."""
    present = (row and row.base_url) or "none"
    found = [("Base URL", present, base_url)] if present != base_url else []
    set_at = row and row.token_set_at
    theirs = f"set on {in_full(set_at)}" if set_at else "none"
    return [
        *found,
        ("Access token", theirs, "the one you typed" if with_token else "not changed"),
    ]


def both_secrets(row: Row) -> list[Both]:
    """The secrets of the webhook as they are now."""
    set_at = row and row.webhook_secret_set_at
    signs = row is not None and row.signing_token_ciphertext is not None
    return [
        ("Secret token", f"set on {in_full(set_at)}" if set_at else "none", "not changed yet"),
        ("Signing token", "set" if signs else "none", "not changed yet"),
    ]


def merged_policy(org_id: uuid.UUID, *, rotate: bool, alerts: bool) -> Merge:
    """The policy as it was sent, with what somebody else changed since the form was loaded.

    ``rotate`` is the box; ``alerts``: whether another address for alerts was sent, or none.
    Locks the settings until the commit.
    """
    [began_with] = sent(POLICY)
    stored = _policy(lock_integration(org_id), alert_endpoint(org_id))
    # Addresses are stored encrypted: one that is sent counts as another one than the stored one.
    typed = {ROTATE: _yes(rotate), **({ALERTS: "another"} if alerts else {})}
    return merge(began_with, typed, stored)


def both_policies(org_id: uuid.UUID, merged: Merge, notify_url: str) -> list[Both]:
    """The disputed settings of the policy; ``notify_url`` is what was sent, or ``nobody``."""
    policy = policy_of(org_id)
    shown = {
        ROTATE: ("Rotate the token automatically", _yes(policy.token_auto_rotate)),
        ALERTS: ("Send health alerts to", policy.notify_url_host or "nobody"),
    }
    sent_now = {**merged.values, ALERTS: notify_url}
    return [(*shown[name], sent_now[name]) for name in merged.disputed]


def _policy(row: Row, alerts: OutgoingEndpoint | None) -> Values:
    return {
        ROTATE: _yes(row is not None and bool(row.token_auto_rotate)),
        ALERTS: repr(alerts and (alerts.id, alerts.url_ciphertext)),
    }


def _yes(answer: bool) -> str:
    return YES if answer else "no"


def _named(*facts: object) -> str:
    return digest("settings-version", repr(facts))[:16] if any(facts) else NOTHING
