"""Pushes to browsers: encrypted for one device (RFC 8291), signed with this desk's key (RFC 8292), handed to the push
service that the browser chose (RFC 8030). That address is anybody's word, so the call goes through the guard."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

import http_ece
import httpx2
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from py_vapid import Vapid02, VapidException

from domain.errors import InvalidError
from domain.push import Push, PushDelayedError, PushGoneError, PushKeys, PushRefusedError
from integrations.outgoing import LIKE_A_NUMBER, PORTS, Allowed, Bounds, OutgoingRefusedError, open_client
from integrations.vapid_key import public_point

BOUNDS = Bounds(seconds=10.0, bytes=65_536)
SAID_BYTES = 300
"""How much of a service's answer is looked at."""
TOKEN_LIFETIME = timedelta(hours=12)
"""RFC 8292 section 2 allows a day."""
LONGEST_WAIT = timedelta(hours=1)
GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


class ServiceAnswer(NamedTuple):
    """What a push service said."""

    status: int
    said: str
    """The beginning of its answer, if it is text."""


class WebPushSender:
    """Hands pushes over, each by a call of its own."""

    def __init__(
        self,
        key: EllipticCurvePrivateKey,
        subject: str,
        allowed: Allowed = Allowed(),  # noqa: B008 - immutable
        *,
        bounds: Bounds = BOUNDS,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        client: httpx2.AsyncClient | None = None,
    ) -> None:
        self._vapid = Vapid02(key, conf={"no-strict": True})  # an operator's address may be of a desk's own network
        self._subject = subject
        self._clock = clock
        self._client = client or open_client(allowed, bounds=bounds)
        self.public_key = base64.urlsafe_b64encode(public_point(key)).rstrip(b"=").decode()
        """As browsers want it."""

    async def send(self, keys: PushKeys, push: Push) -> ServiceAnswer:
        """Returns when the service has taken responsibility for the push.

        Raises PushGoneError when the subscription has ended, PushRefusedError for a no for good, PushDelayedError for
        a service that is away, busy, or says later.
        """
        answer, retry_after = await self._post(keys, push)
        status = answer.status
        if status in GONE:
            raise PushGoneError(f"push_{status}")
        if status in LATER or status >= 500:
            raise PushDelayedError(f"push_{status}", _wait(retry_after, self._clock()))
        if not 200 <= status < 300:
            raise PushRefusedError(f"push_{status}")
        return answer

    async def ask(self, keys: PushKeys, push: Push) -> ServiceAnswer:
        """Send, and return whatever the service answers. Raises PushRefusedError and PushDelayedError without one."""
        return (await self._post(keys, push))[0]

    async def aclose(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def _post(self, keys: PushKeys, push: Push) -> tuple[ServiceAnswer, str]:
        try:
            signed = self._signed(keys.endpoint)
        except (httpx2.InvalidURL, VapidException):
            raise PushRefusedError("endpoint_refused") from None
        body = http_ece.encrypt(
            push.payload,
            private_key=generate_private_key(SECP256R1()),
            dh=keys.p256dh,
            auth_secret=keys.auth,
            version="aes128gcm",
        )
        headers = {
            **signed,
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(push.seconds_to_live),
            "Urgency": push.urgency,
            "Topic": push.topic,
        }
        try:
            async with self._client.stream("POST", keys.endpoint, content=body, headers=headers) as answer:
                return ServiceAnswer(answer.status_code, await _beginning(answer)), answer.headers.get(
                    "Retry-After", ""
                )
        except OutgoingRefusedError:
            raise PushRefusedError("endpoint_refused") from None
        except httpx2.TransportError as error:
            raise PushDelayedError(type(error).__name__) from None

    def _signed(self, endpoint: str) -> dict[str, str]:
        url = httpx2.URL(endpoint)
        claims = {
            "aud": f"{url.scheme}://{url.netloc.decode()}",  # the origin: in small letters, without a usual port
            "exp": int((self._clock() + TOKEN_LIFETIME).timestamp()),
            "sub": self._subject,
        }
        signed: dict[str, str] = self._vapid.sign(claims)
        return signed


async def _beginning(answer: httpx2.Response) -> str:
    """The first bytes of an answer, as text. What comes after, if it ends at all, is nobody's business."""
    read = b""
    try:
        async for part in answer.aiter_raw():
            read += part
            if len(read) >= SAID_BYTES:
                break
    except httpx2.TransportError:
        pass  # the status is what counts, and it came
    text = read[:SAID_BYTES].decode(errors="replace")
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


def _wait(retry_after: str, now: datetime) -> timedelta | None:
    """How long a `Retry-After` asks to wait (RFC 9110 section 10.2.3): seconds or a moment; an hour at most."""
    try:
        if retry_after.isascii() and retry_after.isdecimal():
            wait = timedelta(seconds=min(int(retry_after), 86_400))
        else:
            wait = parsedate_to_datetime(retry_after) - now
    except (TypeError, ValueError):
        return None
    return min(wait, LONGEST_WAIT) if wait > timedelta() else None


def check_endpoint(endpoint: str, allowed: Allowed) -> None:
    """Whether an address may be one of a push service, as far as it tells by itself: where its name leads is judged at
    each call. Raises InvalidError."""
    try:
        parts = urlsplit(endpoint)
        host, port = (parts.hostname or "").lower().rstrip("."), parts.port
    except ValueError as error:
        raise InvalidError("The endpoint is no address.") from error
    if not endpoint.isascii() or not endpoint.isprintable() or " " in endpoint or not host or parts.fragment:
        raise InvalidError("The endpoint is no address.")
    if parts.username is not None or parts.password is not None:
        raise InvalidError("The endpoint must not carry a name or a password.")
    if _is_allowed(host, parts, allowed):
        return
    if parts.scheme != "https" or (443 if port is None else port) not in PORTS:
        raise InvalidError("The endpoint must be an https address at its usual port.")
    if LIKE_A_NUMBER.fullmatch(host) or ":" in host or "." not in host:
        raise InvalidError("The endpoint must be the address of a push service on the public internet.")


def _is_allowed(host: str, parts: SplitResult, allowed: Allowed) -> bool:
    if parts.scheme not in ("http", "https"):
        return False
    if host in allowed.hosts:
        return True
    try:
        return allowed.has(ip_address(host))
    except ValueError:
        return False
