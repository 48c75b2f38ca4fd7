"""Who is calling; orgs, members and API keys."""

from marshmallow import fields, validate

from gitlab_links.accounts.api_keys import DEFAULT_DAYS
from gitlab_links.accounts.names import MAX_NAME, NAME
from gitlab_links.accounts.people import MAX_EMAIL
from gitlab_links.accounts.roles import Role, Scope
from gitlab_links.accounts.task_keys import TASK_KEY
from gitlab_links.api.schemas.common import Answer, Page, Strict, described, envelope, page_of
from gitlab_links.api.schemas.fields import Time, WholeNumber, choice, text
from gitlab_links.invitations.queries import InvitationStatus
from gitlab_links.mail import ADDRESS
from gitlab_links.tasks.branch_names import DEFAULT_TEMPLATE, MAX_TEMPLATE
from gitlab_links.tasks.branch_names import MESSAGE as BRANCH_TEMPLATE_MESSAGE
from gitlab_links.tasks.branch_names import PATTERN as BRANCH_TEMPLATE

EMAIL = f"^{ADDRESS}$"


class OrgSchema(Answer):
    """An org as its member sees it."""

    id = fields.UUID()
    name = fields.String(metadata={"example": "Acme Corp"})
    task_key = fields.String(metadata=described("The prefix of task references.", "ACME"))
    role = choice(Role, metadata=described("The caller's role in this org."))
    created_at = Time()


class OrgDetailsSchema(OrgSchema):
    """An org with its former task keys."""

    former_task_keys = fields.List(
        fields.String(),
        metadata=described("References with one of these prefixes still find their tasks."),
    )
    branch_template = fields.String(
        allow_none=True,
        metadata=described("Names the branches of tasks; null for the default.", DEFAULT_TEMPLATE),
    )

    comments_mention = fields.Boolean(
        metadata=described("Comments mention tasks, too, and not only titles and descriptions.")
    )


OrgEnvelope = envelope("OrgEnvelope", org=OrgDetailsSchema)
OrgsEnvelope = page_of("OrgsEnvelope", orgs=OrgSchema)


class OrgChange(Strict):
    """What to change of an org."""

    name = text(1, MAX_NAME, NAME, metadata={"example": "Acme Corporation"})
    task_key = text(
        1,
        10,
        TASK_KEY,
        "Use capital letters and digits, a letter first.",
        metadata=described(
            "New prefix of all task references. References with the old one still work.", "ACME"
        ),
    )
    comments_mention = fields.Boolean(
        metadata=described(
            "Whether a comment that names a task links its item. Comments that arrive by the "
            "webhooks of this service count."
        )
    )
    branch_template = text(
        0,
        MAX_TEMPLATE,
        BRANCH_TEMPLATE,
        BRANCH_TEMPLATE_MESSAGE,
        metadata=described(
            "Names the branches of tasks: `{key}` is the task's reference and `{title}` its title, "
            "both in small letters. Empty for the default.",
            "feature/{key}-{title}",
        ),
    )


class MemberSchema(Answer):
    """A person's membership."""

    id = fields.UUID(metadata=described("Of the membership, not the person."))
    user_id = fields.UUID(
        allow_none=True, metadata=described("Null until the person has opened the org.")
    )
    email = fields.String(metadata={"example": "sam@example.com"})
    name = fields.String(
        metadata=described("As given to the org, until the person has opened it.", "Sam Jones")
    )
    role = choice(Role)
    created_at = Time()


MemberEnvelope = envelope("MemberEnvelope", member=MemberSchema)
MembersEnvelope = page_of("MembersEnvelope", members=MemberSchema)


class ColleagueSchema(Answer):
    """Somebody who works on tasks; `id` is the user's."""

    id = fields.UUID()
    name = fields.String(metadata={"example": "Ana Ox"})


PersonEnvelope = envelope("PersonEnvelope", person=ColleagueSchema)
PeopleEnvelope = page_of("PeopleEnvelope", people=ColleagueSchema)


class NewMember(Strict):
    """The person to invite."""

    email = text(
        3,
        MAX_EMAIL,
        EMAIL,
        "Not an e-mail address.",
        required=True,
        metadata=described("Case does not matter.", "sam@example.com"),
    )
    name = text(
        0,
        MAX_NAME,
        NAME,
        load_default="",
        metadata=described("Suggested to a person who is new here.", "Sam Jones"),
    )
    role = choice(Role, required=True)


