"""One of three hosts is lost, one cut off from Redis, one from the database: work moves on."""

import os
import random
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from gitlab_links.demo.gitlab.records import Item
from tests.hanging import HANGS
from tests.patience import within
from tests.soak.cluster import Cluster, Host
from tests.soak.figures import Figure, at_least, at_most, exactly
from tests.soak.outages import missing, post
from tests.soak.recoveries import TOO_LONG, Claim, Recoveries
from tests.soak.relay import Relay
from tests.soak.stage import Stage
from tests.soak.world import Background, World, percentile

SEED = 20260501


@dataclass
class Answers:
    """What one host has answered to webhooks, and of itself, within a time."""

    statuses: Counter[int | None] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    without_retry_after: int = 0
    healthy: Counter[int] = field(default_factory=Counter)
    ready: Counter[tuple[int, str]] = field(default_factory=Counter)


class Traffic:
    """People at work in GitLab. What one host does not take is sent to the next one."""

    def __init__(self, world: World, cluster: Cluster) -> None:
        self.world, self.cluster = world, cluster
        self.accepted: list[str] = []
        self.taken_by_nobody = 0
        self.answers = {host.address: Answers() for host in cluster.hosts}
        self._choose, self._lock = random.Random(SEED), threading.Lock()
        self._number = 0

    def edit(self) -> None:
        """One change, told to the hosts in turn."""
        with self._lock:
            self._number += 1
            first = self._number % len(self.cluster.hosts)
            item = self._choose.choice(list(self.world.links.values()))
            body = changed(self.world, item, f"Title {self._number}")
        key, hosts = str(uuid.uuid4()), self.cluster.hosts
        for host in hosts[first:] + hosts[:first]:
            if self._send(host, body, key):
                return
        self.taken_by_nobody += 1

    def _send(self, host: Host, body: object, key: str) -> bool:
        status, seconds, answer = post(host.url(self.world), body, key)
        with self._lock:
            tally = self.answers[host.address]
            tally.statuses[status] += 1
            tally.seconds.append(seconds)
            if status == 503 and answer is not None and "Retry-After" not in answer.headers:
                tally.without_retry_after += 1
            if status == 202 and answer is not None:
                self.accepted.append(answer.json()["delivery_id"])
        return status == 202

    def since_now(self, host: Host) -> Answers:
        """Count a host's answers from now on."""
        with self._lock:
            self.answers[host.address] = Answers()
            return self.answers[host.address]

    def probe(self, host: Host) -> None:
        """Ask a host how it is."""
        tally = self.answers[host.address]
        for path in ("/healthz", "/readyz"):
            answer = self.cluster.answer(host, path)
            tally.seconds.append(answer.elapsed.total_seconds())
            if path == "/healthz":
                tally.healthy[answer.status_code] += 1
            else:
                tally.ready[answer.status_code, answer.json().get("redis", "")] += 1


def changed(world: World, item: Item, title: str) -> object:
    """Change an item, past GitLab's own hooks; gives the body that tells of it."""
    state = world.stage.gitlab.state
    state.items.edit(item, title=title, notify=False)
    return state.publisher.bodies.item(item, action="update", by=item.author, changes={})


@dataclass
class Trial:
    """The hosts, what goes on, and what is learnt from one incident after the other."""

    cluster: Cluster
    traffic: Traffic
    watched: World
    recoveries: Recoveries
    without_redis: list[Answers] = field(default_factory=list)
    without_database: list[Answers] = field(default_factory=list)
    visible: list[float] = field(default_factory=list)
    started: list[float] = field(default_factory=list)
    healed: list[float] = field(default_factory=list)
    restarted: int = 0
    held: int = 0

    def lose(self, host: Host, seconds: float) -> None:
        """The host is gone, in the middle of its work; later on it is there again."""
        with self._held_at_work(host):
            self.cluster.kill(host)
        self._watch([other for other in self.cluster.hosts if other is not host], seconds)
        self.cluster.start(host)
        self.started.append(self._takes_part(host, {}))

    def cut_off(self, how: str, from_redis: Host, from_database: Host, seconds: float) -> None:
        """Two hosts at once hear nothing, or are refused; later on they are not any more."""
        cut = {from_redis.address: from_redis.redis, from_database.address: from_database.database}
        sick = [from_redis, from_database]
        tallies = [self.traffic.since_now(host) for host in sick]
        with ExitStack() as probes:
            for host in sick:
                self._cut(host, cut[host.address], how)
                probe = Background(lambda host=host: self.traffic.probe(host), 0.5)
                probes.enter_context(probe)
            self._watch([host for host in self.cluster.hosts if host not in sick], seconds)
        before = [self.cluster.jobs_done(host) for host in sick]
        for relay in cut.values():
            relay.heal()
        healed_at = time.monotonic()
        for host, done in zip(sick, before, strict=True):
            self._takes_part(host, done)
            self.healed.append(time.monotonic() - healed_at)
            self.restarted += host.web.died() + host.worker.died()
        for host, tally, kept in zip(
            sick, tallies, (self.without_redis, self.without_database), strict=True
        ):
            kept.append(tally)
            self.traffic.since_now(host)

    def _cut(self, host: Host, relay: Relay, how: str) -> None:
        with self._held_at_work(host):
            (relay.reset if how == "reset" else relay.silence)()

    @contextmanager
    def _held_at_work(self, host: Host) -> Iterator[None]:
        """Something happens to the host while one of its workers holds deliveries or a lease."""
        pid, held = self._stop_one_at_work(host)
        self.recoveries.note_kill(held)
        self.held += len(held)
        try:
            yield
        finally:
            if pid in self.cluster.stage.children(host.worker):
                os.kill(pid, signal.SIGCONT)

    def _stop_one_at_work(self, host: Host) -> tuple[int, set[Claim]]:
        """SIGSTOP for a worker that holds something; gives which, and what that is.

        What others hold is not held for half a second.
        """
        while True:
            for pid in self.cluster.stage.busy(host.worker):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
                    held = self.recoveries.held()
                    if held:
                        time.sleep(0.5)
                        held &= self.recoveries.held()
                    if held:
                        return pid, held
                    os.kill(pid, signal.SIGCONT)
            time.sleep(0.002)

    def _watch(self, healthy: Sequence[Host], seconds: float) -> None:
        """Change an item of another org again and again until it is shown."""
        item = next(iter(self.watched.links.values()))
        ends_at, number = time.monotonic() + seconds, 0
        while time.monotonic() < ends_at:
            number += 1
            body = changed(self.watched, item, f"Watched {uuid.uuid4()}")
            started = time.monotonic()
            host = healthy[number % len(healthy)]
            status, _, _ = post(host.url(self.watched), body, str(uuid.uuid4()))
            assert status == 202, f"a host that is well has answered {status}"
            within(HANGS, lambda: not self.watched.differing(), every=0.05)
            self.visible.append(time.monotonic() - started)
            time.sleep(0.3)

    def _takes_part(self, host: Host, before: dict[int, int]) -> float:
        """Wait until it takes webhooks in and its workers do jobs; gives the seconds."""
        url, body = host.url(self.watched), {"object_kind": "build"}
        took = within(HANGS, lambda: post(url, body, str(uuid.uuid4()))[0] == 202)
        return took + within(HANGS, lambda: self.cluster.works_again(host, before))


