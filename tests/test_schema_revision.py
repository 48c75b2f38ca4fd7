"""What the service knows about its schema without Alembic."""

import subprocess
import sys

import pytest
from alembic.script import ScriptDirectory

from gitlab_links import schema_revision
from gitlab_links.installed_files import MIGRATIONS


def test_alembic_knows_the_same_revisions_and_the_same_newest() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))
    known = {script.revision for script in scripts.walk_revisions()}
    assert schema_revision.wanted() == set(scripts.get_heads())
    assert all(
        schema_revision.is_behind(frozenset({old})) for old in known - set(scripts.get_heads())
    )
    assert not schema_revision.is_behind(frozenset({"of the next"}))


@pytest.mark.slow
def test_serving_and_working_do_not_import_alembic() -> None:
    program = "import sys, wsgi, gitlab_links.jobs.worker_pool; print('alembic' in sys.modules)"
    environment = {"SECRET_KEY": "x" * 40, "DATABASE_URL": "sqlite:///unused.db"}
    answer = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert answer.stdout.split() == ["False"]
