"""What reading a body for mentions costs at draining, with a present key and 20 former ones."""

from benchmarks.inprocess import cpu_of
from benchmarks.report import Row
from benchmarks.webhooks import Item, issue_event
from gitlab_links.clock import utcnow
from gitlab_links.gitlab.events import Event
from gitlab_links.gitlab.snapshot import ItemText
from gitlab_links.mentions.pattern import pattern_of
from gitlab_links.mentions.reading import read_mentions

KEYS = ("ACME", *(f"OLD{number}" for number in range(20)))
PARAGRAPH = (
    "The pump of the second ship leaks when it is cold. See `pump.c`, UTF-8 and SHA-256: the "
    "valve-12 opens too late, and on 2026-11-29 nobody was warned.\n\n"
)
DESCRIPTION = PARAGRAPH * 20
SHARE = 0.05
ROUNDS, BODIES = 30, 100


def mention_rows(drained_ms: float) -> list[Row]:
    """Rows of the benchmark ``drain``, where a delivery costs ``drained_ms`` of CPU."""
    pattern = pattern_of(KEYS, "https://tasks.example.com/orgs/x/tasks/")
    body = issue_event(Item(1, "acme/app", 1), "Pumps", utcnow())
    named = ItemText("Pumps", f"{DESCRIPTION}Closes ACME-12 and OLD7-13.", None)

    def read_body() -> None:
        text = Event.from_request({}, body).text
        read_mentions(text or ItemText(), pattern)

    spent = cpu_of(
        {
            "parse": lambda: [Event.from_request({}, body) for _ in range(BODIES)],
            "parse and read": lambda: [read_body() for _ in range(BODIES)],
            "names two": lambda: [read_mentions(named, pattern) for _ in range(BODIES)],
        },
        ROUNDS,
    )
    plain = (spent["parse and read"] - spent["parse"]) / BODIES
    share = plain / drained_ms
    return [
        Row(
            "reading a body for 21 keys",
            f"{plain * 1000:.1f} µs",
            f"{drained_ms:.2f} ms to drain it",
            share,
            f"<= {SHARE}x",
            share <= SHARE,
        ),
        Row("reading one that names two tasks", f"{spent['names two'] / BODIES * 1000:.0f} µs"),
    ]
