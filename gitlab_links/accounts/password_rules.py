"""What a new password must be. NIST SP 800-63B: length and no common ones, no rules of symbols."""

from functools import cache
from pathlib import Path

from gitlab_links.errors import Invalid

MIN_PASSWORD = 12
MAX_PASSWORD = 200
FEWEST_CHARACTERS = 5

_COMMON = Path(__file__).with_name("common_passwords.txt")


def check_password(password: str, email: str) -> None:
    """Raise :class:`Invalid` for a password that is too short, too long or easy to guess."""
    fault = _fault(password, email)
    if fault:
        raise Invalid(f"The password was not set. {fault}", errors={"password": [fault]})


def _fault(password: str, email: str) -> str | None:
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        return f"Use {MIN_PASSWORD} to {MAX_PASSWORD} characters."
    plain = password.lower()
    if plain == email.lower():
        return "Use something else than your e-mail address."
    if len(set(plain)) < FEWEST_CHARACTERS or _repeats(plain) or plain in _common():
        return "This password is easy to guess. Use a few words that only you would choose."
    return None


def _repeats(plain: str) -> bool:
    """Whether it is one shorter text again and again, as ``monkeymonkey``."""
    return plain in (plain + plain)[1:-1]


@cache
def _common() -> frozenset[str]:
    lines = _COMMON.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))
