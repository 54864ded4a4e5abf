"""The link in a mail ends such mails with one press, by a person or by their mail program, and brings them back."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import unescape
from uuid import uuid4

import httpx2
import pytest

from activities.messages import MessageActivities
from api.unsubscribe_page import HEADERS
from database.messages import MessageStore
from database.push_subscriptions import PushSubscriptionStore
from domain.email_switch import SWITCH_LIFETIME, EmailSwitch, switched_off
from domain.ids import PersonId
from domain.notification import Channel, Mode, NotificationType
from domain.push import Push, PushKeys
from domain.throttle import ADDRESS_LIMITS, Attempt
from integrations.notification_mail_texts import NotificationMailWriter
from integrations.smtp import SmtpSender, SmtpServer
from integrations.unsubscribe_links import UnsubscribeLinks
from tests.api.desk_api import BASE, ApiDesk, assert_problem
from tests.integrations.mail_server import HOST, MailServer, listening
from tests.messages import asked_message, notified

T = NotificationType
PATH = "/api/notifications/unsubscribe"
CLICK = {"List-Unsubscribe": "One-Click"}
PAGE = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def person(api: ApiDesk) -> PersonId:
    return api.people["requester"].id


@pytest.fixture(autouse=True)
async def nothing_chosen(api: ApiDesk) -> AsyncIterator[None]:
    yield
    await api.parts.pool.execute("delete from notification_choices")


def links(api: ApiDesk) -> UnsubscribeLinks:
    return UnsubscribeLinks(api.parts.keys.current, api.settings.public_base)


def address(api: ApiDesk, switch: EmailSwitch, made_at: datetime | None = None) -> str:
    return f"{PATH}?token={links(api).token(switch, made_at or datetime.now(UTC))}"


async def kept(api: ApiDesk, person: PersonId) -> dict[str, tuple[bool, str, str]]:
    rows = await api.parts.pool.fetch(
        "select type, in_app, email, push from notification_choices where person_id = $1", person
    )
    return {type: (in_app, email, push) for type, in_app, email, push in rows}


async def test_a_mail_program_ends_mails_by_the_header_of_the_mail(
    api: ApiDesk, nobody: httpx2.AsyncClient, person: PersonId
) -> None:
    """From the mail that was received to the choice: nobody signs in, nobody looks at a page."""
    pool, server = api.parts.pool, MailServer()

    class NoPushes:
        async def send(self, keys: PushKeys, push: Push) -> None:
            raise AssertionError("it is a mail")

    one = await notified(pool, person, T.TIME_OFF, "time_off.approved", why="person", subject=str(uuid4()))
    message = await asked_message(pool, person, [one], Channel.EMAIL)
    made = UnsubscribeLinks(api.parts.keys.current, "https://desk.example.com")
    async with listening(server) as port:
        sender = SmtpSender(SmtpServer(HOST, port, "none"), "desk@example.com")
        writer = NotificationMailWriter(made, "https://desk.example.com")
        sending = MessageActivities(MessageStore(pool), PushSubscriptionStore(pool), writer, sender, NoPushes())
        await sending.send_message(message)
    (mail,) = server.taken
    name, _, value = mail["List-Unsubscribe-Post"].partition("=")
    target = mail["List-Unsubscribe"].strip("<>").removeprefix("https://desk.example.com")

    answer = await nobody.post(target, data={name: value})

    assert answer.status_code == 200
    assert await kept(api, person) == {"time_off": (True, "off", "now")}


async def test_looking_at_the_page_changes_nothing_pressing_the_button_does(
    api: ApiDesk, nobody: httpx2.AsyncClient, person: PersonId
) -> None:
    link = address(api, switched_off(person, (T.REPLIED, T.STATUS_CHANGED)))
    await nobody.get(link)
    page = await nobody.get(link, headers=PAGE)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "replies" in page.text
    assert "new statuses of tickets" in page.text
    assert await kept(api, person) == {}

    form = re.search(
        r'<form method="post" action="([^"]*)">\s*<input type="hidden" name="([^"]*)" value="([^"]*)">', page.text
    )
    assert form is not None
    done = await nobody.post(PATH + unescape(form[1]), data={form[2]: form[3]}, headers=PAGE)

    assert "no more mails" in done.text
    assert await kept(api, person) == {"replied": (True, "off", "now"), "status_changed": (True, "off", "now")}


async def test_the_way_back_is_on_the_page_and_restores_what_was(
    api: ApiDesk, nobody: httpx2.AsyncClient, person: PersonId
) -> None:
    await api.parts.pool.execute(
        "insert into notification_choices values ($1, 'replied', true, 'daily', 'off')", person
    )
    done = await nobody.post(address(api, switched_off(person, (T.REPLIED,))), data=CLICK)
    assert await kept(api, person) == {"replied": (True, "off", "off")}
    back = re.search(r'<a href="([^"]*)">Turn these mails on again</a>', done.text)
    assert back is not None

    page = await nobody.get(PATH + unescape(back[1]), headers=PAGE)
    assert "Get these mails again?" in page.text
    assert await kept(api, person) == {"replied": (True, "off", "off")}
    again = await nobody.post(PATH + unescape(back[1]), data=CLICK)

    assert "You get these mails again" in again.text
    assert await kept(api, person) == {"replied": (True, "daily", "off")}


async def test_pressing_twice_is_harmless_and_there_still_is_a_way_back(
    api: ApiDesk, nobody: httpx2.AsyncClient, person: PersonId
) -> None:
    link = address(api, switched_off(person, (T.REPLIED,)))
    answers = await asyncio.gather(*(nobody.post(link, data=CLICK) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert await kept(api, person) == {"replied": (True, "off", "now")}
    back = re.search(r'href="\?token=([^"]*)"', (await nobody.post(link, data=CLICK)).text)
    assert back is not None
    assert links(api).check(back[1]).modes == {T.REPLIED: Mode.NOW}


async def test_the_parts_of_a_form_will_do(api: ApiDesk, nobody: httpx2.AsyncClient, person: PersonId) -> None:
    """RFC 8058 lets programs post either kind of form."""
    link = address(api, switched_off(person, (T.REPLIED,)))
    answer = await nobody.post(link, files={"List-Unsubscribe": (None, "One-Click")})
    assert answer.status_code == 200
    assert list(await kept(api, person)) == ["replied"]


@pytest.mark.parametrize("data", [{}, {"List-Unsubscribe": "Maybe"}, {"Other": "One-Click"}])
async def test_another_form_ends_nothing(
    api: ApiDesk, nobody: httpx2.AsyncClient, person: PersonId, data: dict[str, str]
) -> None:
    link = address(api, switched_off(person, (T.REPLIED,)))
    assert_problem(await nobody.post(link, data=data), 422)
    assert_problem(await nobody.post(link, json=CLICK), 415)
    assert await kept(api, person) == {}


def token_of(api: ApiDesk, name: str, person: PersonId) -> str:
    good = links(api).token(switched_off(person, (T.REPLIED,)), datetime.now(UTC))
    head, claims, signature = good.split(".")
    expired = links(api).token(switched_off(person, (T.REPLIED,)), datetime.now(UTC) - SWITCH_LIFETIME - timedelta(1))
    return {
        "expired": expired,
        "forged": f"{head}.{claims[:-2]}AA.{signature}",
        "unsigned": f"{head}.{claims}.",
        "an access token": api.token("requester"),
        "none": "",
        "markup": "<script>alert(1)</script>",
        "somebody who never was": links(api).token(switched_off(PersonId(uuid4()), (T.REPLIED,)), datetime.now(UTC)),
    }[name]


@pytest.mark.parametrize("name", ["expired", "forged", "unsigned", "an access token", "none", "markup"])
async def test_a_link_that_is_none_says_so_to_people_and_to_programs(
    api: ApiDesk, nobody: httpx2.AsyncClient, person: PersonId, name: str
) -> None:
    params = {"token": token_of(api, name, person)}
    assert_problem(await nobody.post(PATH, params=params, data=CLICK), 422, "link_invalid")
    assert_problem(await nobody.get(PATH, params=params), 422, "link_invalid")
    for page in (
        await nobody.get(PATH, params=params, headers=PAGE),
        await nobody.post(PATH, params=params, data=CLICK, headers=PAGE),
    ):
        assert (page.status_code, page.headers["content-type"]) == (422, "text/html; charset=utf-8")
        assert "This link does not work" in page.text
        assert "<script" not in page.text
        assert "<form" not in page.text
    assert await kept(api, person) == {}


async def test_whoever_is_gone_stays_gone(api: ApiDesk, nobody: httpx2.AsyncClient, person: PersonId) -> None:
    params = {"token": token_of(api, "somebody who never was", person)}
    assert_problem(await nobody.post(PATH, params=params, data=CLICK), 404)
    page = await nobody.post(PATH, params=params, data=CLICK, headers=PAGE)
    assert (page.status_code, "This link does not work" in page.text) == (404, True)


async def test_a_page_asks_for_nothing_from_elsewhere_and_is_not_framed_or_kept(
    api: ApiDesk, nobody: httpx2.AsyncClient, person: PersonId
) -> None:
    link = address(api, switched_off(person, (T.REPLIED,)))
    for page in (await nobody.get(link), await nobody.post(link, data=CLICK)):
        assert {name: page.headers[name] for name in HEADERS} == HEADERS
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        assert "set-cookie" not in page.headers
        assert re.findall(r'(?:src|href)="([^"?]+)"', page.text) == ["../../account/account.css"]
        assert not re.search(r"<style|style=|<script| on\w+=", page.text)
    sheet = httpx2.URL(BASE + PATH).join("../../account/account.css")
    assert (await nobody.get(str(sheet))).status_code == 200


async def test_whoever_guesses_at_links_waits_and_whoever_has_one_does_not(
    api: ApiDesk, nobody: httpx2.AsyncClient, person: PersonId
) -> None:
    """Mail programs press the buttons of many people from one address."""
    link, free = address(api, switched_off(person, (T.REPLIED,))), ADDRESS_LIMITS[Attempt.LINK].free
    for _ in range(free + 5):
        assert (await nobody.post(link, data=CLICK)).status_code == 200
    answers = [await nobody.get(f"{PATH}?token=guess") for _ in range(free + 1)]
    assert [answer.status_code for answer in answers] == [422] * free + [429]
    assert_problem(await nobody.post(link, data=CLICK), 429, "too_many_attempts")
