"""flask list-orgs and list-people: the ids and addresses that other commands ask for."""

from flask import Flask

from gitlab_links.accounts.bootstrap import Consent, bootstrap
from gitlab_links.extensions import db
from tests.factories import Factory


def lines(app: Flask, command: str) -> list[str]:
    result = app.test_cli_runner().invoke(args=[command])
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def test_orgs_and_people_are_listed_with_what_commands_ask_for(
    app: Flask, factory: Factory
) -> None:
    assert lines(app, "list-orgs") == lines(app, "list-people") == []
    with app.app_context():
        ada = bootstrap("ada@example.com", "correct horse battery", "Zoo", "Ada Lima")
        kept = Consent(keep_password=True)
        other = bootstrap("ada@example.com", None, "acme", consent=kept)
        db.session.commit()
    service = factory.membership(factory.org(name="Mill")).user_id
    org = factory.org(name="Bare")
    factory.task(org)
    listed = lines(app, "list-orgs")
    assert f"{other.org_id}  acme  (1 member, 0 tasks)" == listed[0]
    assert f"{org.id}  Bare  (0 members, 1 task)" in listed
    people = lines(app, "list-people")
    assert (
        f"{ada.user_id}  ada@example.com  Ada Lima  (an admin of acme, an admin of Zoo)" in people
    )
    assert len(people) == 2
    assert str(service) in people[0] + people[1]
