"""What the routes of webhooks work with."""

from typing import NamedTuple

from api.credentials.factor_cipher import load_or_make_secret
from api.webhook_payloads import WebhookPayloads
from database.events import EventLog
from database.pool import Pool
from database.webhook_deliveries import WebhookDeliveryStore
from database.webhooks import WebhookStore
from integrations.outgoing import Allowed
from integrations.webhook_secrets import WebhookSecrets
from settings import Settings


class WebhookDesk(NamedTuple):
    """The parts that are about webhooks."""

    store: WebhookStore
    deliveries: WebhookDeliveryStore
    payloads: WebhookPayloads
    secrets: WebhookSecrets
    allowed: Allowed
    """Where calls may lead though it is private."""


def webhook_desk(settings: Settings, pool: Pool) -> WebhookDesk:
    """Raises ValueError for a key of fewer than 32 bytes."""
    deliveries = WebhookDeliveryStore(pool)
    return WebhookDesk(
        WebhookStore(pool),
        deliveries,
        WebhookPayloads(deliveries, EventLog(pool)),
        WebhookSecrets(load_or_make_secret(settings.webhook_key_path)),
        Allowed.of(settings.outgoing_allow),
    )
