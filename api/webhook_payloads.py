"""What a webhook says, in the form of Standard Webhooks: `type`, `timestamp`, and the event as the stream tells it.

It is read from the event log when it is sent, and again when the log of deliveries is read: so no copy of anybody's
name lies about, and whoever was erased since is not named again.
"""

import json
from typing import Any

from api.streaming.event_frames import event_of, rfc3339
from database.events import EventLog
from database.webhook_deliveries import DeliveryRecord, WebhookDeliveryStore
from domain.ids import WebhookDeliveryId


class WebhookPayloads:
    """Writes bodies."""

    def __init__(self, deliveries: WebhookDeliveryStore, events: EventLog) -> None:
        self._deliveries = deliveries
        self._events = events

    async def write(self, id: WebhookDeliveryId) -> bytes | None:
        """The body of a delivery; None when its event is not there any more. Raises NotFoundError."""
        return await self.write_of(await self._deliveries.read(id))

    async def write_of(self, delivery: DeliveryRecord) -> bytes | None:
        """As `write`."""
        if delivery.event is None:
            return _body(delivery, {"webhook": str(delivery.webhook_id)})
        record = await self._events.at(delivery.event)
        if record is None:
            return None
        return _body(delivery, {**event_of(record).model_dump(mode="json"), "internal": record.internal})


def _body(delivery: DeliveryRecord, data: dict[str, Any]) -> bytes:
    spoken = {"type": delivery.event_type, "timestamp": rfc3339(delivery.at), "data": data}
    return json.dumps(spoken, ensure_ascii=False, separators=(",", ":")).encode()
