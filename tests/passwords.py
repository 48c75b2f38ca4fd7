"""What a password's hash costs in tests: hundreds of them log in, few are about that."""

from collections.abc import Iterator
from functools import cache

import pytest
from argon2 import PasswordHasher

from gitlab_links import security

# As people's passwords are hashed.
COSTLY = security._passwords
# The same argon2id with less work in it.
CHEAP = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)


@pytest.fixture(scope="session", autouse=True)
def cheap_hashes() -> Iterator[None]:
    """For every test that does not ask for ``costly_hashes``."""
    with pytest.MonkeyPatch.context() as patch:
        _hash_with(CHEAP, patch)
        yield


@pytest.fixture
def costly_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a test of what hashing takes in production."""
    _hash_with(COSTLY, monkeypatch)


def _hash_with(hasher: PasswordHasher, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(security, "_passwords", hasher)
    # The decoy of unknown accounts, too, is to be made anew.
    patch.setattr(security, "_some_hash", cache(security._some_hash.__wrapped__))
