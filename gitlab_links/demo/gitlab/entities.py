"""What the REST API answers, field by field as GitLab's own entities do."""

from typing import Any
from zlib import crc32

from gitlab_links.demo.gitlab.hooks import TRIGGERS, Hook, HookEvent
from gitlab_links.demo.gitlab.records import Label, Milestone, Project, Token, User
from gitlab_links.demo.gitlab.timing import Clock, iso
from gitlab_links.demo.gitlab.urls import Urls

Json = dict[str, Any]


def label_details(label: Label) -> Json:
    return {
        "id": label.id,
        "name": label.name,
        "description": None,
        "description_html": "",
        "text_color": label.text_color,
        "color": label.color,
        "archived": False,
    }


def user_basic(urls: Urls, user: User) -> Json:
    return {
        "id": user.id,
        "username": user.username,
        "public_email": "",
        "name": user.name,
        "state": user.state,
        "locked": False,
        "avatar_url": urls.avatar(user),
        "web_url": urls.user(user),
    }


def user_self(urls: Urls, user: User) -> Json:
    """``GET /user``: the caller's own account."""
    return user_basic(urls, user) | {
        "created_at": iso(user.created_at),
        "bio": "",
        "location": "",
        "linkedin": "",
        "twitter": "",
        "discord": "",
        "website_url": "",
        "github": "",
        "job_title": "",
        "pronouns": None,
        "organization": "",
        "bot": user.bot,
        "followers": 0,
        "following": 0,
        "is_followed": False,
        "work_information": None,
        "local_time": None,
        "last_sign_in_at": iso(user.created_at),
        "confirmed_at": iso(user.created_at),
        "last_activity_on": user.created_at.date().isoformat(),
        "email": user.email,
        "theme_id": 3,
        "color_scheme_id": 1,
        "projects_limit": 100_000,
        "current_sign_in_at": iso(user.created_at),
        "identities": [],
        "can_create_group": True,
        "can_create_project": True,
        "two_factor_enabled": False,
        "external": False,
        "private_profile": False,
        "commit_email": user.email,
    }


def token_self(token: Token, clock: Clock) -> Json:
    """``GET /personal_access_tokens/self``."""
    return {
        "id": token.id,
        "name": token.name,
        "revoked": token.revoked,
        "created_at": iso(token.created_at),
        "description": token.description,
        "scopes": token.scopes,
        "user_id": token.user.id,
        "last_used_at": iso(token.last_used_at),
        "active": token.active(clock.now().date()),
        "expires_at": token.expires_at and token.expires_at.isoformat(),
    }


def milestone(urls: Urls, project: Project, record: Milestone) -> Json:
    return {
        "id": record.id,
        "iid": record.iid,
        "project_id": record.project_id,
        "title": record.title,
        "description": "",
        "state": "active",
        "created_at": iso(record.created_at),
        "updated_at": iso(record.created_at),
        "due_date": record.due_date and record.due_date.isoformat(),
        "start_date": None,
        "expired": False,
        "web_url": urls.milestone(project, record),
    }


def project_simple(urls: Urls, record: Project) -> Json:
    """What a list of projects has of each if ``simple`` is asked for."""
    return {
        "id": record.id,
        "description": record.description,
        "name": record.name,
        "name_with_namespace": f"{record.namespace.replace('/', ' / ')} / {record.name}",
        "path": record.path,
        "path_with_namespace": record.path_with_namespace,
        "created_at": iso(record.created_at),
        "default_branch": record.default_branch,
        "tag_list": [],
        "topics": [],
        "ssh_url_to_repo": urls.ssh(record),
        "http_url_to_repo": urls.http(record),
        "web_url": urls.project(record),
        "readme_url": f"{urls.project(record)}/-/blob/{record.default_branch}/README.md",
        "forks_count": 0,
        "avatar_url": None,
        "star_count": 0,
        "last_activity_at": iso(record.created_at),
        "visibility": record.visibility,
        "namespace": _namespace(urls, record),
    }


def project(urls: Urls, record: Project, user: User) -> Json:
    """``GET /projects/:id``, the settings that nobody here reads left out."""
    level = record.members.get(user.id)
    access = None if level is None else {"access_level": level, "notification_level": 3}
    return project_simple(urls, record) | {
        "updated_at": iso(record.created_at),
        "_links": _links(urls, record),
        "empty_repo": False,
        "archived": record.archived,
        "issues_enabled": True,
        "merge_requests_enabled": record.merge_requests_access != "disabled",
        "issues_access_level": "enabled",
        "merge_requests_access_level": record.merge_requests_access,
        "open_issues_count": sum(i.state == "opened" for i in record.issues.values()),
        "permissions": {"project_access": access, "group_access": None},
    }


def _namespace(urls: Urls, record: Project) -> Json:
    name = record.namespace.rpartition("/")[2]
    return {
        "name": name,
        "path": name,
        "kind": "group",
        "full_path": record.namespace,
        "web_url": f"{urls.base_url}/groups/{record.namespace}",
    }


def _links(urls: Urls, record: Project) -> Json:
    api = urls.api(f"projects/{record.id}")
    below = ("issues", "merge_requests", "labels", "events", "members", "cluster_agents")
    branches = {"self": api, "repo_branches": f"{api}/repository/branches"}
    return branches | {name: f"{api}/{name}" for name in below}


def hook(record: Hook, clock: Clock) -> Json:
    """A hook: its tokens are only said to be there. A group has an id only here: of its path."""
    return {
        "id": record.id,
        "url": record.url,
        "name": record.name,
        "description": None,
        "created_at": iso(record.created_at),
        **(
            {"group_id": crc32(record.of.encode())}
            if isinstance(record.of, str)
            else {"project_id": record.of.id}
        ),
        **{trigger: trigger in record.enabled for trigger in TRIGGERS},
        "repository_update_events": False,
        "push_events_branch_filter": None,
        "branch_filter_strategy": "wildcard",
        "enable_ssl_verification": record.enable_ssl_verification,
        "alert_status": record.alert_status(clock.now()),
        "disabled_until": iso(record.disabled_until),
        "url_variables": [],
        "custom_webhook_template": None,
        "custom_headers": [],
        "token_present": bool(record.token),
        "signing_token_present": bool(record.signing_token),
    }


def hook_event(event: HookEvent, body: Any) -> Json:
    return {
        "id": event.id,
        "url": event.url,
        "trigger": event.trigger,
        "request_headers": event.request_headers,
        "request_data": body,
        "response_headers": event.response_headers,
        "response_body": event.response_body,
        "execution_duration": event.execution_duration,
        "response_status": event.response_status,
        "created_at": iso(event.created_at),
    }
