"""What an API key looks like: `st_<id>_<secret>_<checksum>`, all of it small hexadecimal digits behind the prefix.

The prefix tells people and secret scanners whose key it is; the id is the key's name in lists and logs, and no secret.
The secret is 256 random bits, so one plain digest of it keeps it: nobody can try them out. The checksum (CRC-32 of all
that stands before it) finds typing mistakes, and strings that only look like a key, without a look into the database.
"""

import hashlib
import re
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zlib import crc32

from domain.errors import InvalidError, MomentPassedError, UnauthenticatedError
from domain.ids import ApiKeyId

PREFIX = "st"
SECRET_BYTES = 32
USUAL_LIFETIME = timedelta(days=90)
LONGEST_LIFETIME = timedelta(days=366)
USUAL_GRACE = timedelta(hours=24)
"""How long a key stays good beside the one that takes over from it."""
LONGEST_GRACE = timedelta(days=7)
MAX_KEYS = 50
"""How many good keys one account may have."""
_KEY = re.compile(rf"({PREFIX}_([0-9a-f]{{32}})_([0-9a-f]{{{2 * SECRET_BYTES}}}))_([0-9a-f]{{8}})", re.ASCII)
_SECRET = re.compile(rf"[0-9a-f]{{{2 * SECRET_BYTES}}}", re.ASCII)


class ApiKey(NamedTuple):
    """A key in the hands of whoever signs in with it."""

    id: ApiKeyId
    secret: bytes

    @property
    def text(self) -> str:
        """As it is sent. Raises ValueError when the secret is not as long as it has to be."""
        if len(self.secret) != SECRET_BYTES:
            raise ValueError(f"a secret has {SECRET_BYTES} bytes")
        body = f"{visible(self.id)}_{self.secret.hex()}"
        return f"{body}_{_checksum(body)}"

    @property
    def digest(self) -> bytes:
        """What is kept of the secret."""
        return digest_of(self.secret)


def visible(id: ApiKeyId) -> str:
    """The part of the key's text that is no secret."""
    return f"{PREFIX}_{id.hex}"


def digest_of(secret: bytes) -> bytes:
    """SHA-256 of the secret."""
    return hashlib.sha256(secret).digest()


def parse(text: str) -> ApiKey:
    """The key that was sent. Raises UnauthenticatedError for what is none, or was mistyped."""
    found = _KEY.fullmatch(text)
    if found is None:
        raise UnauthenticatedError("This is no API key.")
    body, id, secret, checksum = found.groups()
    if checksum != _checksum(body):
        raise UnauthenticatedError("This API key was not copied whole, or was mistyped.")
    return ApiKey(ApiKeyId(UUID(id)), bytes.fromhex(secret))


def parse_secret(text: str) -> bytes:
    """The secret alone, as the middle part of a key's text. Raises UnauthenticatedError for what is none."""
    if not _SECRET.fullmatch(text):
        raise UnauthenticatedError("This is no API key's secret.")
    return bytes.fromhex(text)


def end_of(asked: datetime | None, now: datetime) -> datetime:
    """Until when a new key is good: as asked, or as usual. Raises MomentPassedError, and InvalidError for more than a
    year."""
    if asked is None:
        return now + USUAL_LIFETIME
    if asked <= now:
        raise MomentPassedError("The key would have expired already.")
    if asked > now + LONGEST_LIFETIME:
        raise InvalidError("A key is good for a year at most.")
    return asked


def _checksum(body: str) -> str:
    return f"{crc32(body.encode()):08x}"
