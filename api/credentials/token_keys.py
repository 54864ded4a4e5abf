"""The keys that sign tokens and the links in mails: one file, in which the first key signs and all verify.

The file is a JWK, or a set of them. A running process follows a change of it: within a second when it signs, at once
when a token names a key that it does not know. So rotating a key (`make rotate-token-key`) signs nobody out.
"""

import contextlib
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple

from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

CURVE: Literal["Ed25519"] = "Ed25519"
LOOK_EVERY_SECONDS = 1.0
KEEP_RETIRED = timedelta(days=30)
"""How long a key that signs no more still verifies: longer than any token or link lives."""
RETIRED_AT = "retired_at"
"""Our own member of a key that signs no more: seconds since 1970."""
log = logging.getLogger(__name__)


def load_or_make_key(path: Path) -> OKPKey:
    """The signing key in the file; made there, readable by its owner only, when there is none."""
    return load_or_make_keys(path)[0]


def load_or_make_keys(path: Path) -> list[OKPKey]:
    """The keys in the file, the signing one first. Raises ValueError for a file that holds no such keys."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all, for another process may look at the same moment; the quicker one's key counts.
        with _private_file(path, [OKPKey.generate_key(CURVE)]) as name, contextlib.suppress(FileExistsError):
            os.link(name, path)
    content = json.loads(path.read_text())
    try:
        keys = [OKPKey.import_key(one) for one in content.get("keys", [content])]
    except (JoseError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{path} holds no Ed25519 keys (a JWK, or a JWK set)") from error
    if not keys or not keys[0].is_private:
        raise ValueError(f"the first key in {path} is no private one")
    for key in keys:
        key.ensure_kid()
    return keys


def rotate_keys(path: Path, now: datetime) -> list[OKPKey]:
    """Put a new key at the head of the file; those before it go on verifying for 30 days."""
    new, *old = [OKPKey.generate_key(CURVE), *load_or_make_keys(path)]
    kept: list[OKPKey] = []
    for key in old:
        retired_at = str(key.get(RETIRED_AT) or int(now.timestamp()))
        if now.timestamp() - int(retired_at) < KEEP_RETIRED.total_seconds():
            kept.append(OKPKey.import_key({**key.as_dict(private=True), RETIRED_AT: retired_at}))
    with _private_file(path, [new, *kept]) as name:
        Path(name).replace(path)
    return load_or_make_keys(path)


class TokenKeys(NamedTuple):
    signing: OKPKey
    verifying: KeySet

    def find(self, kid: object) -> OKPKey | None:
        """The key of that name."""
        found = next((key for key in self.verifying.keys if key.kid == kid), None)
        return found if isinstance(found, OKPKey) else None

    def public(self) -> list[dict[str, Any]]:
        """The keys as others may see them (RFC 7517)."""
        return [
            {
                **{name: key.as_dict(private=False)[name] for name in ("kty", "crv", "x")},
                "kid": key.kid,
                "use": "sig",
                "alg": CURVE,
            }
            for key in self.verifying.keys
        ]


class KeyRing:
    """The keys in a file, as they are now."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._keys = self._read()
        self._version = self._file_version()
        self._look_at = clock() + LOOK_EVERY_SECONDS

    def current(self) -> TokenKeys:
        """As of a second ago at most."""
        return self._keys if self._clock() < self._look_at else self.look()

    def look(self) -> TokenKeys:
        """As of now. A file that cannot be read leaves the keys as they are."""
        self._look_at = self._clock() + LOOK_EVERY_SECONDS
        try:
            version = self._file_version()
            if version != self._version:
                self._keys, self._version = self._read(), version
        except (OSError, ValueError) as error:
            log.error("the token keys stay as they are: %s", error)
        return self._keys

    def _read(self) -> TokenKeys:
        keys = load_or_make_keys(self._path)
        return TokenKeys(keys[0], KeySet(list(keys)))

    def _file_version(self) -> tuple[int, int]:
        found = self._path.stat()
        return found.st_mtime_ns, found.st_ino


@contextlib.contextmanager
def _private_file(beside: Path, keys: list[OKPKey]) -> Iterator[str]:
    """A file with these keys in the same folder; gone afterwards, unless it was renamed."""
    handle, name = tempfile.mkstemp(dir=beside.parent)  # made with mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            json.dump({"keys": [key.as_dict(private=True) for key in keys]}, file)
            file.flush()
            os.fsync(file.fileno())
        yield name
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
