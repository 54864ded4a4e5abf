"""Webhooks as they are spoken: what comes in, and the resources that go out."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from api.http.texts import Text
from api.webhook_address import LONGEST
from database.webhook_deliveries import DeliveryRecord
from database.webhooks import WebhookFigures, WebhookRecord
from domain.ids import WebhookDeliveryId, WebhookId
from domain.ticket import Slug
from domain.webhook import (
    ALL_EVENTS,
    EVENT_TYPES,
    LONGEST_GRACE,
    MAX_TEAMS,
    USUAL_GRACE,
    DeliveryState,
    DisabledReason,
    WebhookAttempt,
    WebhookFilter,
    WebhookSource,
)
from domain.webhook_rules import BreakerState


def _known(types: frozenset[str]) -> frozenset[str]:
    if unknown := sorted(types - EVENT_TYPES - {ALL_EVENTS}):
        raise ValueError(f"there is no event {', '.join(unknown)}")
    return types


Url = Annotated[
    Text,
    Field(
        min_length=1,
        max_length=LONGEST,
        description="Called by https on the public internet, unless the operator allows more.",
        examples=["https://example.org/hooks/desk"],
    ),
]
EventTypes = Annotated[
    frozenset[Annotated[str, Field(max_length=60)]],
    AfterValidator(_known),
    Field(min_length=1, max_length=100, description="Types of events, as the stream names them; `*`: all of them."),
]
Teams = Annotated[
    frozenset[Slug],
    Field(min_length=1, max_length=MAX_TEAMS, description="Only of these teams; null: of all, and of no team's."),
]
Description = Annotated[Text, Field(max_length=500)]


class NewWebhook(BaseModel):
    model_config = ConfigDict(extra="forbid")
    url: Url
    description: Description = ""
    events: EventTypes = frozenset({ALL_EVENTS})
    teams: Teams | None = None
    include_internal: bool = Field(default=False, description="Also what the desk alone may see.")
    enabled: bool = True

    @property
    def filter(self) -> WebhookFilter:
        return WebhookFilter(self.events, self.teams, self.include_internal)


class WebhookEdit(BaseModel):
    """What to change; what is not named stays. `teams: null` means all of them."""

    model_config = ConfigDict(extra="forbid")
    url: Url | None = None
    description: Description | None = None
    events: EventTypes | None = None
    teams: Teams | None = None
    include_internal: bool | None = None
    enabled: bool | None = Field(
        default=None, description="Disabled, it hears of nothing that happens, and what waits for it is skipped."
    )

    @model_validator(mode="after")
    def _only_teams_may_be_empty(self) -> "WebhookEdit":
        emptied = {name for name in self.model_fields_set if getattr(self, name) is None}
        if forbidden := sorted(emptied - {"teams"}):
            raise ValueError(f"{', '.join(forbidden)} cannot be null")
        return self

    def changes(self, before: WebhookRecord) -> dict[str, Any]:
        """As the store takes them."""
        named = {name: getattr(self, name) for name in self.model_fields_set}
        found: dict[str, Any] = {name: named[name] for name in ("url", "description") if name in named}
        if "enabled" in named:
            found["is_enabled"] = named["enabled"]
        if wanted := {name: named[name] for name in WebhookFilter._fields if name in named}:
            found["filter"] = before.filter._replace(**wanted)
        return found


class SecretRotation(BaseModel):
    model_config = ConfigDict(extra="forbid")
    grace_seconds: int = Field(
        default=int(USUAL_GRACE.total_seconds()),
        ge=0,
        le=int(LONGEST_GRACE.total_seconds()),
        description="How long the old secret signs beside the new one.",
    )


class RedeliveryRange(BaseModel):
    """Which deliveries to send again: those made from `since` on and before `until`."""

    model_config = ConfigDict(extra="forbid")
    since: AwareDatetime
    until: AwareDatetime
    states: frozenset[Literal["failed", "skipped", "delivered"]] = Field(default=frozenset({"failed"}), min_length=1)

    @model_validator(mode="after")
    def _goes_forward(self) -> "RedeliveryRange":
        if self.until <= self.since:
            raise ValueError("until is not after since")
        return self


class RedeliveredOut(BaseModel):
    redelivered: int = Field(description="How many are sent again.")


class WebhookOut(BaseModel):
    """A webhook, without its secret."""

    id: WebhookId
    url: str
    description: str
    source: WebhookSource = Field(description="`sla_ladder`: an escalation ladder names this address.")
    events: list[str]
    teams: list[Slug] | None
    include_internal: bool
    enabled: bool
    disabled_reason: DisabledReason | None = Field(
        description="`gone`: it answered 410. `failing`: five days without a success."
    )
    breaker: BreakerState = Field(
        description="`open`: it failed five times in a row and is left alone; `half_open`: the next call asks "
        "whether it is back."
    )
    failures: int = Field(description="In a row.")
    pending: int
    delivered: int = Field(description="Within the last 24 hours.")
    failed: int = Field(description="Given up within the last 24 hours.")
    next_attempt_at: datetime | None
    last_success_at: datetime | None
    old_secret_until: datetime | None = Field(description="Until then the secret before this one signs as well.")
    created_at: datetime
    updated_at: datetime


class NewSecretOut(WebhookOut):
    """A webhook with its new secret, which is shown this once."""

    secret: str | None = Field(
        description="As Standard Webhooks write it, `whsec_...`. null in the answer to a repeated request.",
        examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"],
    )


class WebhooksOut(BaseModel):
    items: list[WebhookOut]


class DeliveryOut(BaseModel):
    """One event's way to a webhook."""

    id: WebhookDeliveryId = Field(description="Sent as `webhook-id`: the same at each attempt, and when sent again.")
    webhook: WebhookId
    type: str
    ticket: int | None
    at: datetime = Field(description="When it happened.")
    state: DeliveryState
    attempts: int = Field(description="Tries that are used up, since it was last sent by hand.")
    next_attempt_at: datetime | None
    last_attempt_at: datetime | None
    last_error: str | None = Field(
        description="`status`, `gone`, `redirect`, `timeout`, `unreachable`, `broken`, `refused` (it leads where "
        "nothing is called, or the answer was compressed), `unsigned`, `event_gone`."
    )
    created_at: datetime
    ended_at: datetime | None