class InvitationSchema(Answer):
    """An invitation that nobody has accepted."""

    id = fields.UUID()
    email = fields.String(metadata={"example": "sam@example.com"})
    name = fields.String(metadata={"example": "Sam Jones"})
    role = choice(Role, metadata=described("The role the person will have."))
    status = choice(
        InvitationStatus,
        metadata=described(
            "Its mail is `waiting`, was `mailed` or has `failed`; without a mail server the link "
            "was `handed_over` to who made it; or it has `expired`."
        ),
    )
    mail_error = fields.String(
        allow_none=True, metadata=described("Why the mail could not be sent, if it could not.")
    )
    invited_by = fields.String(allow_none=True, metadata={"example": "Ana Lima"})
    created_at = Time()
    expires_at = Time()


InvitationEnvelope = envelope("InvitationEnvelope", invitation=InvitationSchema)
InvitationsEnvelope = page_of("InvitationsEnvelope", invitations=InvitationSchema)


class NewInvitationEnvelope(Answer):
    """An invitation with its link, if there is one to hand over."""

    invitation = fields.Nested(InvitationSchema)
    link = fields.String(
        allow_none=True,
        metadata=described(
            "Shown only once, for the caller to hand over: it works once and for 7 days. Null if "
            "it is mailed."
        ),
    )


class MemberChange(Strict):
    """A member's new role."""

    role = choice(Role, required=True)


class ApiKeySchema(Answer):
    """An API key without its secret."""

    id = fields.UUID()
    name = fields.String(metadata={"example": "CI"})
    hint = fields.String(metadata=described("How the key begins.", "glk_9fZ3aQ1x"))
    scopes = fields.List(choice(Scope))
    owner_id = fields.UUID(
        attribute="user_id",
        metadata=described("Whose permissions the key has; it ends with their membership."),
    )
    owner_email = fields.String(attribute="user.email")
    service_account = fields.Function(
        lambda key: not key.user.is_person,
        metadata={"type": "boolean", "description": "Whether the owner is a service account."},
    )
    created_at = Time()
    expires_at = Time(allow_none=True)
    revoked_at = Time(allow_none=True)
    last_used_at = Time(allow_none=True, metadata=described("To within five minutes."))


ApiKeyEnvelope = envelope("ApiKeyEnvelope", api_key=ApiKeySchema)
ApiKeysEnvelope = page_of("ApiKeysEnvelope", api_keys=ApiKeySchema)


class ApiKeysQuery(Page):
    """Which API keys to list."""

    revoked = fields.Boolean(
        load_default=False,
        truthy={"true"},
        falsy={"false"},
        metadata=described("List the revoked keys instead of the others."),
    )


class NewApiKey(Strict):
    """The API key to create."""

    name = text(1, MAX_NAME, NAME, required=True, metadata={"example": "CI"})
    scopes = fields.List(
        choice(Scope),
        required=True,
        validate=validate.Length(1, 3),
        metadata=described("No scope includes another; a key can grant only scopes it has."),
    )
    expires_in_days = WholeNumber(
        load_default=DEFAULT_DAYS,
        allow_none=True,
        validate=validate.Range(1, 3650),
        metadata=described("90 when left out; null: it never expires.", 90),
    )


class ApiKeySecretEnvelope(Answer):
    """An API key with its secret, which is shown only once."""

    api_key = fields.Nested(ApiKeySchema)
    secret = fields.String(
        metadata=described(
            "Send it as `Authorization: Bearer ...`. It cannot be read again.",
            "glk_9fZ3aQ1xW0c5Vd7rT2mYkLp8sNbEuHgJ4iRo6AqXtZw",
        )
    )


class UserSchema(Answer):
    """A person."""

    id = fields.UUID()
    email = fields.String(metadata={"example": "sam@example.com"})
    name = fields.String(metadata={"example": "Sam Jones"})


class OwnKeySchema(Answer):
    """The API key in use."""

    id = fields.UUID()
    org_id = fields.UUID()
    role = choice(Role, metadata=described("The role of the key's owner in the org."))
    scopes = fields.List(choice(Scope))


class MeSchema(Answer):
    """Who is calling."""

    user = fields.Nested(UserSchema)
    api_key = fields.Nested(
        OwnKeySchema, allow_none=True, metadata=described("Null for a browser session.")
    )


MeEnvelope = envelope("MeEnvelope", me=MeSchema)
