"""Numbers and lists of things in words."""

from collections.abc import Iterable


def counted(number: float, one: str, several: str | None = None, *, form: str = "") -> str:
    """A number with what there is so often: ``1 task``, ``2 tasks``.

    ``several`` is for any number but 1; without it, ``one`` gets an s. Either may go on, as in
    ``is late`` and ``are late``. ``form`` is how the number is written, as in f-strings.
    """
    words = one if number == 1 else several or f"{one}s"
    return f"{number:{form}} {words}"


def listed(words: Iterable[str], last: str = "and") -> str:
    """A list as people write it: ``a``, ``a and b``, ``a, b and c``; of nothing it is empty."""
    return f" {last} ".join(", ".join(words).rsplit(", ", 1))
