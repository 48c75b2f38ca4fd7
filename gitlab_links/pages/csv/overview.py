"""The tables of the overview as CSV files, with figures as the API has them."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter

from flask.typing import ResponseReturnValue

from gitlab_links.accounts.roles import Permission
from gitlab_links.errors import required
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.overview.figures import Figures
from gitlab_links.overview.queries import BeingCounted, overview_for
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.csv.files import Rows, csv_file
from gitlab_links.rollup.visibility import Visibility

Table = tuple[Sequence[str], Rows]


def _needs(figures: Figures) -> Table:
    return ("need", "tasks"), [(need.value, count) for need, count in figures.needs.items()]


def _open_work(figures: Figures) -> Table:
    columns = ("age", "tasks", "merge_requests")
    return columns, [attrgetter(*columns)(one) for one in figures.open_work]


def _of_weeks(*fields: str) -> Callable[[Figures], Table | None]:
    """A table of weeks, for whoever sees links."""

    def table(figures: Figures) -> Table | None:
        if figures.flow is None:
            return None
        read = attrgetter("start", *fields)
        columns = ("week", *(name.rpartition(".")[2] for name in fields))
        return columns, [read(week) for week in figures.flow.weeks]

    return table


# By the names of the charts, see ``overview_charts``.
TABLES: Mapping[str, Callable[[Figures], Table | None]] = {
    "needs": _needs,
    "throughput": _of_weeks("opened", "merged"),
    "open-work": _open_work,
    "open-to-merged": _of_weeks("open_to_merged.median_seconds", "open_to_merged.n"),
    "task-to-last-merge": _of_weeks("task_to_last_merge.median_seconds", "task_to_last_merge.n"),
}


@pages.get("/orgs/<uuid:org_id>/overview/<table>.csv")
@access(Permission.TASK_READ)
def overview_csv(org_id: uuid.UUID, table: str) -> ResponseReturnValue:
    """One table, as far as the viewer sees it."""
    del org_id  # the caller has it
    read = required(TABLES.get(table))
    figures = overview_for(Visibility.of(current_principal())).figures
    if figures is None:
        raise BeingCounted("The figures of this org are being counted. Try again in a few seconds.")
    columns, rows = required(read(figures))
    return csv_file(table, columns, iter([rows]))
