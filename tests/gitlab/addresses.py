"""GitLabs that exist in tests only: one at the root of its host, one under a path."""

from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.gitlab.urls import parse_base_url

NOBODY = AllowedHosts.parse([])
BASE = parse_base_url("https://gitlab.example.com", NOBODY)
ROOTED = parse_base_url("https://example.com/tools/gitlab", NOBODY)