def lost_and_cut_off(
    stage: Stage,
    *,
    hows: Sequence[str],
    seconds: float,
) -> Sequence[Figure]:
    """Two hosts are cut off, by ``reset`` or ``silence``, then one is lost, for ``seconds``."""
    with Cluster(stage) as cluster, ExitStack() as going_on:
        world = World.make(stage, projects=2, issues=8)
        watched = World.make(stage, projects=1, issues=1)
        world.settle(60)
        watched.settle(60)
        stage.gitlab.state.faults.latency = 0.2
        traffic, recoveries = Traffic(world, cluster), Recoveries([world])
        trial = Trial(cluster, traffic, watched, recoveries)
        going_on.enter_context(Background(recoveries.look, 0.5))
        with Background(traffic.edit, 0.1):
            hosts = cluster.hosts
            for number, how in enumerate(hows):
                one, other = hosts[number % 3], hosts[(number + 1) % 3]
                trial.cut_off(how, one, other, seconds)
            trial.lose(hosts[0], seconds)
        settled = world.settle(90)
        recoveries.look()
        return [*_of_the_whole(trial, world, settled), *_of_the_cut_off(trial)]


def _of_the_whole(trial: Trial, world: World, settled: float) -> Iterator[Figure]:
    accepted = trial.traffic.accepted
    yield at_least("webhooks accepted", len(accepted), 20)
    yield exactly("webhooks that no host accepted", trial.traffic.taken_by_nobody, 0)
    yield exactly("accepted webhooks that are not stored", missing(world, accepted), 0)
    yield exactly("deliveries lost, failed or left over", world.lost(), 0)
    yield exactly("links that differ from GitLab", len(world.differing()), 0)
    yield at_most("meanwhile a change is visible, 9 of 10", percentile(trial.visible, 0.9), 5)
    yield at_most("meanwhile a change is visible, at worst", max(trial.visible), 12)
    yield at_least("changes looked for", len(trial.visible), 3)
    yield at_least("deliveries and leases held when it happened", trial.held, 3)
    yield at_most("what the host was at is taken up", trial.recoveries.worst, TOO_LONG)
    yield at_most("a lost host that is started takes its part", max(trial.started), 30)
    yield at_most("a host cut off takes its part once healed", max(trial.healed), 30)
    yield exactly("processes that had to be restarted after a cut", trial.restarted, 0)
    yield at_most("all is done afterwards", settled, 45)


def _of_the_cut_off(trial: Trial) -> Iterator[Figure]:
    no_redis, no_database = (
        _sum(trial.without_redis),
        _sum(trial.without_database),
    )
    yield exactly("answers of a host without Redis", set(no_redis.statuses), {202})
    yield exactly("it is alive, and ready without Redis", _told(no_redis), (True, True))
    yield at_most("the slowest tenth of its answers", percentile(no_redis.seconds, 0.9), 2)
    yield at_least("503 of a host without the database", no_database.statuses[503], 1)
    yield exactly(
        "its answers other than 202 and 503", set(no_database.statuses) - {202, 503}, set()
    )
    yield exactly("503 without Retry-After", no_database.without_retry_after, 0)
    yield exactly("it is alive, and not ready", _told(no_database), (True, True))
    yield at_most("its slowest answer, probes included", max(no_database.seconds), 10)


def _sum(found: Sequence[Answers]) -> Answers:
    whole = Answers()
    for answers in found:
        whole.statuses += answers.statuses
        whole.seconds += answers.seconds
        whole.without_retry_after += answers.without_retry_after
        whole.healthy += answers.healthy
        whole.ready += answers.ready
    return whole


def _told(answers: Answers) -> tuple[bool, bool]:
    """Whether every look found it alive, and some found out what it lacks."""
    lacking = answers.ready[200, "unavailable"] + answers.ready[503, ""]
    return set(answers.healthy) == {200}, lacking > 0
