"""What was sent to webhooks and what came back; and sending it again."""

import hashlib
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Query, status
from pydantic import AwareDatetime, Field

from api.http.area_router import AreaRouter
from api.http.texts import Text
from api.requests import InDesk, signed_in
from api.webhook_models import (
    DeliveryLogOut,
    DeliveryOut,
    DeliveryPageOut,
    RedeliveredOut,
    RedeliveryRange,
    attempt_out,
    delivery_out,
)
from api.webhooks import WebhookPath
from database.webhook_deliveries import DeliveryFilter
from domain.ids import TicketNumber, WebhookDeliveryId, WebhookId
from domain.webhook import DeliveryState

router = AreaRouter(prefix="/webhooks", tags=["webhooks"], dependencies=[Depends(signed_in)])
DeliveryPath = Annotated[UUID, Path(description="The delivery's id, as in `webhook-id`.")]
MAX_NUMBER = 2**63 - 1
Word = Annotated[Text, Field(min_length=1, max_length=100)]


@router.get("/{id}/deliveries")
async def list_webhook_deliveries(
    id: WebhookPath,
    desk: InDesk,
    state: Annotated[DeliveryState | None, Query()] = None,
    type: Annotated[Word | None, Query(examples=["ticket.opened"])] = None,
    ticket: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    since: Annotated[AwareDatetime | None, Query(alias="from", description="Made from this moment on.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Made before this moment.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[int | None, Query(ge=1, le=MAX_NUMBER)] = None,
) -> DeliveryPageOut:
    """The log of a webhook, the newest first; for admins."""
    wanted = DeliveryFilter(state, type, None if ticket is None else TicketNumber(ticket), since, until)
    found = await desk.hooks.deliveries.page(WebhookId(id), wanted, limit + 1, cursor)
    next_cursor = str(found[limit - 1].number) if len(found) > limit else None
    return DeliveryPageOut(items=[DeliveryOut(**delivery_out(one)) for one in found[:limit]], next_cursor=next_cursor)


@router.get("/deliveries/{delivery}")
async def get_webhook_delivery(delivery: DeliveryPath, desk: InDesk) -> DeliveryLogOut:
    """A delivery with every attempt: what was sent, what came back; for admins."""
    record = await desk.hooks.deliveries.read(WebhookDeliveryId(delivery))
    body = await desk.hooks.payloads.write_of(record)
    return DeliveryLogOut(
        **delivery_out(record),
        request_body=None if body is None else body.decode(),
        request_sha256=None if body is None else hashlib.sha256(body).hexdigest(),
        log=[attempt_out(one) for one in await desk.hooks.deliveries.attempts(record.id)],
    )


@router.post("/deliveries/{delivery}/redeliver", status_code=status.HTTP_202_ACCEPTED)
async def redeliver_webhook_delivery(delivery: DeliveryPath, desk: InDesk) -> DeliveryOut:
    """Send it again now, under the same id; for admins."""
    return DeliveryOut(**delivery_out(await desk.hooks.deliveries.redeliver(WebhookDeliveryId(delivery))))


@router.post("/{id}/redeliver", status_code=status.HTTP_202_ACCEPTED)
async def redeliver_webhook_range(id: WebhookPath, body: RedeliveryRange, desk: InDesk) -> RedeliveredOut:
    """Send again what was made within a time and ended as said, each under its id and in its order; for admins."""
    states = [DeliveryState(state) for state in body.states]
    count = await desk.hooks.deliveries.redeliver_range(WebhookId(id), body.since, body.until, states)
    return RedeliveredOut(redelivered=count)
