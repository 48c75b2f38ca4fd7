"""What pages load: served by the application, for good, under a policy without holes."""

import re

from flask.testing import FlaskClient

from gitlab_links.pages.assets import FOLDER
from tests.pages.markup import Markup
from tests.pages.templates import TEMPLATES


def sources(client: FlaskClient) -> list[str]:
    page = Markup.of(client.get("/login"))
    return [e["href"] for e in page.all("link")] + [e["src"] for e in page.all("script")]


def test_assets_are_there_and_kept_for_a_year(client: FlaskClient) -> None:
    found = sources(client)
    assert len(found) == 4
    for url in found:
        answer = client.get(url)
        assert answer.status_code == 200, url
        assert "max-age=31536000" in answer.headers["Cache-Control"], url
        assert "Set-Cookie" not in answer.headers


def test_modules_import_within_their_version(client: FlaskClient) -> None:
    url = next(url for url in sources(client) if url.endswith("page.js"))
    folder = url.rsplit("/", 1)[0]
    seen, waiting = set(), re.findall(r"asset\('js/([a-z]+\.js)'\)", "".join(TEMPLATES.values()))
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            source = client.get(f"{folder}/{name}")
            assert source.mimetype == "text/javascript"
            waiting += re.findall(r'(?:from|import) "\./([a-z]+\.js)"', source.text)
    assert seen == {path.name for path in (FOLDER / "js").glob("*.js")}


def test_an_old_page_gets_the_present_asset_for_once(client: FlaskClient) -> None:
    for name in ("app.css", "js/page.js"):
        answer = client.get(f"/static/0123456789ab/{name}")
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-cache"


def test_the_mark_is_where_browsers_look_for_it(client: FlaskClient) -> None:
    answer = client.get("/favicon.ico")
    assert answer.status_code == 200
    assert answer.mimetype in {"image/x-icon", "image/vnd.microsoft.icon"}
    assert answer.cache_control.max_age == 24 * 3600


def test_nothing_outside_the_folder_is_served(client: FlaskClient) -> None:
    for name in ("../app.py", "..%2fapp.py", "css/../../app.py", "nothing.js"):
        assert client.get(f"/static/x/{name}").status_code == 404


def test_the_policy_has_no_holes(client: FlaskClient) -> None:
    policy = client.get("/login").headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "http" not in policy


def test_stylesheets_load_nothing(client: FlaskClient) -> None:
    css = next(client.get(url).text for url in sources(client) if url.endswith("app.css"))
    assert "url(" not in css
    assert "@import" not in css
