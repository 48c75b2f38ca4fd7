"""What e-mails to people and health alerts have in common."""

import pytest

from gitlab_links.emails.composition import LONGEST_SUBJECT, PersonEmail
from gitlab_links.outgoing.emails import email_of

TO = "ops@example.com"


def to_a_person(subject):
    return PersonEmail(TO, f"[Acme] {subject}", ["Hello."], "Ignore it.").composed()


def health_alert(summary):
    body = {"id": "7", "closed_at": None, "org_name": "Acme", "summary": summary, "remedy": ""}
    return email_of({**body, "url": "https://links.example.com/orgs/1/gitlab"}, TO)


@pytest.mark.parametrize("kind", [to_a_person, health_alert])
def test_a_subject_is_one_line_of_visible_characters(app_context, kind):
    assert kind("See\r\nBcc: \u202eeve@example.com")["Subject"] == "[Acme] See Bcc: eve@example.com"
    subject = kind("long " * 100)["Subject"]
    assert (len(subject), subject[-1]) == (LONGEST_SUBJECT, "…")


@pytest.mark.parametrize("kind", [to_a_person, health_alert])
def test_no_machine_answers_it_and_no_client_has_to_unfold_it(app_context, kind):
    message = kind("word " * 30)
    assert (message["To"], message["Auto-Submitted"]) == (TO, "auto-generated")
    assert b"\nSubject: [Acme] " + b"word " * 29 + b"word\r\n" in message.as_bytes()
    assert message["Date"].datetime.tzinfo is not None
    assert message["Message-ID"].startswith("<")
