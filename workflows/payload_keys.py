"""The keys that payloads are encrypted with: a ring of them, one of which is current.

A ring is JSON, in a file or in the environment:

    {"current": "2026-11", "keys": {"2026-08": "<32 bytes in base64>", "2026-11": "<32 bytes in base64>"}}

What is new is encrypted with the current key; what is old names the key that reads it, so that a ring may change while
tickets live. No error here tells anything of a key but its id.
"""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Self

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import (
    Base64Bytes,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)

KEY_BYTES = 32
OTHERS = stat.S_IRWXO
KeyId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,40}$")]


class PayloadKeysError(Exception):
    """The keys cannot be used as they are given; the sentence says what to mend."""


class UnknownKeyError(Exception):
    """No key of this id is in the ring, nor in what its file holds by now."""


class KeyRing(BaseModel):
    """All keys that something may still be encrypted with, by id, and the one for what is new."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    current: KeyId
    keys: dict[KeyId, Base64Bytes] = Field(repr=False)

    @model_validator(mode="after")
    def _is_usable(self) -> Self:
        if short := [id for id, key in self.keys.items() if len(key) != KEY_BYTES]:
            raise ValueError(f"key {short[0]} has not {KEY_BYTES} bytes")
        if self.current not in self.keys:
            raise ValueError(f"the current key {self.current} is not among the keys")
        return self


class PayloadKeys:
    """The ring in force.

    A key that it lacks is looked for where the ring came from once more: another process may have been started with a
    newer ring, and a ticket must not wait until this one is started anew.
    """

    def __init__(self, read: Callable[[], KeyRing]) -> None:
        """Raises whatever `read` does."""
        self._read = read
        self._take(read())

    @property
    def current(self) -> str:
        return self._current

    def cipher(self, id: str) -> AESGCM:
        """Raises UnknownKeyError."""
        if id not in self._ciphers:
            self._read_again()
        try:
            return self._ciphers[id]
        except KeyError:
            raise UnknownKeyError(
                f"A payload is encrypted with the key {id!r}, which is not in the ring: put it back."
            ) from None

    def _read_again(self) -> None:
        try:
            self._take(self._read())
        except PayloadKeysError:  # somebody is at work there; what was read before still counts
            return

    def _take(self, ring: KeyRing) -> None:
        self._current = ring.current
        self._ciphers = {id: AESGCM(key) for id, key in ring.keys.items()}


def read_ring(file: Path) -> KeyRing:
    """Raises PayloadKeysError, also when anybody on the machine may read the file."""
    try:
        mode = file.stat().st_mode
        if mode & OTHERS:
            raise PayloadKeysError(
                f"PAYLOAD_KEYS_FILE: {file} may be used by everybody on this machine (mode {stat.S_IMODE(mode):04o}): "
                f"chmod 600 {file}"
            )
        return _parsed(file.read_text(), f"PAYLOAD_KEYS_FILE: {file}")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise PayloadKeysError(f"PAYLOAD_KEYS_FILE: {file} cannot be read: {reason}") from None


def payload_keys(file: Path | None, text: SecretStr | None) -> PayloadKeys | None:
    """The keys that the settings name; None when they name none. Raises PayloadKeysError."""
    if file is not None and text is not None:
        raise PayloadKeysError("PAYLOAD_KEYS and PAYLOAD_KEYS_FILE are both set: leave one of them out.")
    if file is not None:
        return PayloadKeys(lambda: read_ring(file))
    if text is not None:
        return PayloadKeys(lambda: _parsed(text.get_secret_value(), "PAYLOAD_KEYS"))
    return None


def _parsed(text: str, where: str) -> KeyRing:
    try:
        return KeyRing.model_validate_json(text)
    except ValidationError as error:
        faults = "; ".join(f"{fault['msg']}" for fault in error.errors(include_input=False, include_url=False))
        raise PayloadKeysError(f"{where} is no ring of keys: {faults}") from None
