"""Adds a fresh key to the ring that payloads of the engine are encrypted with, and makes it current.

`make payload-key` makes the file the first time. Old keys stay, because old payloads need them; docs/encryption.md
says until when.
"""

import argparse
import base64
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from settings import Settings
from workflows.payload_keys import KEY_BYTES, KeyRing, PayloadKeysError, read_ring

FILE_NAME = "payload-keys.json"


def add_key(file: Path, id: str) -> KeyRing:
    """The ring in the file, with a key of that id that is current from now on.

    The file keeps its mode; a new one is its owner's alone. Raises PayloadKeysError, also when the id is taken.
    """
    known = read_ring(file) if file.exists() else None
    keys = {} if known is None else dict(known.keys)
    if id in keys:
        raise PayloadKeysError(f"There is a key {id} already: name another one with ARGS='--id ...'.")
    try:
        texts = {name: base64.b64encode(key) for name, key in {**keys, id: os.urandom(KEY_BYTES)}.items()}
        ring = KeyRing.model_validate({"current": id, "keys": texts})
    except ValidationError:
        raise PayloadKeysError(f"{id!r} is no id: up to 40 letters, digits, dots, dashes.") from None
    _replace(file, ring.model_dump_json(indent=2) + "\n")
    return ring


def _replace(file: Path, text: str) -> None:
    """All or nothing: a process that reads it meanwhile finds the old ring."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=f".{file.name}-", delete=False) as fresh:
        path = Path(fresh.name)
        try:
            fresh.write(text)
            fresh.flush()
            os.fsync(fresh.fileno())
            if file.exists():
                known = file.stat()
                os.chown(path, known.st_uid, known.st_gid)
                path.chmod(known.st_mode & 0o777)
            path.replace(file)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def main() -> int:
    parser = argparse.ArgumentParser(prog="make payload-key", description=__doc__)
    parser.add_argument("--id", default=f"{datetime.now(UTC):%Y-%m-%d}", help="what to call it (default: today)")
    arguments = parser.parse_args()
    settings = Settings()
    if settings.payload_keys is not None:
        print("The keys are in PAYLOAD_KEYS, where only you can add one: docs/encryption.md says how.")
        return 2
    file = settings.payload_keys_file or settings.data_dir.resolve() / FILE_NAME
    try:
        ring = add_key(file, arguments.id)
    except (PayloadKeysError, OSError) as error:
        print(error)
        return 2
    print(f"Key {ring.current} is current in {file}; keys in all: {len(ring.keys)}.")
    if settings.payload_keys_file is None:
        print(f"Set PAYLOAD_KEYS_FILE={file} and start again: payloads are encrypted from then on.")
    else:
        print("Start worker and API again: they encrypt with it from then on.")
    print("Keep a copy of the file apart from the backups of the engine.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
