"""Numbers of things in words."""


def counted(number: float, one: str, several: str | None = None, *, form: str = "") -> str:
    """A number with what there is so often: ``1 task``, ``2 tasks``.

    ``several`` is for any number but 1; without it, ``one`` gets an s. Either may go on, as in
    ``is late`` and ``are late``. ``form`` is how the number is written, as in f-strings.
    """
    words = one if number == 1 else several or f"{one}s"
    return f"{number:{form}} {words}"
