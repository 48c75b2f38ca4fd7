"""Two people who edit one thing at once: only a field that both changed needs a decision.

A form has a hidden field with a digest of each value that it was loaded with.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

# The name of a field, the value somebody else saved, and the value sent now.
Both = tuple[str, str, str]
Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Merge:
    """What two people have made of one thing.

    ``values``: of each field the value of whoever changed it; of a field that both changed, the
    one sent now. ``mine``: the fields changed by the form sent now. ``kept``: those that only
    somebody else changed. ``disputed``: those that both changed, to different values.
    """

    values: Values
    mine: frozenset[str]
    kept: tuple[str, ...]
    disputed: tuple[str, ...]

    def saved_words(self, labels: Mapping[str, str]) -> str:
        """The message after saving it."""
        if not self.kept:
            return "Saved."
        names = ", ".join(labels[name].lower() for name in self.kept)
        return f"Saved. What somebody else changed meanwhile stays, too: {names}."


def seen(values: Values) -> str:
    """What the hidden field has of the values that the form shows."""
    return " ".join(f"{name}:{_digest(value)}" for name, value in values.items())


def merge(began_with: str, typed: Values, stored: Values) -> Merge:
    """Put ``typed`` and ``stored`` together. ``began_with`` is what :func:`seen` gave when the
    form was loaded; a field that it lacks counts as changed by both.
    """
    loaded = dict(part.partition(":")[::2] for part in began_with.split())
    mine = {name for name in typed if loaded.get(name) != _digest(typed[name])}
    theirs = {name for name in typed if loaded.get(name) != _digest(stored[name])}
    return Merge(
        {name: (typed if name in mine else stored)[name] for name in typed},
        frozenset(mine),
        tuple(name for name in typed if name in theirs - mine),
        tuple(name for name in typed if name in theirs & mine and typed[name] != stored[name]),
    )


def _digest(value: str) -> str:
    return sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:16]
