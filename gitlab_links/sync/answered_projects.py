"""Write what answers say about projects: their ids, paths, default branches, and refusals."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select, update

from gitlab_links.extensions import change_rows, db
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.links.models import GitLabProject
from gitlab_links.observations.project_watches import make_due
from gitlab_links.rules.marking import note_default_branch
from gitlab_links.sync.blame import Blame
from gitlab_links.sync.fetching import Answer
from gitlab_links.sync.projects import hand_over_path, is_known, learn

Snapshots = Mapping[int, Snapshot]
# An answer, and those of its snapshots that belong to the linked items.
UsableAnswer = tuple[Answer, Snapshots]


def record_projects(usable: Iterable[UsableAnswer]) -> None:
    """Record the id and path of each project. This may merge its items with others."""
    for answer, snapshots in _one_of_each_project(usable):
        _record_project(answer, snapshots)


def _one_of_each_project(usable: Iterable[UsableAnswer]) -> Sequence[UsableAnswer]:
    """One answer with facts about each project; all answers of a round have the same facts."""
    informative = [
        (answer, snapshots)
        for answer, snapshots in usable
        if snapshots or (answer.path_owner, answer.project_id) != (None, None)
    ]
    return list({pair[0].batch.project_row: pair for pair in reversed(informative)}.values())


def _record_project(answer: Answer, snapshots: Snapshots) -> None:
    found = (
        select(GitLabProject)
        .where(GitLabProject.id == answer.batch.project_row)
        .execution_options(populate_existing=True)
    )
    seen: Snapshot | None = next(iter(snapshots.values()), None)
    if seen is not None:
        project = db.session.scalars(found).one_or_none()
        if project is None or is_known(project, seen.project_id, seen.project_path):
            return
    elif answer.path_owner is None and answer.project_id is None:
        return
    project = db.session.scalars(found.with_for_update()).one_or_none()
    if project is None:
        return
    if seen is not None:
        learn(project, seen.project_id, seen.project_path)
    elif answer.path_owner is not None:
        hand_over_path(project, answer.path_owner)
    else:
        learn(project, answer.project_id, None)


def record_reason(answer: Answer, verdict: Blame) -> None:
    """Store GitLab's reason for refusing a call for this project alone."""
    failure = answer.failure
    if failure is None or failure.http_status is None or verdict.item_code(failure) is None:
        return
    project = GitLabProject
    change_rows(
        update(project)
        .where(
            project.id == answer.batch.project_row,
            project.error_reason.is_distinct_from(failure.reason),
        )
        .values(error_reason=failure.reason)
    )


def record_default_branch(answer: Answer, now: datetime) -> None:
    """Record the default branch, if it was asked for."""
    if answer.default_branch is not None:
        project = db.session.get(GitLabProject, answer.batch.project_row)
        if project is not None:
            note_default_branch(project, answer.default_branch, now)


def check_hidden(answers: Iterable[Answer], now: datetime) -> None:
    """Have hidden projects checked at once, which finds out whether they are gone."""
    hidden = [answer.batch.project_row for answer in answers if _is_hidden(answer)]
    if hidden:
        make_due(hidden, now)


def _is_hidden(answer: Answer) -> bool:
    """Whether GitLab has stopped showing a project that it showed before."""
    failure = answer.failure
    return (
        failure is not None
        and failure.code == ErrorCode.NOT_FOUND
        and isinstance(answer.batch.project, int)
    )
