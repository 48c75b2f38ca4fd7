"""Secrets: how tokens are encrypted, secrets hashed, keys made and passwords checked."""

import base64
import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Sequence
from functools import cache, lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from gitlab_links.errors import Conflict
from gitlab_links.extensions import settings

API_KEY_PREFIX = "glk_"
WEBHOOK_SECRET_PREFIX = "glw_"


class EncryptionKeyMissing(Conflict, code="encryption_key_missing"):
    """The operator set no ``VIA_RAH_ENCRYPTION_KEY``."""


class EncryptionKeyInvalid(Conflict, code="encryption_key_invalid"):
    """``VIA_RAH_ENCRYPTION_KEY`` holds something that is not a Fernet key."""


class CiphertextInvalid(Conflict, code="invalid_token_ciphertext"):
    """No key opens the stored secret, or it was made for another org, origin or purpose."""


class SecretCipher:
    """Encrypts secrets that must be read back; the first key encrypts, all decrypt.

    A ciphertext is bound to the org, origin and purpose it was made for: moved to another
    row it does not open.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = tuple(keys)

    def _fernet(self) -> MultiFernet:
        if not self._keys:
            raise EncryptionKeyMissing(
                "Secrets cannot be kept: the operator has set no VIA_RAH_ENCRYPTION_KEY."
            )
        try:
            return MultiFernet([Fernet(key) for key in self._keys])
        except ValueError:
            raise EncryptionKeyInvalid(
                "Secrets cannot be read: VIA_RAH_ENCRYPTION_KEY is not a list of Fernet keys "
                "(44 characters of url-safe base64 each)."
            ) from None

    def check(self) -> None:
        """Raise unless the keys can encrypt."""
        self._fernet()

    def encrypt(
        self, secret: str, *, org_id: uuid.UUID, origin: str, purpose: str, path: str | None = None
    ) -> str:
        """The ciphertext of ``secret``, ASCII; with ``path`` it opens for no other path."""
        bound = {"org": str(org_id), "origin": origin, "for": purpose, "secret": secret}
        if path is not None:
            bound["path"] = path
        return self._fernet().encrypt(json.dumps(bound).encode()).decode("ascii")

    def decrypt(
        self,
        ciphertext: str,
        *,
        org_id: uuid.UUID,
        origin: str,
        purpose: str,
        path: str | None = None,
    ) -> str:
        """The secret; raises :class:`CiphertextInvalid` where it was not made for this use.

        One that is bound to no path, as all were once, opens for any path of its origin.
        """
        try:
            bound = json.loads(self._fernet().decrypt(ciphertext.encode()))
        except (InvalidToken, UnicodeError):
            bound = {}
        made_for = (bound.get("org"), bound.get("origin"), bound.get("for"))
        if made_for != (str(org_id), origin, purpose) or bound.get("path", path) != path:
            raise CiphertextInvalid(
                "The stored secret does not open with the present VIA_RAH_ENCRYPTION_KEY. "
                "Restore the former key beside the new one, or set the secret again."
            )
        return str(bound["secret"])

    def is_current(self, ciphertext: str) -> bool:
        """Whether the first key made it; raises :class:`CiphertextInvalid` if none did."""
        if self._opens(ciphertext, self._keys[:1]):
            return True
        if self._opens(ciphertext, self._keys):
            return False
        raise CiphertextInvalid("A stored secret opens with none of the keys.")

    def renew(self, ciphertext: str) -> str:
        """The same secret under the first key; raises as :meth:`is_current` does."""
        if self.is_current(ciphertext):
            return ciphertext
        return self._fernet().rotate(ciphertext.encode()).decode("ascii")

    def _opens(self, ciphertext: str, keys: Sequence[str]) -> bool:
        try:
            SecretCipher(keys)._fernet().decrypt(ciphertext.encode())
        except (InvalidToken, UnicodeError):
            return False
        return True


@lru_cache(maxsize=4)
def _cipher_for(keys: tuple[str, ...]) -> SecretCipher:
    return SecretCipher(keys)


def cipher() -> SecretCipher:
    """The cipher of the current application."""
    return _cipher_for(settings().encryption_keys)


def digest(purpose: str, *parts: str) -> str:
    """A keyed SHA-256 in hex of a secret, for look-up and comparison.

    Fit for secrets of 256 random bits; fast, so that unknown keys cost an attacker's
    victim nothing. ``purpose`` and further parts (an org id) keep digests from being moved.
    """
    message = "\0".join((purpose, *parts)).encode("utf-8", "surrogatepass")
    return hmac.new(settings().secret_key.encode(), message, hashlib.sha256).hexdigest()


def fernet_for(purpose: str, *parts: str) -> Fernet:
    """A key for one purpose and these parts: what it encrypts is invalid for any other."""
    return Fernet(base64.urlsafe_b64encode(bytes.fromhex(digest(purpose, *parts))))


def same_digest(first: str, second: str) -> bool:
    """Compare two digests in constant time."""
    return hmac.compare_digest(first.encode(), second.encode())


def new_secret(prefix: str = "") -> str:
    """256 random bits as text, with a prefix that secret scanners can recognise."""
    return prefix + secrets.token_urlsafe(32)


_passwords = PasswordHasher()


@cache
def _some_hash() -> str:
    """Made when it is first needed: it takes longer than any import."""
    return _passwords.hash(secrets.token_urlsafe(16))


def hash_password(password: str) -> str:
    """An argon2id hash with its parameters."""
    return _passwords.hash(_as_bytes(password))


def _as_bytes(password: str) -> bytes:
    """UTF-8; JSON can carry halves of surrogate pairs, which strict UTF-8 cannot."""
    return password.encode("utf-8", "surrogatepass")


def password_matches(password: str, password_hash: str | None) -> bool:
    """Whether the password is right; an unknown account takes as long as a wrong password."""
    decoy = _some_hash()  # for every caller alike, also the first
    try:
        _passwords.verify(password_hash or decoy, _as_bytes(password))
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None
