"""Webhooks as they go over the wire, to a receiver that checks them and to some that mean no good."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from standardwebhooks.webhooks import Webhook

from database.webhooks import WebhookRecord
from domain.ids import WebhookDeliveryId, WebhookId
from domain.webhook import KEPT_ANSWER_BYTES, SendResult, WebhookFilter
from domain.webhook_rules import Breaker
from integrations.outgoing import Allowed, Bounds
from integrations.webhook_secrets import WebhookSecrets, new_secret
from integrations.webhook_sender import WebhookSender
from tests.integrations import receiver as answers
from tests.integrations.receiver import Answering, receiving

SECRETS = WebhookSecrets(b"k" * 32)
BODY = json.dumps({"type": "ticket.opened", "data": {"title": "Größe"}}, ensure_ascii=False).encode()
ID = WebhookDeliveryId(uuid4())
QUICK = Bounds(seconds=0.5, bytes=1_048_576)
HOUR = timedelta(hours=1)
LONG_AGO = "Wed, 21 Oct 2015 07:28:00 GMT"


def a_webhook(url: str, secret: str, old: str | None = None, old_until: datetime | None = None) -> WebhookRecord:
    now, id = datetime.now(UTC), WebhookId(uuid4())
    return WebhookRecord(
        id=id,
        url=url,
        description="",
        source="desk",
        filter=WebhookFilter(),
        secret=SECRETS.encrypt(id, secret),
        old_secret=None if old is None else SECRETS.encrypt(id, old),
        old_secret_until=old_until,
        enabled_at=now,
        disabled_reason=None,
        breaker=Breaker(),
        last_success_at=None,
        created_at=now,
        updated_at=now,
    )


def sender(bounds: Bounds = QUICK) -> WebhookSender:
    return WebhookSender(SECRETS, Allowed.of(["127.0.0.1"]), bounds=bounds)


async def test_a_webhook_arrives_signed_and_the_answer_is_kept() -> None:
    secret = new_secret()
    async with receiving() as receiver:
        receiver.secret = secret
        attempt = await sender().send(a_webhook(receiver.url, secret), ID, BODY, is_probe=True)

    (received,) = receiver.received
    assert (received.id, received.payload) == (str(ID), json.loads(BODY))
    assert received.headers["Content-Type"] == "application/json"
    assert attempt.result == SendResult(None, 200)
    assert (attempt.answer_body, attempt.is_cut, attempt.is_probe) == ("thanks", False, True)
    assert attempt.answer_headers["x-request-id"] == "abc"
    assert "set-cookie" not in attempt.answer_headers
    assert attempt.request_headers["webhook-signature"] == received.headers["webhook-signature"]
    assert (attempt.request_sha256, attempt.request_bytes) == (hashlib.sha256(BODY).digest(), len(BODY))
    assert attempt.duration > timedelta()


async def test_while_a_secret_is_taken_over_from_both_sign() -> None:
    old, new, now = new_secret(), new_secret(), datetime.now(UTC)
    async with receiving() as receiver:
        for checks, until, is_right in (
            (old, now + HOUR, True),
            (new, now + HOUR, True),
            (old, now - HOUR, False),
            (new_secret(), now + HOUR, False),
        ):
            receiver.secret = checks
            attempt = await sender().send(a_webhook(receiver.url, new, old, until), ID, BODY)
            assert (attempt.result.error is None) is is_right
    assert receiver.unsigned == 2


async def test_what_cannot_be_signed_is_not_sent() -> None:
    async with receiving() as receiver:
        webhook = a_webhook(receiver.url, new_secret())
        lost = WebhookSender(WebhookSecrets(b"x" * 32), Allowed.of(["127.0.0.1"]))
        assert (await lost.send(webhook, ID, BODY)).result == SendResult("unsigned")
        assert receiver.calls == 0

        unreadable = webhook._replace(old_secret=b"?" * 60, old_secret_until=datetime.now(UTC) + HOUR)
        assert (await sender().send(unreadable, ID, BODY)).result.error is None, "the new one signs all the same"


@pytest.mark.parametrize(
    ("answering", "result"),
    [
        (answers.status(204), SendResult(None, 204)),
        (answers.status(500), SendResult("status", 500)),
        (answers.status(404), SendResult("status", 404)),
        (answers.status(410), SendResult("gone", 410)),
        (answers.status(302, Location="http://127.0.0.1/elsewhere"), SendResult("redirect", 302)),
        (answers.status(429, **{"Retry-After": "120"}), SendResult("status", 429, timedelta(seconds=120))),
        (answers.status(503, **{"Retry-After": "9" * 40}), SendResult("status", 503, timedelta(seconds=10**7))),
        (answers.status(503, **{"Retry-After": "soon"}), SendResult("status", 503)),
        (answers.status(503, **{"Retry-After": LONG_AGO}), SendResult("status", 503, timedelta())),
        (answers.hanging, SendResult("timeout")),
        (answers.dripping, SendResult("timeout", 200)),
        (answers.endless, SendResult(None, 200)),
        (answers.breaking_off, SendResult("broken", 200)),
        (answers.compressed, SendResult("refused")),
    ],
    ids=lambda value: "" if isinstance(value, SendResult) else getattr(value, "__name__", ""),
)  # fmt: skip
async def test_whatever_a_receiver_does_is_told_and_bounded(answering: Answering, result: SendResult) -> None:
    async with receiving() as receiver:
        receiver.answering = answering
        attempt = await sender().send(a_webhook(receiver.url, new_secret()), ID, BODY)

    assert attempt.result == result
    assert len(attempt.answer_body or "") <= KEPT_ANSWER_BYTES
    assert attempt.is_cut is (answering is answers.endless)
    assert attempt.duration < timedelta(seconds=5)
    assert receiver.calls == 1, "no redirect is followed"


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://127.0.0.2/hook", "refused"),
        ("https://10.1.2.3/hook", "refused"),
        ("https://169.254.169.254/latest/meta-data", "refused"),
        ("http://[::1]/hook", "refused"),
        ("ftp://127.0.0.1/hook", "refused"),
        ("http://", "refused"),
        ("http://[nothing]/", "refused"),
    ],
)
async def test_no_call_leads_where_it_must_not(url: str, error: str) -> None:
    assert (await sender().send(a_webhook(url, new_secret()), ID, BODY)).result == SendResult(error)


async def test_nobody_there_is_unreachable(free_port_number: int) -> None:
    attempt = await sender().send(a_webhook(f"http://127.0.0.1:{free_port_number}/", new_secret()), ID, BODY)
    assert (attempt.result, attempt.answer_body) == (SendResult("unreachable"), None)


async def test_an_answer_that_is_no_text_is_kept_as_far_as_it_is() -> None:
    async with receiving() as receiver:
        receiver.answering = answers.noise
        attempt = await sender().send(a_webhook(receiver.url, new_secret()), ID, BODY)
    assert attempt.answer_body == "a\ufffdb\ufffd"


def test_a_secret_opens_for_its_own_webhook_only_and_is_of_the_standard_form() -> None:
    secret, one, other = new_secret(), WebhookId(uuid4()), WebhookId(uuid4())
    encrypted = SECRETS.encrypt(one, secret)

    assert SECRETS.decrypt(one, encrypted) == secret
    assert secret.encode() not in encrypted
    with pytest.raises(ValueError, match="WEBHOOK_KEY_FILE"):
        SECRETS.decrypt(other, encrypted)
    assert secret.startswith("whsec_")
    assert Webhook(secret).sign("x", datetime.now(UTC), "{}").startswith("v1,")
    assert SECRETS.decrypt(one, SECRETS.made_for(one)) != secret


@pytest.fixture
def free_port_number(free_port: Callable[[], int]) -> int:

    return free_port()
