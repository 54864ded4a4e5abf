"""Encrypts the secrets of second factors: whoever reads the database alone cannot make codes."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from domain.ids import PersonId

NONCE_BYTES = 12
LEAST_BYTES = 32


def load_or_make_secret(path: Path) -> bytes:
    """The secret in the file; made there, readable by its owner only, when there is none.

    Raises ValueError for one of fewer than 32 bytes.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # As with the token key: whole or not at all, and the quicker process's counts.
        with tempfile.NamedTemporaryFile("w", dir=path.parent) as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    secret = path.read_bytes().strip()
    if len(secret) < LEAST_BYTES:
        raise ValueError(f"{path} holds fewer than {LEAST_BYTES} bytes")
    return secret


class FactorCipher:
    """AES-256-GCM. What is encrypted for one person opens for nobody else."""

    def __init__(self, secret: bytes) -> None:
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"smart-ticketing second factors").derive(secret)
        self._cipher = AESGCM(key)

    def encrypt(self, person: PersonId, secret: str) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), person.bytes)

    def decrypt(self, person: PersonId, encrypted: bytes) -> str:
        """Raises ValueError for what was encrypted for somebody else, or with another secret."""
        nonce, rest = encrypted[:NONCE_BYTES], encrypted[NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, rest, person.bytes).decode()
        except InvalidTag as error:
            raise ValueError("a second factor was encrypted with another secret than FACTOR_KEY_FILE holds") from error
