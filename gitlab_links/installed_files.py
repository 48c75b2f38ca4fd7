"""Where the service's files are: in a checkout beside the package; installed, within it."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
# A wheel has the migrations within the package: setup.py puts them there.
_INSTALLED = (_PACKAGE / "migrations").is_dir()
_FILES = _PACKAGE if _INSTALLED else _PACKAGE.parent

# Holds instance/ and .env. A folder of packages is no place for data.
HOME = Path.cwd() if _INSTALLED else _PACKAGE.parent
MIGRATIONS = _FILES / "migrations"
GUNICORN_SETTINGS = _FILES / "gunicorn.conf.py"
