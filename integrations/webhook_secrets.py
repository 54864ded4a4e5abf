"""The secrets that sign webhooks, in the form of Standard Webhooks (`whsec_` and base64 of 32 random bytes).

They have to be at hand to sign, so they lie encrypted in the database: whoever reads that alone cannot sign.
"""

import base64
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from domain.ids import WebhookId

PREFIX = "whsec_"
SECRET_BYTES = 32
NONCE_BYTES = 12


def new_secret() -> str:
    """A secret that there was not before."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


class WebhookSecrets:
    """AES-256-GCM. What is encrypted for one webhook opens for no other."""

    def __init__(self, key: bytes) -> None:
        """`key`: at least 32 bytes, the same wherever webhooks are kept or called."""
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"smart-ticketing webhooks").derive(key)
        self._cipher = AESGCM(derived)

    def made_for(self, webhook: WebhookId) -> bytes:
        """A new secret, encrypted."""
        return self.encrypt(webhook, new_secret())

    def encrypt(self, webhook: WebhookId, secret: str) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), webhook.bytes)

    def decrypt(self, webhook: WebhookId, encrypted: bytes) -> str:
        """Raises ValueError for what was encrypted for another webhook, or with another key."""
        nonce, rest = encrypted[:NONCE_BYTES], encrypted[NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, rest, webhook.bytes).decode()
        except InvalidTag as error:
            raise ValueError("a webhook's secret was encrypted with another key than WEBHOOK_KEY_FILE holds") from error
