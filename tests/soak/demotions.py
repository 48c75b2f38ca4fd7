"""A primary that is demoted under load: it answers reads and takes no writes any more."""

import time
from collections.abc import Sequence

import requests

from tests import postgresql
from tests.hanging import HANGS
from tests.patience import within
from tests.soak.figures import Figure, at_least, at_most, exactly
from tests.soak.outages import Sender, burst, missing
from tests.soak.stage import Stage
from tests.soak.world import Background, World


def demoted_primary(stage: Stage, *, seconds: float) -> Sequence[Figure]:
    """PostgreSQL is read-only for a while: told as an outage, and over at once afterwards."""
    stage.serve()
    world = World.make(stage, projects=2, issues=5)
    world.settle(HANGS)
    sender = Sender(world)
    with postgresql.demoted(stage.database_url):
        unready = within(HANGS, lambda: probe(stage, "/readyz") == 503)
        with Background(sender.send, 0.02):
            time.sleep(seconds)
        alive = probe(stage, "/healthz")
    first = burst(world, 16)
    ready = within(HANGS, lambda: probe(stage, "/readyz") == 200)
    sender.send()
    settled = within(HANGS, lambda: world.undone() == 0, every=0.2)
    return [
        exactly("answers to webhooks while it was read-only", {*sender.answers} - {202}, {503}),
        at_least("webhooks refused meanwhile", sender.answers[503], seconds),
        exactly("503 without Retry-After", sender.without_retry_after, 0),
        exactly("/healthz meanwhile", alive, 200),
        at_most("/readyz says 503 after the demotion", unready, 2),
        at_most("/readyz says 200 after the promotion", ready, 2),
        exactly("answers to the first burst after the promotion", set(first), {202}),
        at_most("the slowest answer", max(sender.seconds), 2),
        exactly("accepted webhooks that are not stored", missing(world, sender.accepted), 0),
        exactly("deliveries lost, failed or left over", world.lost(), 0),
        exactly("links that differ from GitLab", len(world.differing()), 0),
        at_most("all is done after the promotion", settled, 10),
    ]


def probe(stage: Stage, path: str) -> int:
    """The status of a probe of the web process."""
    return requests.get(f"http://127.0.0.1:{stage.web_port}{path}", timeout=HANGS).status_code
