"""The document says of each scenario what was found the last time, and which were never run."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import cast

import pytest

from tests.soak.__main__ import BEGIN, DOCUMENT, END, SCENARIOS, kept_in
from tests.soak.figures import Figure, at_most, exactly
from tests.soak.short import keeps
from tests.soak.stage import Stage

EMPTY = f"before\n{BEGIN}\n{END}\nafter"


def test_a_run_of_some_keeps_what_others_found() -> None:
    first, second, *never = SCENARIOS
    document = kept_in(EMPTY, [(second, "sqlite", exactly("things lost", 3, 0))])
    document = kept_in(document, [(first, "sqlite", exactly("things lost", 1, 0))])
    document = kept_in(document, [(second, "sqlite", exactly("things lost", 2, 0))])
    assert document.startswith(f"before\n{BEGIN}") and document.endswith(f"{END}\nafter")
    assert document.index(f"### {first}\n") < document.index(f"### {second}\n")
    assert "| 1 | **no** |" in document
    assert "| 2 | **no** |" in document
    assert "| 3 | **no** |" not in document
    assert f"Not run at full size yet: {', '.join(never)}." in document


def test_the_document_holds_what_a_run_would_leave_as_it_is() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    assert kept_in(document, []) == document


@pytest.mark.parametrize(
    ("figure", "breaks"),
    [
        (at_most("done", 59.0, 10), False),  # a busy machine
        (at_most("done", 61.0, 10), True),  # something hangs
        (at_most("calls", 11, 10, "calls"), True),
        (exactly("lost", 1, 0), True),
    ],
)
def test_a_short_run_is_patient_with_times_alone(figure: Figure, breaks: bool) -> None:
    with pytest.raises(AssertionError) if breaks else nullcontext():
        keeps(cast("Stage", SimpleNamespace(dialect="sqlite")), lambda _: [figure])
