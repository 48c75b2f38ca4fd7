"""Secrets: bound ciphertexts, keyed digests, and password checks that take constant time."""

import uuid

import pytest
from cryptography.fernet import Fernet

from gitlab_links.security import (
    CiphertextInvalid,
    EncryptionKeyInvalid,
    EncryptionKeyMissing,
    SecretCipher,
    digest,
    hash_password,
    new_secret,
    password_matches,
    same_digest,
)

ORG, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)
USE = {"org_id": ORG, "origin": "https://gitlab.example.com", "purpose": "token"}
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_an_encrypted_secret_is_decrypted():
    for secret in ("glpat-x", "", "é\0" * 99):
        ciphertext = SecretCipher([NEW]).encrypt(secret, **USE)
        assert secret not in ciphertext or not secret
        assert SecretCipher([NEW]).decrypt(ciphertext, **USE) == secret


@pytest.mark.parametrize(
    "moved", [{"org_id": OTHER}, {"origin": "https://evil.example.com"}, {"purpose": "signing"}]
)
def test_a_ciphertext_opens_for_its_org_origin_and_purpose_only(moved):
    ciphertext = SecretCipher([NEW]).encrypt("glpat-x", **USE)
    with pytest.raises(CiphertextInvalid):
        SecretCipher([NEW]).decrypt(ciphertext, **USE | moved)


def test_the_first_key_encrypts_and_every_key_decrypts():
    before = SecretCipher([OLD]).encrypt("glpat-x", **USE)
    both = SecretCipher([NEW, OLD])
    assert both.decrypt(before, **USE) == "glpat-x"
    assert SecretCipher([NEW]).decrypt(both.encrypt("glpat-y", **USE), **USE) == "glpat-y"
    with pytest.raises(CiphertextInvalid):
        SecretCipher([NEW]).decrypt(before, **USE)


@pytest.mark.parametrize("broken", ["", "gAAAA", "é", "\ud800", "x" * 999])
def test_an_invalid_ciphertext_has_its_own_error(broken):
    with pytest.raises(CiphertextInvalid):
        SecretCipher([NEW]).decrypt(broken, **USE)


def test_a_missing_and_an_unusable_key_have_different_errors():
    for keys, error in [((), EncryptionKeyMissing), (("short",), EncryptionKeyInvalid)]:
        cipher = SecretCipher(keys)
        with pytest.raises(error):
            cipher.check()
        with pytest.raises(error):
            cipher.encrypt("glpat-x", **USE)
        with pytest.raises(error):
            cipher.decrypt("gAAAA", **USE)


def test_digests_depend_on_purpose_parts_and_key(app_context, make_app):
    digests = {
        digest("a", "b"),
        digest("a", "c"),
        digest("b", "a"),
        digest("a", "b", ""),
        digest("a\0b"),
        digest("a", "\ud800"),
    }
    assert len(digests) == 5  # the parts are joined by NUL, which no secret has
    with make_app(secret_key="another key altogether").app_context():
        assert digest("a", "b") not in digests


def test_digests_with_any_characters_are_compared():
    assert same_digest("aé", "aé")
    assert not same_digest("a", "")


def test_new_secrets_are_long_different_and_recognisable():
    made = {new_secret("glk_") for _ in range(100)}
    assert len(made) == 100
    assert all(one.startswith("glk_") and len(one) == 4 + 43 for one in made)


@pytest.mark.parametrize("password", ["correct horse", "", "é" * 200, "half \ud800 pair", "\0"])
def test_a_password_matches_its_own_hash_only(password):
    stored = hash_password(password)
    assert stored.startswith("$argon2id$")
    assert password_matches(password, stored)
    assert not password_matches(password + "x", stored)


def test_a_password_is_hashed_with_64_mib_three_times(costly_hashes):
    """The parameters of RFC 9106 for little memory; each guess costs that much too."""
    assert hash_password("correct horse").startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_an_unknown_account_and_a_broken_hash_never_match():
    for stored in (None, "", "not a hash", "$argon2id$broken"):
        assert not password_matches("anything", stored)
