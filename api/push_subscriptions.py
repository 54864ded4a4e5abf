"""Push subscriptions: on which browsers and phones somebody wants their notifications, and trying one out.

A browser makes a subscription for our public key (VAPID) and hands it in as it is: an address at its push service, and
two keys that encrypt for it. The keys are never given out again (`docs/notification-channels.md`).
"""

import base64
import re
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlsplit
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from fastapi import Path, Response, status
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from api.credentials.throttle import count_attempt
from api.http.area_router import AreaRouter
from api.http.texts import Text
from api.requests import AsReader, InDesk
from database.push_subscriptions import PushSubscriptionRecord, PushSubscriptionStore
from domain.access import Reader
from domain.errors import ForbiddenError
from domain.ids import PersonId, PushSubscriptionId
from domain.push import PushDelayedError, PushKeys, PushRefusedError, trial_push
from domain.throttle import TRIAL_LIMIT, Counted
from integrations.outgoing import Allowed
from integrations.web_push import GONE, check_endpoint

router = AreaRouter(prefix="/notifications", tags=["notifications"])
POINT_BYTES, AUTH_BYTES = 65, 16
UNCOMPRESSED = 4
"""The first byte of a point that is written in full."""
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*={0,2}")
SubscriptionId = Annotated[UUID, Path(description="The subscription's id.")]


def decoded(text: str) -> bytes:
    """Raises ValueError for what is no base64url."""
    if not _BASE64URL.fullmatch(text):
        raise ValueError("must be base64url")
    bare = text.rstrip("=")
    return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))


def _is_point(text: str) -> str:
    point = decoded(text)
    if len(point) != POINT_BYTES or point[0] != UNCOMPRESSED:
        raise ValueError("must be a point on P-256, uncompressed: 65 bytes")
    try:
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
    except ValueError as error:
        raise ValueError("is no point on the curve P-256") from error
    return text


def _is_secret(text: str) -> str:
    if len(decoded(text)) != AUTH_BYTES:
        raise ValueError("must be 16 bytes")
    return text


class BrowserKeys(BaseModel):
    """The keys of a browser's subscription, as base64url."""

    p256dh: Annotated[str, Field(max_length=100), AfterValidator(_is_point)]
    auth: Annotated[str, Field(max_length=40), AfterValidator(_is_secret)]


class NewPushSubscription(BaseModel):
    """What `PushSubscription.toJSON()` gives in a browser, and a name for the device."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    endpoint: Annotated[Text, Field(max_length=2000, description="An https address of a push service.")]
    expiration_time: float | None = Field(
        default=None, alias="expirationTime", description="Not needed: the service says when it is over."
    )
    keys: BrowserKeys
    device: Annotated[Text, StringConstraints(strip_whitespace=True, max_length=100)] = Field(
        default="", description="What its owner calls it: `Ada's phone`."
    )


class PushSubscriptionOut(BaseModel):
    """A device that gets pushes, without its keys."""

    id: PushSubscriptionId
    device: str
    service: str = Field(description="The host of the push service.")
    created_at: datetime
    last_used_at: datetime | None = Field(description="When its service took a push last.")


class PushSubscriptionsOut(BaseModel):
    items: list[PushSubscriptionOut]


class PushKeyOut(BaseModel):
    """What a browser subscribes for."""

    public_key: str = Field(description="`applicationServerKey`: a point on P-256 as base64url.")


class PushTrial(BaseModel):
    """What became of a trial push."""

    outcome: Literal["sent", "gone", "failed"] = Field(
        description="`gone`: the subscription has ended and was removed; subscribe anew."
    )
    status: int | None = Field(description="The service's answer; null: there was none.")
    said: str = Field(description="How the answer begins, or a code for why there is none.")


@router.get("/push-key")
async def get_push_key(desk: InDesk, reader: AsReader) -> PushKeyOut:
    """The public key to subscribe for. It stays the same for as long as this desk does."""
    return PushKeyOut(public_key=desk.web_push.public_key)


@router.get("/push-subscriptions")
async def list_push_subscriptions(desk: InDesk, reader: AsReader) -> PushSubscriptionsOut:
    """One's own devices, the oldest first."""
    return PushSubscriptionsOut(items=[_out(one) for one in await desk.push_subscriptions.all(_person(reader))])


@router.post("/push-subscriptions", status_code=status.HTTP_201_CREATED)
async def add_push_subscription(
    body: NewPushSubscription, desk: InDesk, reader: AsReader, response: Response
) -> PushSubscriptionOut:
    """Have pushes on this device. Repeat it whenever the app starts: the same endpoint is kept once (200), with the
    keys that came last.

    A browser that somebody else used before is theirs no more. Of more than ten devices the oldest goes.
    """
    check_endpoint(body.endpoint, Allowed.of(desk.settings.outgoing_allow))
    record, is_new = await desk.push_subscriptions.add(
        _person(reader), body.endpoint, decoded(body.keys.p256dh), decoded(body.keys.auth), body.device
    )
    if not is_new:
        response.status_code = status.HTTP_200_OK
    return _out(record)


@router.delete("/push-subscriptions/{subscription}", status_code=status.HTTP_204_NO_CONTENT)
async def remove_push_subscription(subscription: SubscriptionId, desk: InDesk, reader: AsReader) -> None:
    """No more pushes on this device."""
    await desk.push_subscriptions.remove(_person(reader), PushSubscriptionId(subscription))


@router.post("/push-subscriptions/{subscription}/test")
async def test_push_subscription(subscription: SubscriptionId, desk: InDesk, reader: AsReader) -> PushTrial:
    """Send a push to this device now, and say what its service answered."""
    person = _person(reader)
    keys = await desk.push_subscriptions.own(person, PushSubscriptionId(subscription))
    await count_attempt(desk, [Counted(("push-trial", str(person)), TRIAL_LIMIT)])
    try:
        answer = await desk.web_push.ask(keys, trial_push())
    except (PushRefusedError, PushDelayedError) as error:
        return PushTrial(outcome="failed", status=None, said=error.reason)
    return PushTrial(outcome=await _noted(desk.push_subscriptions, keys, answer.status), **answer._asdict())


async def _noted(store: PushSubscriptionStore, keys: PushKeys, answered: int) -> Literal["sent", "gone", "failed"]:
    if answered in GONE:
        await store.forget(keys)
        return "gone"
    if not 200 <= answered < 300:
        return "failed"
    await store.mark_used(keys.id)
    return "sent"


def _person(reader: Reader) -> PersonId:
    if reader.is_service:
        raise ForbiddenError("Pushes are for people: a service has no device.")
    return reader.id


def _out(record: PushSubscriptionRecord) -> PushSubscriptionOut:
    return PushSubscriptionOut(
        id=record.id,
        device=record.device,
        service=urlsplit(record.endpoint).hostname or "",
        created_at=record.created_at,
        last_used_at=record.last_used_at,
    )
