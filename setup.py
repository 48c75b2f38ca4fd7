"""The package of setup.cfg, and in it what lies beside it in a checkout:
gitlab_links/installed_files.py."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithNeighbours(build_py):
    """Puts the migrations and gunicorn's settings into the package."""

    def run(self) -> None:
        """Build the package, then add to it; an editable installation is a checkout as it is."""
        super().run()
        if not self.editable_mode:
            package = Path(self.build_lib) / "gitlab_links"
            shutil.copy("gunicorn.conf.py", package)
            shutil.copytree(
                "migrations",
                package / "migrations",
                ignore=shutil.ignore_patterns("__pycache__"),
                dirs_exist_ok=True,
            )


setup(cmdclass={"build_py": BuildWithNeighbours})
