"""Encrypt tokens, hash secrets, generate keys and check passwords."""

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
    """``VIA_RAH_ENCRYPTION_KEY`` is not set."""


class EncryptionKeyInvalid(Conflict, code="encryption_key_invalid"):
    """``VIA_RAH_ENCRYPTION_KEY`` has a value that is not a Fernet key."""


class CiphertextInvalid(Conflict, code="invalid_token_ciphertext"):
    """No key decrypts the stored secret, or it belongs to another org, origin or purpose."""


class SecretCipher:
    """Encrypts secrets that must be decrypted later. The first key encrypts, all keys decrypt.

    A ciphertext is bound to its org, origin and purpose: it does not decrypt in another row.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = tuple(keys)

    def _fernet(self) -> MultiFernet:
        if not self._keys:
            raise EncryptionKeyMissing(
                "Secrets cannot be stored: the operator has not set VIA_RAH_ENCRYPTION_KEY."
            )
        try:
            return MultiFernet([Fernet(key) for key in self._keys])
        except ValueError:
            raise EncryptionKeyInvalid(
                "Secrets cannot be decrypted: VIA_RAH_ENCRYPTION_KEY is not a list of Fernet keys "
                "(44 characters of url-safe base64 each)."
            ) from None

    def check(self) -> None:
        """Raise unless the keys can encrypt."""
        self._fernet()

    def encrypt(
        self, secret: str, *, org_id: uuid.UUID, origin: str, purpose: str, path: str | None = None
    ) -> str:
        """The ciphertext of ``secret`` in ASCII. With ``path``, it is bound to that path too."""
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
        """The secret. Raises :class:`CiphertextInvalid` if it was encrypted for another use.

        An older ciphertext without a path decrypts for every path of its origin.
        """
        try:
            bound = json.loads(self._fernet().decrypt(ciphertext.encode()))
        except (InvalidToken, UnicodeError):
            bound = {}
        made_for = (bound.get("org"), bound.get("origin"), bound.get("for"))
        if made_for != (str(org_id), origin, purpose) or bound.get("path", path) != path:
            raise CiphertextInvalid(
                "The stored secret cannot be decrypted with the current VIA_RAH_ENCRYPTION_KEY. "
                "Add the former key after the new one, or set the secret again."
            )
        return str(bound["secret"])

    def is_current(self, ciphertext: str) -> bool:
        """Whether the first key decrypts it. Raises :class:`CiphertextInvalid` if no key does."""
        if self._opens(ciphertext, self._keys[:1]):
            return True
        if self._opens(ciphertext, self._keys):
            return False
        raise CiphertextInvalid("No key decrypts a stored secret.")

    def renew(self, ciphertext: str) -> str:
        """The secret encrypted with the first key. Raises like :meth:`is_current`."""
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
    """A keyed SHA-256 digest of a secret in hex, to find and compare it.

    Only for secrets of 256 random bits. It is fast, so requests with unknown keys are cheap
    to refuse. ``purpose`` and other parts (an org id) make a digest invalid for other uses.
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
    """Computed on first use, because it takes longer than any import."""
    return _passwords.hash(secrets.token_urlsafe(16))


def hash_password(password: str) -> str:
    """An argon2id hash with its parameters."""
    return _passwords.hash(_as_bytes(password))


def _as_bytes(password: str) -> bytes:
    """UTF-8 that allows lone surrogates, which JSON can contain."""
    return password.encode("utf-8", "surrogatepass")


def password_matches(password: str, password_hash: str | None) -> bool:
    """Whether the password is right. An unknown account takes as long as a wrong password."""
    decoy = _some_hash()  # computed for every caller, so that all take the same time
    try:
        _passwords.verify(password_hash or decoy, _as_bytes(password))
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None
