"""Sends webhooks: one signed POST each (Standard Webhooks), to receivers of whom nothing good is expected.

What comes back is kept up to two KiB and read no further: an answer of a gigabyte costs no more than a short one. No
redirect is followed. Where a call may lead is judged by `integrations.outgoing` at each call.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple, Protocol

import httpx2
from standardwebhooks.webhooks import Webhook

from domain.ids import WebhookDeliveryId, WebhookId
from domain.webhook import KEPT_ANSWER_BYTES, SendResult, WebhookAttempt
from integrations.outgoing import Allowed, Bounds, OutgoingRefusedError, Resolver, open_client, resolve
from integrations.webhook_secrets import WebhookSecrets

BOUNDS = Bounds(seconds=10.0, bytes=1_048_576)
CLOSING_SECONDS = 2.0
"""What a connection may take to close, beyond the bounds of its call."""
USER_AGENT = "smart-ticketing-webhooks/1"
KEPT_HEADERS = ("content-type", "content-length", "date", "location", "retry-after", "server", "x-request-id")
LONGEST_HEADER = 200
LONGEST_WAIT_SECONDS = 10**7
log = logging.getLogger(__name__)
_ERRORS: tuple[tuple[type[Exception], str], ...] = (
    (OutgoingRefusedError, "refused"),
    (httpx2.TimeoutException, "timeout"),
    (TimeoutError, "timeout"),
    (httpx2.ConnectError, "unreachable"),
    (httpx2.UnsupportedProtocol, "refused"),
    (httpx2.HTTPError, "broken"),
    (httpx2.InvalidURL, "refused"),
)
"""The first that fits says how a call failed."""


class Receiver(Protocol):
    """Where a webhook leads, and what signs."""

    @property
    def id(self) -> WebhookId: ...
    @property
    def url(self) -> str: ...
    def secrets_at(self, now: datetime) -> Sequence[bytes]:
        """Encrypted, the newest first."""


class _Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes
    is_cut: bool


class WebhookSender:
    """Calls receivers."""

    def __init__(
        self,
        secrets: WebhookSecrets,
        allowed: Allowed = Allowed(),  # noqa: B008 - immutable
        *,
        bounds: Bounds = BOUNDS,
        resolver: Resolver = resolve,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._secrets = secrets
        self._seconds = bounds.seconds + CLOSING_SECONDS
        # One for all calls: it keeps no connection, and reading the authorities of TLS takes a while.
        self._client = open_client(allowed, bounds=bounds, resolver=resolver)
        self._clock = clock

    async def send(
        self, receiver: Receiver, delivery: WebhookDeliveryId, body: bytes, *, is_probe: bool = False
    ) -> WebhookAttempt:
        """Make the call. Whatever the other side does is told by the attempt, and raises nothing."""
        at, began = self._clock(), time.monotonic()
        headers = self._headers(receiver, delivery, body, at)
        if "webhook-signature" in headers:
            answer, error = await self._carried(receiver.url, body, headers)
        else:
            answer, error = None, "unsigned"
        return WebhookAttempt(
            at=at,
            duration=timedelta(seconds=time.monotonic() - began),
            result=self._judged(answer, error),
            request_headers=headers,
            request_sha256=hashlib.sha256(body).digest(),
            request_bytes=len(body),
            answer_headers={} if answer is None else answer.headers,
            answer_body=None if answer is None else _text(answer.body),
            is_cut=answer is not None and answer.is_cut,
            is_probe=is_probe,
        )

    def _headers(self, receiver: Receiver, delivery: WebhookDeliveryId, body: bytes, at: datetime) -> dict[str, str]:
        """What goes with the body: its id, the moment, and a signature by each secret that we can still read; none when
        that is not so of the newest."""
        headers = {
            "content-type": "application/json",
            "user-agent": USER_AGENT,
            "webhook-id": str(delivery),
            "webhook-timestamp": str(int(at.timestamp())),
        }
        signatures: list[str] = []
        for encrypted in receiver.secrets_at(at):
            try:
                secret = self._secrets.decrypt(receiver.id, encrypted)
            except ValueError as error:
                log.error("webhook %s: %s", receiver.id, error)
                if not signatures:
                    return headers
            else:
                signatures.append(Webhook(secret).sign(str(delivery), at, body.decode()))
        return {**headers, "webhook-signature": " ".join(signatures)}

    async def _carried(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[_Answer | None, str | None]:
        """What came back, and how the call failed."""
        answer = None
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._client.stream("POST", url, content=body, headers=dict(headers)) as response,
            ):
                answer = _Answer(response.status_code, _kept(response.headers), b"", is_cut=False)
                async for part in response.aiter_raw():
                    had = answer.body + part
                    answer = answer._replace(body=had[:KEPT_ANSWER_BYTES], is_cut=len(had) > KEPT_ANSWER_BYTES)
                    if answer.is_cut:
                        break
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
            return answer, next(code for kind, code in _ERRORS if isinstance(error, kind))
        return answer, None

    def _judged(self, answer: _Answer | None, error: str | None) -> SendResult:
        """A 2xx that came to its end, or to the end of what is read of it, is a yes."""
        if answer is None or error is not None:
            return SendResult(error, None if answer is None else answer.status)
        if 200 <= answer.status < 300:
            return SendResult(None, answer.status)
        code = "gone" if answer.status == 410 else "redirect" if 300 <= answer.status < 400 else "status"
        return SendResult(code, answer.status, self._retry_after(answer.headers.get("retry-after")))

    def _retry_after(self, header: str | None) -> timedelta | None:
        """The rest that the receiver asks for, in seconds or until a date; None for what is neither."""
        if header is None:
            return None
        if header.isascii() and header.isdigit():
            return timedelta(seconds=min(int(header), LONGEST_WAIT_SECONDS))
        try:
            until = parsedate_to_datetime(header)
        except ValueError:
            return None
        return max(until.replace(tzinfo=until.tzinfo or UTC) - self._clock(), timedelta())


def _kept(headers: httpx2.Headers) -> dict[str, str]:
    return {name: _storable(headers[name])[:LONGEST_HEADER] for name in KEPT_HEADERS if name in headers}


def _text(body: bytes) -> str:
    return _storable(body.decode(errors="replace"))


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd")
