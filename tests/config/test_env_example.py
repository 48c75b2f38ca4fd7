""".env.example and the README name every setting, with the default it has."""

import re
from collections.abc import Iterator, Mapping

import pytest

from gitlab_links.config.settings import ConfigError, Settings
from gitlab_links.local.supervisor import PROJECT


class Asked(Mapping[str, str]):
    """An environment that records which variables were read."""

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@pytest.fixture
def example() -> dict[str, str]:
    lines = (PROJECT / ".env.example").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return dict(pairs)


def test_it_names_what_is_read_and_nothing_else(example: dict[str, str]) -> None:
    asked = Asked(example | {"SECRET_KEY": "something else, long enough"})
    Settings.from_environ(asked)

    assert asked.names - {f"{name}_FILE" for name in asked.names} == set(example)


def test_its_values_are_the_defaults(example: dict[str, str]) -> None:
    secret = {"SECRET_KEY": "something else, long enough"}

    assert Settings.from_environ(example | secret) == Settings.from_environ(secret)


def test_its_placeholder_does_not_pass_for_a_secret(example: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="SECRET_KEY: is still"):
        Settings.from_environ(example)


def test_the_readme_lists_the_same_settings_with_the_same_defaults(example: dict[str, str]) -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^\| `([A-Z_]+)` \| (.+?) \|", readme, re.MULTILINE))
    defaults = {name: text.strip("`") for name, text in documented.items() if text.startswith("`")}

    assert documented.keys() == example.keys()
    assert defaults == {name: example[name] for name in defaults}
    assert all(not example[name] for name in documented.keys() - defaults.keys() - {"SECRET_KEY"})
