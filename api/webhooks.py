"""Webhooks: admins say where events are sent, and of what they tell."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Depends, Path, status

from api.http.area_router import AreaRouter
from api.requests import AsAuthor, InDesk, Key, signed_in
from api.state import Desk
from api.webhook_address import check_address
from api.webhook_models import (
    DeliveryOut,
    NewSecretOut,
    NewWebhook,
    SecretRotation,
    WebhookEdit,
    WebhookOut,
    WebhooksOut,
    delivery_out,
    webhook_out,
)
from database.webhooks import WebhookPlan, WebhookRecord
from domain.ids import WebhookId
from integrations.webhook_secrets import new_secret

router = AreaRouter(prefix="/webhooks", tags=["webhooks"], dependencies=[Depends(signed_in)])
WebhookPath = Annotated[UUID, Path(description="The webhook's id.")]


@router.get("")
async def list_webhooks(desk: InDesk) -> WebhooksOut:
    """All webhooks and how they fare, the oldest first; for admins."""
    return WebhooksOut(items=await _spoken(desk, *await desk.hooks.store.all()))


@router.post("", status_code=status.HTTP_201_CREATED)
async def add_webhook(body: NewWebhook, desk: InDesk, author: AsAuthor, key: Key) -> NewSecretOut:
    """Add a webhook; for admins. It hears of what happens from now on. Its secret is shown this once."""
    id, secret = WebhookId(uuid4()), new_secret()
    url = check_address(body.url, desk.hooks.allowed)
    plan = WebhookPlan(url, body.description, body.filter, body.enabled)
    encrypted = desk.hooks.secrets.encrypt(id, secret)
    webhook = await desk.hooks.store.add(id, plan, encrypted, author, key.request_key)
    (spoken,) = await _spoken(desk, webhook)
    return NewSecretOut(**spoken.model_dump(), secret=secret if webhook.id == id else None)


@router.get("/{id}")
async def get_webhook(id: WebhookPath, desk: InDesk) -> WebhookOut:
    """A webhook and how it fares; for admins."""
    return await _answer(desk, await desk.hooks.store.read(WebhookId(id)))


@router.patch("/{id}")
async def edit_webhook(id: WebhookPath, body: WebhookEdit, desk: InDesk, author: AsAuthor) -> WebhookOut:
    """Change what is named; for admins. The address and the filter of one that an escalation ladder named are the
    ladder's."""
    if body.url is not None:
        check_address(body.url, desk.hooks.allowed)
    before = await desk.hooks.store.read(WebhookId(id))
    return await _answer(desk, await desk.hooks.store.change(before.id, body.changes(before), author))


@router.delete("/{id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_webhook(id: WebhookPath, desk: InDesk, author: AsAuthor) -> None:
    """Remove a webhook with its log; for admins. One that a ladder names comes back when the ladder calls it."""
    await desk.hooks.store.delete(WebhookId(id), author)


@router.post("/{id}/rotate")
async def rotate_webhook_secret(id: WebhookPath, body: SecretRotation, desk: InDesk, author: AsAuthor) -> NewSecretOut:
    """Make a new secret; for admins. Until the grace is over both sign, so that a receiver can change over."""
    secret, until = new_secret(), datetime.now(UTC) + timedelta(seconds=body.grace_seconds)
    encrypted = desk.hooks.secrets.encrypt(WebhookId(id), secret)
    (spoken,) = await _spoken(desk, await desk.hooks.store.rotate(WebhookId(id), encrypted, until, author))
    return NewSecretOut(**spoken.model_dump(), secret=secret)


@router.post("/{id}/test", status_code=status.HTTP_202_ACCEPTED)
async def test_webhook(id: WebhookPath, desk: InDesk) -> DeliveryOut:
    """Send `webhook.ping` now, on the way of all deliveries; for admins. Its log tells what became of it."""
    return DeliveryOut(**delivery_out(await desk.hooks.deliveries.ping(WebhookId(id))))


async def _answer(desk: Desk, webhook: WebhookRecord) -> WebhookOut:
    (spoken,) = await _spoken(desk, webhook)
    return spoken


async def _spoken(desk: Desk, *webhooks: WebhookRecord) -> list[WebhookOut]:
    figures, now = await desk.hooks.store.figures([one.id for one in webhooks]), datetime.now(UTC)
    return [WebhookOut(**webhook_out(one, figures[one.id], now)) for one in webhooks if one.id in figures]
