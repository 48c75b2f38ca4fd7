"""User names of GitLab, as people write them and as they are compared."""


def username_of(text: str) -> str:
    """A user name as it is compared: GitLab ignores case. The @ before it is no part of it."""
    return text.strip().removeprefix("@").strip().lower()
