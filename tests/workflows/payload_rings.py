"""Rings of keys for tests, and what a stranger finds in the engine."""

import base64
import os
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload

from workflows.encryption import Encryption
from workflows.payload_keys import KeyRing, PayloadKeys

OLD, NEW = "2026-08", "2026-11"
_KEYS = {name: base64.b64encode(os.urandom(32)).decode() for name in (OLD, NEW)}


def ring(*ids: str) -> KeyRing:
    """Of these keys, the last of which is current."""
    return KeyRing.model_validate({"current": ids[-1], "keys": {id: _KEYS[id] for id in ids}})


def codec(*ids: str) -> Encryption:
    """With these keys, the last of which is current."""
    return Encryption(PayloadKeys(lambda: ring(*ids)))


def payloads_in(message: Any) -> Iterator[Payload]:
    """Every payload of a message, however deep. Search attributes are none: the engine itself must read them."""
    if isinstance(message, Payload):
        yield message
    elif isinstance(message, Message):
        for field, value in message.ListFields():
            if field.message_type is None or field.name in ("search_attributes", "indexed_fields"):
                continue
            parts = value.values() if _is_map(field) else value if field.is_repeated else [value]
            for part in parts:
                yield from payloads_in(part)


def _is_map(field: Any) -> bool:
    return bool(field.message_type.GetOptions().map_entry)
