"""Pushes reach the browser that they are for, by whatever its push service says; and no service does us harm."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import http_ece
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from domain.errors import InvalidError
from domain.push import Push, PushDelayedError, PushGoneError, PushRefusedError, trial_push
from integrations.outgoing import Allowed, Bounds
from integrations.web_push import LONGEST_WAIT, SAID_BYTES, WebPushSender, check_endpoint
from tests.integrations.push_service import HOST, Browser, PushService, push_service

KEY = generate_private_key(SECP256R1())
SUBJECT = "mailto:desk@example.com"
HERE = Allowed.of([HOST])
PUSH = Push(b'{"title":"#1042 Fire","body":"\xc3\xbc"}', 3600, "high", "ticket-1042")
HALF_A_SECOND = Bounds(seconds=0.5, bytes=65_536)


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    async with push_service() as service:
        yield service


@pytest.fixture
async def sender() -> AsyncIterator[WebPushSender]:
    made = WebPushSender(KEY, SUBJECT, HERE)
    yield made
    await made.aclose()


async def test_the_browser_reads_it_and_the_service_knows_who_sent_it(
    service: PushService, sender: WebPushSender
) -> None:
    browser = service.browser()
    await sender.send(browser.keys, PUSH)
    (came,) = service.came
    assert browser.reads(came.body) == {"title": "#1042 Fire", "body": "ü"}
    assert came.claims["sub"] == SUBJECT
    assert came.key == sender.public_key
    sent = {name: came.headers[name] for name in ("TTL", "Urgency", "Topic", "Content-Encoding")}
    assert sent == {"TTL": "3600", "Urgency": "high", "Topic": "ticket-1042", "Content-Encoding": "aes128gcm"}


async def test_nobody_else_reads_it_and_no_two_are_alike(service: PushService, sender: WebPushSender) -> None:
    browser, other = service.browser(), service.browser()
    await sender.send(browser.keys, PUSH)
    await sender.send(browser.keys, PUSH)
    first, second = service.came
    assert first.body != second.body
    with pytest.raises(http_ece.ECEException):
        other.reads(first.body)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_what_is_taken_is_taken(service: PushService, sender: WebPushSender, status: int) -> None:
    service.answers = [web.Response(status=status)]
    assert (await sender.send(service.browser().keys, PUSH)).status == status


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, PushGoneError), (410, PushGoneError),
        (400, PushRefusedError), (401, PushRefusedError), (403, PushRefusedError), (413, PushRefusedError),
        (301, PushRefusedError), (302, PushRefusedError), (307, PushRefusedError),
        (408, PushDelayedError), (429, PushDelayedError), (500, PushDelayedError), (503, PushDelayedError),
    ],
)  # fmt: skip
async def test_every_no_is_for_good_or_for_now(
    service: PushService, sender: WebPushSender, status: int, error: type[Exception]
) -> None:
    service.answers = [web.Response(status=status, headers={"Location": f"{service.origin}/push/elsewhere"})]
    with pytest.raises(error, match=f"^push_{status}$"):
        await sender.send(service.browser().keys, PUSH)
    assert len(service.came) == 1, "a redirect is not followed"


@pytest.mark.parametrize(
    ("said", "least", "most"),
    [
        ("120", 120, 120), ("99999999999999999999", 3600, 3600), (None, 500, 600),
    ],
)  # fmt: skip
async def test_a_service_says_when_to_come_again_an_hour_at_most(
    service: PushService, sender: WebPushSender, said: str | None, least: int, most: int
) -> None:
    """In seconds, or (None here) by a moment."""
    said = said or format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    service.answers = [web.Response(status=429, headers={"Retry-After": said})]
    with pytest.raises(PushDelayedError) as delayed:
        await sender.send(service.browser().keys, PUSH)
    assert delayed.value.retry_after is not None
    assert least <= delayed.value.retry_after.total_seconds() <= most
    assert delayed.value.retry_after <= LONGEST_WAIT


@pytest.mark.parametrize("said", ["", "soon", "-5", "0", "Mon, 07 Jan 2019 09:00:00 GMT", "Mon, 99 Foo", "٣"])
async def test_what_says_nothing_about_when_leaves_it_to_us(
    service: PushService, sender: WebPushSender, said: str
) -> None:
    service.answers = [web.Response(status=503, headers={"Retry-After": said})]
    with pytest.raises(PushDelayedError) as delayed:
        await sender.send(service.browser().keys, PUSH)
    assert delayed.value.retry_after is None


async def test_a_gigabyte_of_answer_is_not_read(service: PushService, sender: WebPushSender) -> None:
    service.gigabytes = True
    answer = await sender.send(service.browser().keys, PUSH)
    assert answer == (201, "x" * SAID_BYTES)


async def test_a_service_that_hangs_is_left_waiting(service: PushService) -> None:
    service.hangs = True
    sender = WebPushSender(KEY, SUBJECT, HERE, bounds=HALF_A_SECOND)
    with pytest.raises(PushDelayedError, match="ReadTimeout"):
        await sender.send(service.browser().keys, PUSH)
    await sender.aclose()


async def test_a_service_that_is_away_is_a_delay(sender: WebPushSender) -> None:
    async with push_service() as service:
        browser = service.browser()
    with pytest.raises(PushDelayedError, match="ConnectError"):
        await sender.send(browser.keys, PUSH)


@pytest.mark.parametrize(
    "endpoint",
    ["{0}/push/1", "http://10.0.0.1/push", "https://[::1]/push", "https://[fd00::1]:443/x", "file:///etc", "x"],
)
async def test_a_private_address_is_not_called(service: PushService, endpoint: str) -> None:
    sender = WebPushSender(KEY, SUBJECT)
    with pytest.raises(PushRefusedError, match="endpoint_refused"):
        await sender.send(Browser(endpoint.format(service.origin)).keys, PUSH)
    assert service.came == []
    await sender.aclose()


async def test_whoever_tries_a_device_out_is_told_what_the_service_said(
    service: PushService, sender: WebPushSender
) -> None:
    browser = service.browser()
    service.answers = [web.Response(status=403, text="wrong\nkey\x1b[31m" + "!" * 10_000)]
    status, said = await sender.ask(browser.keys, trial_push())
    assert (status, said[:14]) == (403, "wrong key [31m")
    assert len(said) <= SAID_BYTES
    await sender.ask(browser.keys, trial_push())
    assert browser.reads(service.came[1].body)["tag"] == "test"


@pytest.mark.parametrize("subject", ["mailto:desk@localhost", "mailto:desk@intranet", "https://desk.example.com"])
async def test_an_operator_may_be_reached_in_any_of_these_ways(service: PushService, subject: str) -> None:
    sender = WebPushSender(KEY, subject, HERE)
    await sender.send(service.browser().keys, PUSH)
    assert service.came[0].claims["sub"] == subject
    await sender.aclose()


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fcm.googleapis.com/fcm/send/abc:def-_",
        "https://updates.push.services.mozilla.com/wpush/v2/gAAAA",
        "https://web.push.apple.com/QHR?x=1",
        "https://push.example.com:8443/x",
        f"http://{HOST}:9/push",
        "http://push.intern:8080/x",
    ],
)
def test_a_push_service_may_be_subscribed_at(endpoint: str) -> None:
    check_endpoint(endpoint, Allowed.of([HOST, "push.intern"]))


@pytest.mark.parametrize(
    "endpoint",
    [
        "", "push", "http://push.example.com/x", "ftp://push.example.com/x", "https:///x", "https://localhost/x",
        "https://127.0.0.1/x", "https://10.1.2.3/x", "https://2130706433/x", "https://0x7f.1/x", "https://[::1]/x",
        "https://push.example.com:22/x", "https://push.example.com:0/x", "https://push.example.com:99999/x",
        "https://ada@push.example.com/x", "https://ada:secret@push.example.com/x", "https://push.example.com/x#y",
        "https://push.example.com/x y", "https://push.example.com/x\r\ny", "https://push.exämple.com/x",
        "https://intranet/x", "javascript:alert(1)", "https://[::1", "https://8.8.8.8/x",
    ],
)  # fmt: skip
def test_what_is_plainly_none_is_refused(endpoint: str) -> None:
    with pytest.raises(InvalidError):
        check_endpoint(endpoint, Allowed())
