"""The templates that pages are made of."""

from pathlib import Path

from gitlab_links import pages

_FOLDER = Path(pages.__file__).parent / "templates"
# By their names, as one includes another.
TEMPLATES = {
    path.relative_to(_FOLDER).as_posix(): path.read_text()
    for path in sorted(_FOLDER.rglob("*.html"))
}
