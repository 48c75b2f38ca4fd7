"""What tests of a dialect share, although they take turns with those of the other one."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask

Made = TypeVar("Made")


class PerDialect:
    """What is made once per dialect, and kept while tests turn to the other one and back.

    pytest takes down fixtures of a parameter when it changes, which is twice in each file.
    """

    def __init__(self) -> None:
        self._made: dict[object, Any] = {}

    def once(self, key: object, make: Callable[[], Made]) -> Made:
        """What ``make`` gave the first time it was wanted."""
        if key not in self._made:
            self._made[key] = make()
        made: Made = self._made[key]
        return made

    def apps(self) -> list[Flask]:
        """The applications among it."""
        return [made for made in self._made.values() if isinstance(made, Flask)]
