"""The URLs among the settings: what could not work is refused at the start, in words."""

from collections.abc import Callable

import pytest

from gitlab_links.config.setting_urls import database_url, public_url, redis_url

GOOD = [
    (database_url, "postgresql+psycopg://u:p%40ss@db.example.com:5432/links"),
    (database_url, "postgresql+psycopg://u:p/w@[::1]/links"),
    (database_url, "postgresql+psycopg:///links?host=/run/postgresql"),
    (database_url, "sqlite:////var/lib/links.db"),
    (redis_url, "redis://127.0.0.1:6379/0"),
    (redis_url, "rediss://:password@redis.example.com"),
    (redis_url, "redis://[::1]:6379/"),
    (redis_url, "unix:///run/redis.sock?db=1"),
    (public_url, "https://links.example.com:8443/links"),
]
BAD = [
    (database_url, "links.db", "must be a URL"),
    (database_url, "postgresql://u:hunter2@host:port/links", "port must be a number"),
    (database_url, "postgresql://u:hun@ter2@host/links", "written as %40"),
    (database_url, "postgresql://u:hunter2@[::1/links", "cannot be read"),
    (database_url, "sqlite://links.db", "three slashes"),
    (redis_url, "127.0.0.1:6379", "must start with redis://"),
    (redis_url, "redis://:hunter2@host:port/0", "port is a number"),
    (redis_url, "redis://:hunter2/x@host/0", "port is a number"),
    (redis_url, "redis://host:99999/0", "port is a number"),
    (redis_url, "redis://host:6379/zero", "number of a database"),
    (public_url, "links.example.com", "must be a URL such as"),
    (public_url, "https://links.example.com:https", "port is a number"),
    (public_url, "https://links example.com", "must be a URL such as"),
]
Parse = Callable[[str], str]


@pytest.mark.parametrize(("parse", "text"), GOOD)
def test_what_can_be_connected_to_is_taken_as_it_is(parse: Parse, text: str) -> None:
    assert parse(text) == text


@pytest.mark.parametrize(("parse", "text", "message"), BAD)
def test_what_cannot_is_refused_without_telling_a_password(
    parse: Parse, text: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        parse(text)
    assert "hun" not in str(refused.value)
