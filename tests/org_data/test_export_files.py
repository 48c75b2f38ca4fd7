"""The files that export-org writes: a whole one or none, and nobody else's is touched."""

import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from gitlab_links.ops import org_files
from gitlab_links.org_data.files import json_lines
from tests.factories import Factory


def export(app: Flask, org_id: uuid.UUID, file: Path, *options: str) -> Result:
    return app.test_cli_runner().invoke(args=["export-org", str(org_id), str(file), *options])


def test_a_second_export_to_the_same_file_leaves_the_first_alone(
    app: Flask, factory: Factory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    org, file = factory.org(), tmp_path / "acme.jsonl"
    second: list[Result] = []

    def overtaken(org_id: uuid.UUID) -> Iterator[bytes]:
        monkeypatch.undo()
        second.append(export(app, org_id, file))
        yield from json_lines(org_id)

    monkeypatch.setattr(org_files, "json_lines", overtaken)
    first = export(app, org.id, file)
    assert (first.exit_code, second[0].exit_code) == (0, 1), first.output
    assert "another export" in second[0].output
    assert b'"end"' in file.read_bytes()
    assert list(tmp_path.iterdir()) == [file]


def test_what_a_killed_export_left_is_named_and_kept(
    app: Flask, factory: Factory, tmp_path: Path
) -> None:
    org, file, part = factory.org(), tmp_path / "acme.jsonl", tmp_path / "acme.jsonl.part"
    part.write_bytes(b"half of it")
    refused = export(app, org.id, file)
    assert (refused.exit_code, f"delete {part}" in refused.output) == (1, True)
    assert part.read_bytes() == b"half of it"
    part.unlink()
    assert export(app, org.id, file).exit_code == 0


def test_a_place_that_cannot_be_written_is_named(
    app: Flask, factory: Factory, tmp_path: Path
) -> None:
    refused = export(app, factory.org().id, tmp_path / "missing" / "acme.jsonl")
    assert (refused.exit_code, "No such file or directory" in refused.output) == (1, True)


def test_a_folder_of_somebody_else_is_named_with_what_helps(
    app: Flask, factory: Factory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    # As for any user but root, who may write everywhere.
    monkeypatch.setattr(org_files, "open_new_private_file", refuse)
    monkeypatch.chdir(tmp_path)
    refused = export(app, factory.org().id, Path("acme.jsonl"))
    assert f"{tmp_path}/acme.jsonl cannot be written: Permission denied." in refused.output
    assert "export-org ... - > FILE" in refused.output


def test_only_the_owner_reads_the_file_and_it_is_not_replaced_unasked(
    app: Flask, factory: Factory, tmp_path: Path
) -> None:
    org, file = factory.org(), tmp_path / "acme.jsonl"
    file.write_bytes(b"an older export")
    file.chmod(0o644)
    refused = export(app, org.id, file)
    assert (refused.exit_code, "replace it with --overwrite" in refused.output) == (1, True)
    assert file.read_bytes() == b"an older export"
    replaced = export(app, org.id, file, "--overwrite")
    assert replaced.exit_code == 0, replaced.output
    assert b'"end"' in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
