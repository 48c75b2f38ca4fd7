"""Shapes of what real GitLabs sent, to hold the simulated one against.

``recorded_shapes.json`` is condensed from bodies and answers that public projects have
recorded: for each kind its objects, and the names of their fields by type. An item has the
fields of every recording of it, in events and in comments. The many settings of projects are
left out, and so are the changes of events, which have the fields that differ.
"""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

RECORDED = json.loads(Path(__file__).with_suffix(".json").read_text())
TYPES = {bool: "bool", int: "int", float: "number", str: "str", type(None): "null"}

# Patterns of "kind: path". GitLab documents these, and no recording is as new or has them.
NEWER = (
    "*.public_email", "*.locked", "user: locked", "user: github",
    "* event: assignees*", "* event: reviewers*", "*.system", "*: object_attributes.internal",
    "comment on a merge request: object_attributes.description",
    "pipeline event: object_attributes.protected_ref", "pipeline event: project.ci_config_path",
    "pipeline event: commit.title", "merge request: *pipeline.iid",
    "merge request: *pipeline.source", "merge request: *pipeline.queued_duration",
    "issue: type", "issue: issue_type", "issue: moved_to_id", "issue: start_date",
    "issue: service_desk_reply_to", "issue: _links.closed_as_duplicate_of",
    "*: milestone.expired", "webhook: custom_headers", "webhook: url_variables",
    "webhook: emoji_events", "webhook: milestone_events", "webhook: *token_present",
    "work item by GraphQL: *.milestone.title", "work item by GraphQL: *.description",
)  # fmt: skip
LEFT_OUT = (
    # Of older GitLabs.
    "* event: assignee.*", "* event: object_attributes.assignee.*", "*: merge_request.assignee.*",
    "*.deleted_at", "*.branch_name", "*.position", "*.visibility", "*.lock_version",
    "*.merge_when_build_succeeds", "*_merge_commit_sha", "*.rebase_commit_sha", "user: skype",
    "merge request: allow_maintainer_to_push", "merge request: *.email",
    "merge request: author.created_at", "merge request: assignee.created_at",
    # Of licensed ones, and of incidents.
    "*approvals_before_merge", "*.escalation_*", "*.status.*", "issue: epic.*",
    "issue: iteration.*", "issue: health_status",
    # Of groups, of forks, of closed milestones, of pipelines of pipelines, and on demand.
    "*: milestone.group_id", "*: milestone.closed_at", "webhook: group_id",
    "webhook: member_events", "webhook: subgroup_events", "project: namespace.*id",
    "project: namespace.avatar_url", "merge request: allow_collaboration",
    "merge request: diverged_commits_count", "pipeline event: source_pipeline.*",
    # Only an administrator is answered these about an account.
    "user: created_by.*", "user: *_ip", "user: sign_in_count", "user: highest_role",
    "user: note", "user: namespace_id", "user: is_admin", "user: email_reset_offered_at",
)  # fmt: skip


def differences(kind: str, body: Any) -> set[str]:
    """What the body has and no recording has, what it lacks, and what is of another type."""
    recorded = dict(_recorded(kind))
    sent = {path: found for path, found in _fields(body) if not path.startswith("changes.")}
    return {
        *(f"unknown: {path}" for path in sent if not _is_excused(kind, path, recorded, NEWER)),
        *(f"missing: {path}" for path in recorded if not _is_excused(kind, path, sent, LEFT_OUT)),
        *(
            f"{path} is {sent[path]}, not {recorded[path]}"
            for path in recorded.keys() & sent.keys()
            if sent[path] not in ("null", "empty", *recorded[path].split("|"))
            and recorded[path] not in ("null", "any")
        ),
    }


def _is_excused(kind: str, path: str, there: dict[str, str], patterns: tuple[str, ...]) -> bool:
    """Whether it is there too, or need not be. Below null and an empty list is anything."""
    return (
        any(_is_at_or_within(path, found, kind_of) for found, kind_of in there.items())
        or any(fnmatchcase(f"{kind}: {path}", pattern) for pattern in patterns)
    )  # fmt: skip


def _is_at_or_within(path: str, there: str, found: str) -> bool:
    if path == there or there.startswith((f"{path}.", f"{path}[")):
        return True
    return found in ("null", "empty") and path.startswith((f"{there}.", f"{there}["))


def _recorded(kind: str) -> Iterator[tuple[str, str]]:
    for place, by_type in RECORDED[kind].items():
        for found, names in by_type.items():
            for name in names.split():
                yield f"{place}.{name}" if place else name, found


def _fields(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, content in value.items():
            yield from _fields(content, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        if not value:
            yield path, "empty"
        for content in value:
            yield from _fields(content, f"{path}[]")
    else:
        yield path, TYPES[type(value)]
