"""Settings as an operator gives them."""

from pathlib import Path

from gitlab_links.config.settings import Settings


def as_environment(settings: Settings, allowed_hosts: str, folder: Path) -> dict[str, str]:
    """Variables for processes of the service; secrets go into files in ``folder``, as they must
    not be listed.
    """
    secrets = {
        "SECRET_KEY_FILE": settings.secret_key,
        "VIA_RAH_ENCRYPTION_KEY_FILE": ",".join(settings.encryption_keys),
    }
    for name, value in secrets.items():
        (folder / name).write_text(value)
    return {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "GITLAB_ALLOWED_HOSTS": allowed_hosts,
        "API_RATE_LIMIT_PER_MINUTE": str(settings.api_rate_limit),
        "GITLAB_TIMEOUT_SECONDS": str(settings.gitlab_timeout),
        "WORKER_PROCESSES": "2",
        "WORKERS_REST_AFTER_SECONDS": "0",
        "LOG_LEVEL": "WARNING",
        "FLASK_SKIP_DOTENV": "1",
        **{name: str(folder / name) for name in secrets},
    }
