"""/metrics: who may read it, and that its figures are those of the database and of Redis."""

import re
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from gitlab_links import __version__
from gitlab_links.config.settings import ConfigError, Settings
from gitlab_links.local.supervisor import PROJECT
from tests.conftest import MakeApp
from tests.factories import Factory

TOKEN = "a-token-of-the-monitoring"


@pytest.fixture
def monitored(make_app: MakeApp) -> Flask:
    return make_app(metrics_token=TOKEN)


def read(app: Flask) -> dict[tuple[str, ...], float]:
    answer = app.test_client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200, answer.text
    assert answer.content_type.startswith("text/plain")
    return {
        (sample.name.removeprefix("gitlab_links_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def id_of(moment: datetime) -> uuid.UUID:
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80 | uuid.uuid4().int >> 48)


def test_without_a_token_in_the_settings_there_is_no_such_page(app: Flask) -> None:
    answer = app.test_client().get("/metrics", headers={"Authorization": "Bearer "})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"bearer{TOKEN}", f"Basic {TOKEN}"],
)
def test_with_a_wrong_token_there_is_no_such_page_either(
    monitored: Flask, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = monitored.test_client().get("/metrics", headers=headers)
    assert answer.status_code == 404
    assert "gitlab_links_" not in answer.text


def test_an_api_key_does_not_open_it(monitored: Flask, factory: Factory) -> None:
    key = factory.api_key(factory.org())
    answer = monitored.test_client().get("/metrics", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 404


def test_the_version_that_answers_is_a_figure(monitored: Flask) -> None:
    assert read(monitored)["build_info", __version__] == 1


def test_deliveries_are_counted_by_status_while_they_are_recent(
    monitored: Flask, factory: Factory
) -> None:
    org, now = factory.org(), datetime.now(UTC)
    for status in ("processed", "processed", "failed"):
        factory.delivery(org, status=status)
    factory.delivery(org, id=id_of(now - timedelta(minutes=4)), status="ignored")
    factory.delivery(org, id=id_of(now - timedelta(minutes=6)), status="ignored")
    figures = read(monitored)
    counted = {key[1]: value for key, value in figures.items() if key[0] == "deliveries_recent"}
    assert counted == {
        "received": 0,
        "processing": 0,
        "processed": 2,
        "ignored": 1,
        "failed": 1,
    }


def test_the_backlog_tells_how_much_waits_and_how_late_the_first_is(
    monitored: Flask, factory: Factory
) -> None:
    org, now = factory.org(), datetime.now(UTC)
    assert read(monitored)["deliveries_late_seconds",] == 0
    factory.delivery(org, status="received", due_at=now - timedelta(seconds=90))
    factory.delivery(org, status="received", due_at=now - timedelta(seconds=5))
    factory.delivery(org, status="received", due_at=now + timedelta(hours=1))
    factory.delivery(org, status="processed")
    figures = read(monitored)
    assert figures["deliveries_waiting",] == 3
    assert 90 <= figures["deliveries_late_seconds",] < 120


def test_due_items_count_only_where_gitlab_may_be_called(
    monitored: Flask, factory: Factory, gitlab_port: int
) -> None:
    late = datetime.now(UTC) - timedelta(seconds=300)
    connected, lonely = factory.org(), factory.org()
    factory.connect(connected, base_url=f"http://127.0.0.1:{gitlab_port}", token="glpat-x")
    for org in (connected, lonely):
        factory.gitlab_item(factory.gitlab_project(org), next_sync_at=late)
    figures = read(monitored)
    assert figures["items_waiting",] == 1
    assert 300 <= figures["items_late_seconds",] < 330


def test_integrations_are_counted_by_state(monitored: Flask, factory: Factory) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    some = {"token_ciphertext": "x"}
    factory.integration(factory.org(), base_url=None)
    factory.integration(factory.org(), **some, token_expires_at=soon)
    factory.integration(factory.org(), **some, error_code="auth_error")
    factory.integration(
        factory.org(),
        **some,
        paused_until=soon,
        rate_limit=2000,
        rate_limit_remaining=500,
        rate_limit_reset_at=soon,
    )
    for days, rotated in ((20, True), (20, False), (0.5, True)):
        when = datetime.now(UTC) + timedelta(days=days)
        factory.integration(factory.org(), **some, token_expires_at=when, token_auto_rotate=rotated)
    figures = read(monitored)
    states = {key[1]: value for key, value in figures.items() if key[0] == "integrations"}
    assert states == {"ok": 4, "not_configured": 1, "auth_error": 1, "paused": 1}
    assert figures["tokens_expiring",] == 3, "one that is replaced automatically has 20 days"
    assert figures["rate_limit_headroom_ratio",] == 0.25


def test_a_rate_limit_whose_window_is_over_is_no_limit(monitored: Flask, factory: Factory) -> None:
    factory.integration(
        factory.org(),
        rate_limit=2000,
        rate_limit_remaining=0,
        rate_limit_reset_at=datetime.now(UTC) - timedelta(seconds=1),
    )
    assert read(monitored)["rate_limit_headroom_ratio",] == 1


def test_the_queues_of_redis_are_measured(monitored: Flask, redis: Redis) -> None:
    from gitlab_links.job_triggers import JobKind, trigger

    with monitored.app_context():
        trigger(JobKind.SYNC, uuid.uuid4())
    figures = read(monitored)
    assert figures["redis_up",] == 1
    assert figures["jobs_queued", "fetches"] == 1
    assert figures["jobs_queued", "deliveries"] == 0
    assert figures["workers",] == 0


def test_killed_workers_are_noticed_by_their_schedule(monitored: Flask, redis: Redis) -> None:
    """They stay registered for minutes, as nobody has signed them off."""
    from gitlab_links.job_triggers import SCHEDULE_QUEUE
    from gitlab_links.jobs.redis_trouble import RedisTrouble
    from gitlab_links.jobs.schedule import Ticker
    from gitlab_links.jobs.workers import PoolWorker

    with monitored.app_context():
        url = monitored.extensions["settings"].redis_url
        killed = PoolWorker.of(url, [SCHEDULE_QUEUE], RedisTrouble())
        killed.register_birth()
        Ticker().tick(time.time() - 60)
    figures = read(monitored)
    assert (figures["workers",], figures["schedule_ticks",]) == (1, 0)
    with monitored.app_context():
        Ticker().tick(time.time())
    assert read(monitored)["schedule_ticks",] == 1
    killed.register_death()


def test_a_failed_job_counts_once(monitored: Flask, redis: Redis) -> None:
    redis.zadd("rq:failed:fetches", {"some-job": 2_000_000_000})
    assert read(monitored)["jobs_failed",] == 1


def test_with_redis_away_the_rest_is_shown(make_app: MakeApp) -> None:
    figures = read(make_app(metrics_token=TOKEN, redis_url="redis://127.0.0.1:1/0"))
    assert figures["redis_up",] == 0
    assert ("workers",) not in figures
    assert ("deliveries_waiting",) in figures


def test_prometheus_reads_them_as_the_docs_set_it_up(make_app: MakeApp, tmp_path: Path) -> None:
    text = (PROJECT / "docs" / "deploy.md").read_text()
    (block,) = re.findall(r"```yaml\n(scrape_configs:.*?)```", text, re.DOTALL)
    (job,) = yaml.safe_load(block)["scrape_configs"]
    # What Prometheus makes of it: its defaults, and a file that an editor ends with a line end.
    credentials = tmp_path / Path(job["authorization"]["credentials_file"]).name
    credentials.write_text(f"{TOKEN}\n")
    kind = job["authorization"].get("type", "Bearer")
    headers = {"Authorization": f"{kind} {credentials.read_text().strip()}"}
    headers["Accept"] = "application/openmetrics-text;q=0.5,text/plain;q=0.3,*/*;q=0.1"
    client = make_app(
        metrics_token=TOKEN, public_base_url="https://links.example.com", trusted_proxies=1
    ).test_client()
    for config in job["static_configs"]:
        for target in config["targets"]:
            url = f"{job.get('scheme', 'http')}://{target}"
            answer = client.get(job.get("metrics_path", "/metrics"), base_url=url, headers=headers)
            assert answer.status_code == 200
            assert list(text_string_to_metric_families(answer.text))
            assert client.get("/metrics", base_url=url).status_code == 404


def test_no_org_is_named(monitored: Flask, factory: Factory) -> None:
    factory.integration(factory.org(name="Very Secret Inc"))
    client = monitored.test_client()
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert 'gitlab_links_integrations{state="not_configured"} 1.0' in answer.text
    assert "Secret" not in answer.text
    assert "gitlab.example.com" not in answer.text


def test_a_short_token_stops_the_start() -> None:
    with pytest.raises(ConfigError, match="METRICS_TOKEN: must have 16 characters"):
        Settings.from_environ({"METRICS_TOKEN": "short", "SECRET_KEY": "x"})


def test_every_alert_uses_an_existing_metric_and_says_what_to_do(monitored: Flask) -> None:
    groups = yaml.safe_load((PROJECT / "deploy" / "prometheus-alerts.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    asked = {name for rule in rules for name in re.findall(r"gitlab_links_(\w+)", rule["expr"])}
    assert asked <= {key[0] for key in read(monitored)}
    for rule in rules:
        assert rule["for"]
        assert rule["annotations"].keys() == {"summary", "description"}


def test_every_figure_that_the_docs_alert_on_has_a_rule(monitored: Flask) -> None:
    figures = {key[0] for key in read(monitored)}
    text = (PROJECT / "docs" / "deploy.md").read_text()
    rows = re.findall(r"^\| `(\w+)(?:\{\w+\})?` \| .+ \| (.*)\|$", text, re.MULTILINE)
    promised = {name for name, when in rows if when and when != "much more than usual "}
    rules = (PROJECT / "deploy" / "prometheus-alerts.yml").read_text()
    asked = set(re.findall(r"expr: .*?gitlab_links_(\w+)", rules))
    assert "jobs_queued" in promised
    assert (promised & figures) - asked == set()


def test_the_docs_have_every_figure_in_their_table(monitored: Flask) -> None:
    text = (PROJECT / "docs" / "deploy.md").read_text()
    listed = set(re.findall(r"^\| `(\w+)(?:\{\w+\})?` \|", text, re.MULTILINE))
    assert {key[0] for key in read(monitored)} <= listed
