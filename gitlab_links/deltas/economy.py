"""What reading the changes costs, by project, and why each is read as it is."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from gitlab_links.deltas.models import BY_TIME, DeltaKind, GitLabDeltaMark
from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabProject

_mark = GitLabDeltaMark


@dataclass(frozen=True, slots=True)
class ProjectReading:
    """How the changes of a project are read. ``begun``: they are. ``trusted``: rarely, because
    its webhooks are proven to arrive. ``error_code``: they cannot be read, and the items are
    fetched instead. ``calls`` and ``changes`` are those of the last reading; a call that reads
    many projects counts for each.
    """

    begun: bool
    trusted: bool
    error_code: str | None
    read_at: datetime | None
    calls: int
    changes: int


def project_readings(org_id: uuid.UUID, now: datetime) -> Mapping[uuid.UUID, ProjectReading]:
    """By the project's row, in one SELECT."""
    rows = db.session.execute(
        select(_mark, GitLabProject.trusted_until)
        .join(GitLabProject, GitLabProject.id == _mark.project_id)
        .where(_mark.org_id == org_id)
    ).all()
    trusted = {mark.project_id for mark, until in rows if until is not None and until > now}
    marks: defaultdict[uuid.UUID, list[GitLabDeltaMark]] = defaultdict(list)
    for mark, _ in rows:
        marks[mark.project_id].append(mark)
    return {project: _reading(found, project in trusted) for project, found in marks.items()}


def _reading(marks: Collection[GitLabDeltaMark], trusted: bool) -> ProjectReading:
    by_time = [mark for mark in marks if DeltaKind(mark.kind) in BY_TIME]
    read = [mark.proven_at for mark in by_time if mark.proven_at is not None]
    return ProjectReading(
        begun=bool(read),
        trusted=trusted,
        error_code=next((mark.error_code for mark in by_time if mark.failures), None),
        read_at=min(read, default=None),
        calls=max((mark.calls for mark in by_time), default=0),
        changes=sum(mark.changes for mark in by_time if mark.kind != DeltaKind.PIPELINE),
    )
