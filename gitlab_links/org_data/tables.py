"""Which tables and columns an export has. What is left out has its reason here."""

from collections.abc import Sequence

from sqlalchemy import Column, Table

from gitlab_links.storage.database import Base

# Made from tasks and items when these are imported. Exports of older versions have rows of them.
MADE_ANEW = {
    "search_texts": "the words of tasks and items",
    "item_facts": "the values of items",
}
NOT_EXPORTED = {
    **MADE_ANEW,
    "installation": "about the installation, not an org",
    "login_sessions": "secrets",
    "api_keys": "secrets: the hashes are keyed with this installation's SECRET_KEY",
    "account_links": "secrets",
    "identities": "opens accounts; people link it again where they trust the issuer",
    "invitations": "secrets; people are invited again",
    "answered_requests": "secrets, and of use for a day only",
    "gitlab_hook_secrets": "secrets",
    "gitlab_webhook_deliveries": "what GitLab sent; of use for days only",
    "gitlab_webhook_tallies": "counts of what GitLab sent to this installation",
    "gitlab_change_counts": "counts of what this installation received",
    "gitlab_delta_marks": "how far this installation has read",
    "outgoing_endpoints": "secrets: addresses that contain one",
    "outgoing_deliveries": "what this installation has sent",
    "health_problems": "about this installation's connection",
    "operations": "what workers of this installation did",
    "mention_backfills": "what workers of this installation found",
    "pending_mentions": "found again when the items are read",
    "mention_backfill_items": "what workers of this installation found",
}

# Columns of exported tables that are secrets, or the state of this installation's work.
LEFT_OUT = {
    "memberships": {"digest_on"},
    "users": {"password_hash", "email_confirmed_at"},
    "org_gitlab_integrations": {
        "token_ciphertext",
        "token_set_at",
        "token_expires_at",
        "token_scopes",
        "token_username",
        "token_checked_at",
        "token_check_due_at",
        "webhook_secret_hash",
        "webhook_secret_set_at",
        "previous_webhook_secret_hash",
        "previous_webhook_secret_until",
        "signing_token_ciphertext",
        "error_code",
        "error_reason",
        "error_at",
        "paused_until",
        "failures",
        "sync_leased_until",
        "slashes_decoded_at",
        "rate_limit",
        "rate_limit_remaining",
        "rate_limit_reset_at",
        "health_status",
        "notify_url_ciphertext",
        "notify_url_host",
        "notify_failure",
        "notify_failed_at",
    },
    "gitlab_project_watches": {
        "last_event_at",
        "last_event_via",
        "last_missed_at",
        "state",
        "hook_id",
        "disabled_until",
        "events_missing",
        "error_code",
        "checked_at",
        "check_due_at",
    },
}


_WITHOUT_ORG = frozenset({"orgs", "users"})
_SECRETS = ("hash", "ciphertext", "password", "secret")


def exported_tables() -> Sequence[Table]:
    """The tables in an order in which each comes after those that it refers to: people first,
    because events name them without a key.
    """
    tables = [
        table
        for table in Base.metadata.sorted_tables
        if table.name not in NOT_EXPORTED and (table.name in _WITHOUT_ORG or "org_id" in table.c)
    ]
    return sorted(tables, key=lambda table: table.name not in _WITHOUT_ORG)


def exported_columns(table: Table) -> Sequence[Column[object]]:
    """The columns of a table that an export has. Whatever is named like a secret is not among
    them, even if nobody has thought of it here.
    """
    without = LEFT_OUT.get(table.name, set())
    return [
        column
        for column in table.columns
        if column.name not in without and not any(word in column.name for word in _SECRETS)
    ]


def refers_to(column: Column[object]) -> str | None:
    """The table whose id the column has; None if it has none."""
    for key in column.foreign_keys:
        return key.column.table.name
    return None
