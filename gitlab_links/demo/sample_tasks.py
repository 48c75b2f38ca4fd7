"""The tasks of the sample org, as plain data; their items are those of the sample GitLab."""

from typing import NamedTuple

SHOP, API, MOBILE = PROJECTS = ("acme/web-shop", "acme/platform/api", "acme/mobile")


class SampleTask(NamedTuple):
    """A task; ``items`` are paths below the base URL, in the forms that GitLab itself uses."""

    title: str
    description: str
    status: str
    items: tuple[str, ...]


TASKS = (
    SampleTask(
        "Customers on Safari can pay again",
        "Support forwards two complaints a day. Tell them when the fix is out.",
        "in_progress",
        (f"{SHOP}/-/issues/1", f"{SHOP}/-/merge_requests/1"),
    ),
    SampleTask(
        "Say when the parcel will come",
        "In the shop first, then as a message in the app.",
        "in_progress",
        (
            f"{SHOP}/-/issues/2",
            f"{SHOP}/-/merge_requests/2/diffs",
            f"{MOBILE}/-/issues/3",
            f"{MOBILE}/-/merge_requests/4",
        ),
    ),
    SampleTask(
        "Big orders open quickly",
        "The wholesale customers have a thousand lines in an order.",
        "open",
        (f"{API}/-/issues/1", f"{API}/-/merge_requests/1", f"{API}/-/merge_requests/2"),
    ),
    SampleTask(
        "No certificate expires unnoticed",
        "After last night: find out why nobody was warned.",
        "open",
        (f"{API}/-/issues/3#note_1", f"{API}/-/merge_requests/3"),
    ),
    SampleTask(
        "The basket is still full after logging in",
        "",
        "done",
        (f"{SHOP}/-/issues/5", f"{SHOP}/-/merge_requests/3"),
    ),
    SampleTask(
        "The app speaks the customer's language",
        "Reported from Belgium and Switzerland.",
        "in_progress",
        (f"{MOBILE}/-/work_items/1", f"{MOBILE}/-/merge_requests/1"),
    ),
    SampleTask(
        "The shop can be used without a mouse and without eyes",
        "Needed by June: the law.",
        "open",
        (f"{SHOP}/-/issues/3", f"{SHOP}/-/merge_requests/4"),
    ),
    SampleTask(
        "Partners can build on our API",
        "Limits, errors and pages of results, decided and written down.",
        "open",
        (
            f"{API}/-/issues/2",
            f"{API}/-/issues/4",
            f"{API}/-/work_items/5",
            f"{API}/-/merge_requests/4",
        ),
    ),
)
