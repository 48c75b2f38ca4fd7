"""Texts as words that both databases index alike: lower case, without accents, in ASCII. Pure."""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from uuid import UUID

LONGEST = 60
# What a person is of an item.
ROLES = ("assignee", "reviewer", "author")
# Shorter words are searched as they are: as beginnings they would find nearly everything.
SHORTEST_BEGINNING = 3
# Chinese and Japanese have no spaces: each character is a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")


def words_of(text: str) -> list[str]:
    """The words of a text, in order."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    marked = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return [
        _in_ascii(word)[:LONGEST]
        for word in _WORD.findall(unicodedata.normalize("NFC", marked.casefold()))
    ]


def _in_ascii(word: str) -> str:
    """Letter by letter, so that the beginning of a word stays its beginning."""
    if word.isascii():
        return word
    return "".join(one if one.isascii() else f"x{ord(one):06x}" for one in word)


def org_word(org_id: UUID) -> str:
    """A word that every text of an org has, and no other."""
    return f"zo{org_id.hex}"


def fact_word(kind: str, value: str) -> str:
    """A word that stands for a whole value, such as a label: it is found exactly."""
    return f"zf{kind}{digest_of(value)}"


# Most values of a burst of events are the same few.
@lru_cache(maxsize=5_000)
def digest_of(value: str) -> str:
    """What the word for a value ends with."""
    return sha256(value.encode()).hexdigest()[:20]


def person_word(role: str, username: str) -> str:
    """A word that stands for what a person is of an item: GitLab's user names ignore case."""
    return fact_word(role, username.lower())


def indexed(words: Iterable[str]) -> str:
    """The words as they are stored: each once."""
    return " ".join(sorted(set(words)))
