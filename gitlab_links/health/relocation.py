"""A GitLab that has moved to another address: its items and projects are carried over after a
comparison has shown that it is the same GitLab.

In three steps with no transaction open in between. :func:`move_now` runs them.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import exists, func, select

from gitlab_links.accounts.principal import Principal
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.backfills.joined_projects import follow_joined_projects
from gitlab_links.errors import Conflict
from gitlab_links.extensions import db, settings
from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.gitlab.listed_project import ListedProject
from gitlab_links.gitlab.urls import BaseUrl, parse_base_url
from gitlab_links.health.reconnection import configure
from gitlab_links.http.gitlab_waits import waiting_for_gitlab
from gitlab_links.integrations.changes import (
    IntegrationChange,
    checked_secret,
    find_integration,
    lock_integration,
)
from gitlab_links.integrations.credentials import Credentials, IntegrationMissing
from gitlab_links.links.former_addresses import former_addresses
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.sync.address_moves import carry_over

if TYPE_CHECKING:
    from gitlab_links.gitlab.token_client import CheckingClient

SAMPLE = 5


class NothingToMove(Conflict, code="nothing_to_move"):
    """No link of the org leads to another address than the one given."""


class NotTheSameGitLab(Conflict, code="not_the_same_gitlab"):
    """The GitLab at the new address is not the one of the links."""


class MoveNotVerified(Conflict, code="move_not_verified"):
    """GitLab did not answer at the new address, or refused the token."""


@dataclass(frozen=True, slots=True)
class FormerAddress:
    """An address that links of the org lead to, with what is compared: a sample of its projects
    and GitLab's version, None if unknown.
    """

    base_url: str
    version: str | None
    sample: Sequence[ListedProject]


@dataclass(frozen=True, slots=True)
class Move:
    """What to verify; ``present`` is the org's base URL when it was loaded."""

    base: BaseUrl
    token: str = field(repr=False)
    present: str | None
    formers: Sequence[FormerAddress]


@dataclass(frozen=True, slots=True)
class Verified:
    """The former addresses of the same GitLab, why the others differ, and its version."""

    same: Sequence[FormerAddress]
    differences: Sequence[str]
    version: str | None


@dataclass(frozen=True, slots=True)
class Moved:
    """How many projects were carried over, and why those of other addresses were not."""

    projects: int
    differences: Sequence[str]


def load_move(org_id: uuid.UUID, base_url: str, token: str) -> Move:
    """Load what to compare. Raises :class:`Invalid` for address or token,
    :class:`IntegrationMissing` and :class:`NothingToMove`.
    """
    base = parse_base_url(base_url, settings().gitlab_allowed_hosts)
    checked_secret("token", token, required=True)
    integration = find_integration(org_id)
    if integration is None:
        raise IntegrationMissing("Connect the org to its GitLab first.")
    versions = integration.gitlab_versions or {}
    formers = [
        FormerAddress(address, versions.get(address), _sample(org_id, address))
        for address in former_addresses(org_id, str(base))
    ]
    if not formers:
        raise NothingToMove(f"No link of this org leads to another GitLab than {base}.")
    return Move(base, token, integration.base_url, formers)


def _sample(org_id: uuid.UUID, base_url: str) -> Sequence[ListedProject]:
    rows = db.session.execute(
        select(GitLabProject.gitlab_id, GitLabProject.path)
        .where(
            GitLabProject.org_id == org_id,
            GitLabProject.base_url == base_url,
            GitLabProject.gitlab_id.is_not(None),
            GitLabProject.path_key.is_not(None),
            exists().where(GitLabItem.project_id == GitLabProject.id),
        )
        .order_by(func.random())
        .limit(SAMPLE)
    )
    return [ListedProject(row.gitlab_id or 0, row.path) for row in rows]


def verify_move(move: Move) -> Verified:
    """Compare with the GitLab at the new address; no database here.

    Raises :class:`MoveNotVerified`, and :class:`NotTheSameGitLab` if every former address
    differs.
    """
    from gitlab_links.gitlab.token_client import CheckingClient

    try:
        with Credentials(move.base, move.token).client(
            CheckingClient, whole_seconds=settings().gitlab_timeout
        ) as client:
            version = client.check_token().gitlab_version
            found = {one.base_url: _difference(client, one, version) for one in move.formers}
    except GitLabFailure as failure:
        raise MoveNotVerified(
            f"The GitLab at {move.base} could not be compared: {failure.message} "
            "Nothing was changed."
        ) from None
    same = [one for one in move.formers if found[one.base_url] is None]
    differences = [why for why in found.values() if why is not None]
    if not same:
        raise NotTheSameGitLab(" ".join([*differences, "Nothing was changed."]))
    return Verified(same, differences, version)


def _difference(client: "CheckingClient", former: FormerAddress, version: str | None) -> str | None:
    """Why it is not the GitLab of the former address; None if everything compared agrees."""
    if not former.sample:
        return f"No project of {former.base_url} was ever read, so there is nothing to compare."
    if former.version and version and _family(former.version) != _family(version):
        return f"{former.base_url} was GitLab {former.version}, and this is GitLab {version}."
    for project in former.sample:
        try:
            path = client.project_path(project.gitlab_id)
        except GitLabFailure as failure:
            if failure.code != ErrorCode.NOT_FOUND:
                raise
            path = None
        if path is None or path.lower() != project.path.lower():
            there = "not there, or the token may not see it" if path is None else f"{path} there"
            return (
                f"Project {project.gitlab_id} was {project.path} at {former.base_url}, and is "
                f"{there}."
            )
    return None


def _family(version: str) -> str:
    return version.partition(".")[0]


def save_move(principal: Principal, move: Move, verified: Verified) -> Moved:
    """Set the new address and token, and carry over what leads to the former addresses.

    Webhook secrets stay valid: it is the same GitLab. Raises :class:`MoveNotVerified` if the
    settings have changed meanwhile. The caller commits.
    """
    integration = lock_integration(principal.org_id)
    if integration is None or integration.base_url != move.present:
        raise MoveNotVerified(
            "The settings have changed meanwhile. Nothing was changed; try again."
        )
    to = str(move.base)
    configure(principal, IntegrationChange(base_url=to, token=move.token, same_gitlab=True))
    if verified.version is not None:
        integration.note_version(to, verified.version)
    count = sum(carry_over(principal.org_id, former.base_url, to) for former in verified.same)
    follow_joined_projects(principal.org_id)
    write_audit_event(
        principal.org_id,
        principal.actor,
        Action.INTEGRATION_MOVED,
        integration.id,
        {
            "from": [former.base_url for former in verified.same],
            "base_url": to,
            "projects": count,
            "compared": [one.path for former in verified.same for one in former.sample],
        },
    )
    return Moved(count, verified.differences)


def move_now(principal: Principal, base_url: str, token: str) -> Moved:
    """Verify with the new token and carry everything over, waiting for GitLab.

    Raises what ``load_move``, ``verify_move``, ``save_move`` and ``waiting_for_gitlab``
    raise. The caller commits.
    """
    move = load_move(principal.org_id, base_url, token)
    db.session.commit()
    with waiting_for_gitlab(principal.org_id):
        verified = verify_move(move)
    return save_move(principal, move, verified)
