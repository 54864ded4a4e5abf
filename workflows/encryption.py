"""Payloads are encrypted before they leave for the engine, and decrypted where they arrive.

AES-256-GCM, with a random nonce of 96 bits. An encrypted payload says in the clear by which key (`kid`) and of which
workflow it is (`workflow`; ids are in the clear everywhere), and both are authenticated with it: a payload that was
changed, or moved into another workflow, is refused. The engine keeps what it is given and knows no key.

What is not encrypted passes as it is: histories of before, and signals of integrations that know nothing of this.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from google.protobuf.message import DecodeError
from pydantic import SecretStr
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from workflows.payload_keys import PayloadKeys, UnknownKeyError, payload_keys

ENCODING = b"binary/encrypted"
NONCE_BYTES = 12
SHOWN = 100
"""Letters of an id in a sentence."""
_STARTED_AT = re.compile(rb"-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
"""What a schedule adds to the id that its action names."""


class PayloadError(Exception):
    """A payload cannot be decrypted: its key is unknown, or it is not what was encrypted."""


class Encryption(PayloadCodec, WithSerializationContext):
    """The codec. `workflow` is the one whose payloads these are, where that is known.

    Whoever looks without knowing it (the codec endpoint, a list) reads by what the payload says of itself.
    """

    def __init__(self, keys: PayloadKeys, workflow: str | None = None) -> None:
        self._keys = keys
        self._workflow = (workflow or "").encode()

    def with_context(self, context: SerializationContext) -> Self:
        if isinstance(context, WorkflowSerializationContext | ActivitySerializationContext):
            return type(self)(self._keys, context.workflow_id)
        return type(self)(self._keys)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._encrypted(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Raises PayloadError."""
        return [self._decrypted(payload) for payload in payloads]

    def _encrypted(self, payload: Payload) -> Payload:
        kid = self._keys.current
        nonce = os.urandom(NONCE_BYTES)  # noqa: TID251  no workflow code: it runs before a payload leaves
        sealed = self._keys.cipher(kid).encrypt(
            nonce, payload.SerializeToString(), _bound(kid.encode(), self._workflow)
        )
        metadata = {"encoding": ENCODING, "kid": kid.encode()}
        if self._workflow:
            metadata["workflow"] = self._workflow
        return Payload(metadata=metadata, data=nonce + sealed)

    def _decrypted(self, payload: Payload) -> Payload:
        said = payload.metadata
        if said.get("encoding") != ENCODING:
            return payload
        kid, workflow = said.get("kid", b""), said.get("workflow", b"")
        if workflow and self._workflow and not _is_of(self._workflow, workflow):
            raise PayloadError(f"A payload of workflow {_shown(workflow)} was put into {_shown(self._workflow)}.")
        try:
            cipher = self._keys.cipher(_shown(kid))
            nonce, sealed = payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:]
            return Payload.FromString(cipher.decrypt(nonce, sealed, _bound(kid, workflow)))
        except UnknownKeyError as error:
            raise PayloadError(str(error)) from error
        except (InvalidTag, ValueError, DecodeError) as error:
            raise PayloadError(f"A payload under key {_shown(kid)} was changed, or its key is another one.") from error


def encryption(keys_file: Path | None, keys: SecretStr | None) -> Encryption | None:
    """As the settings name the keys; None when they name none. Raises PayloadKeysError."""
    found = payload_keys(keys_file, keys)
    return None if found is None else Encryption(found)


def _shown(said: bytes) -> str:
    """Ids of keys whole; of what a stranger may have made up, not too much."""
    return said.decode(errors="replace")[:SHOWN]


def _bound(kid: bytes, workflow: bytes) -> bytes:
    """What is authenticated beside the data. Ids of keys have no zero byte, so no two triples are alike."""
    return b"\0".join((ENCODING, kid, workflow))


def _is_of(id: bytes, said: bytes) -> bool:
    """Is that the workflow which the payload names, or one that the schedule of that name started?"""
    return id == said or (id.startswith(said) and _STARTED_AT.fullmatch(id, len(said)) is not None)
