"""The codec endpoint: payloads of the workflow engine in the clear, for Temporal's Web UI and CLI, and for admins only.

It speaks Temporal's codec protocol, JSON as protobuf has it. It tells whatever any ticket's workflow was told, so it
asks for the caller's own sign-in like every route and logs who asked for how much. A page of the Web UI may call it
with credentials from its own origin and no other.
"""

import base64
import binascii
import logging
from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Header
from pydantic import BaseModel, Field
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send
from temporalio.api.common.v1 import Payload

from api.http.area_router import AreaRouter
from api.requests import AsReader, InDesk
from domain.access import check_admin
from domain.errors import InvalidError, NotFoundError, PayloadUnreadableError
from workflows.encryption import Encryption, PayloadError

PREFIX = "/codec"
MAX_PAYLOADS = 1000
MAX_METADATA = 20
log = logging.getLogger(__name__)
router = AreaRouter(prefix=PREFIX, tags=["codec"])
Namespace = Annotated[
    str | None, Header(alias="X-Namespace", description="The namespace that the payloads are of: ours, or none named.")
]


class CodecPayload(BaseModel):
    """A payload as protobuf's JSON has it: bytes in base64."""

    metadata: dict[str, str] = Field(default_factory=dict, max_length=MAX_METADATA)
    data: str = ""


class CodecPayloads(BaseModel):
    """All together may have as many bytes as any body."""

    payloads: list[CodecPayload] = Field(default_factory=list, max_length=MAX_PAYLOADS)


class CodecCors:
    """Lets pages of these origins, and of no others, call the codec endpoint with the credentials of whoever looks at
    them. Other paths go to `others`, which is the same app with the origins that all of it is open to."""

    def __init__(self, app: ASGIApp, others: ASGIApp, origins: Sequence[str]) -> None:
        self._others = others
        self._codec = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=["POST"],
            allow_headers=["Authorization", "Content-Type", "X-Namespace"],
            allow_credentials=True,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_codec = scope["type"] == "http" and scope["path"].startswith(f"/api{PREFIX}/")
        await (self._codec if is_codec else self._others)(scope, receive, send)


async def allowed(desk: InDesk, reader: AsReader, namespace: Namespace = None) -> Encryption:
    """Raises ForbiddenError, InvalidError for another namespace, and NotFoundError when nothing is encrypted."""
    check_admin(reader)
    if namespace is not None and namespace != desk.settings.temporal_namespace:
        raise InvalidError(f"This codec is for the namespace {desk.settings.temporal_namespace}.")
    if desk.encryption is None:
        raise NotFoundError("Payloads are not encrypted here; see PAYLOAD_KEYS_FILE.")
    return desk.encryption


Allowed = Annotated[Encryption, Depends(allowed)]


@router.post("/decode")
async def decode_payloads(body: CodecPayloads, encryption: Allowed, reader: AsReader) -> CodecPayloads:
    """Payloads in the clear; for admins. One that was not encrypted comes back as it is."""
    log.info("person %s has %d payloads decrypted", reader.id, len(body.payloads))
    try:
        return _answer(await encryption.decode(_payloads(body)))
    except PayloadError as error:
        raise PayloadUnreadableError(str(error)) from error


@router.post("/encode")
async def encode_payloads(body: CodecPayloads, encryption: Allowed) -> CodecPayloads:
    """Payloads encrypted with the current key, as what is sent by hand should be; for admins."""
    return _answer(await encryption.encode(_payloads(body)))


def _payloads(body: CodecPayloads) -> list[Payload]:
    return [
        Payload(metadata={name: _bytes(value) for name, value in one.metadata.items()}, data=_bytes(one.data))
        for one in body.payloads
    ]


def _bytes(text: str) -> bytes:
    """Raises InvalidError."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidError("Metadata and data of payloads are base64.") from error


def _answer(payloads: Sequence[Payload]) -> CodecPayloads:
    return CodecPayloads(
        payloads=[
            CodecPayload(
                metadata={name: base64.b64encode(value).decode() for name, value in one.metadata.items()},
                data=base64.b64encode(one.data).decode(),
            )
            for one in payloads
        ]
    )