class DeliveryPageOut(BaseModel):
    items: list[DeliveryOut]
    next_cursor: str | None


class AttemptOut(BaseModel):
    """One try: what was sent and what came back."""

    at: datetime
    duration_ms: int
    error: str | None = Field(description="null: it was taken.")
    probe: bool = Field(description="It asked whether a receiver that was left alone is back.")
    request_headers: dict[str, str]
    request_sha256: str = Field(description="Of the body that was sent, in hexadecimal.")
    request_bytes: int
    status: int | None
    answer_headers: dict[str, str]
    answer_body: str | None = Field(description="At most two KiB of it.")
    answer_cut: bool = Field(description="There was more.")


class DeliveryLogOut(DeliveryOut):
    """A delivery with all its attempts, and with its body as it would be sent now."""

    request_body: str | None = Field(
        description="Written anew from the event log: no copy is kept, so that nobody is named who was erased since. "
        "An attempt whose `request_sha256` is this body's sent just this."
    )
    request_sha256: str | None
    log: list[AttemptOut] = Field(description="The attempts, the first one first.")


def webhook_out(webhook: WebhookRecord, figures: WebhookFigures, now: datetime) -> dict[str, Any]:
    filter, breaker = webhook.filter, webhook.breaker
    is_old_good = webhook.old_secret_until is not None and webhook.old_secret_until > now
    return {
        "id": webhook.id,
        "url": webhook.url,
        "description": webhook.description,
        "source": webhook.source,
        "events": sorted(filter.events),
        "teams": None if filter.teams is None else sorted(filter.teams),
        "include_internal": filter.include_internal,
        "enabled": webhook.enabled_at is not None,
        "disabled_reason": webhook.disabled_reason,
        "breaker": breaker.state(now),
        "failures": breaker.failures,
        "pending": figures.pending,
        "delivered": figures.delivered,
        "failed": figures.failed,
        "next_attempt_at": figures.next_attempt_at,
        "last_success_at": webhook.last_success_at,
        "old_secret_until": webhook.old_secret_until if is_old_good else None,
        "created_at": webhook.created_at,
        "updated_at": webhook.updated_at,
    }


def delivery_out(delivery: DeliveryRecord) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "webhook": delivery.webhook_id,
        "type": delivery.event_type,
        "ticket": delivery.ticket,
        "at": delivery.at,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "next_attempt_at": delivery.next_attempt_at,
        "last_attempt_at": delivery.last_attempt_at,
        "last_error": delivery.last_error,
        "created_at": delivery.created_at,
        "ended_at": delivery.ended_at,
    }


def attempt_out(attempt: WebhookAttempt) -> AttemptOut:
    return AttemptOut(
        at=attempt.at,
        duration_ms=round(attempt.duration.total_seconds() * 1000),
        error=attempt.result.error,
        probe=attempt.is_probe,
        request_headers=dict(attempt.request_headers),
        request_sha256=attempt.request_sha256.hex(),
        request_bytes=attempt.request_bytes,
        status=attempt.result.status,
        answer_headers=dict(attempt.answer_headers),
        answer_body=attempt.answer_body,
        answer_cut=attempt.is_cut,
    )
