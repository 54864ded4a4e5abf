"""The link in a mailed report ends it for its reader with one press, without sign-in, and nothing else."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from activities.report_mails import ReportMailActivities, ReportRun
from api.unsubscribe_page import HEADERS
from database.report_letters import ReportLetters
from database.report_log import ReportLog
from domain.email_switch import SWITCH_LIFETIME, switched_off
from domain.ids import PersonId, ReportMailId, ReportMailRunId
from domain.notification import NotificationType
from domain.report_mail import MAX_RECIPIENTS, LetterOutcome
from domain.report_mail_switch import ReportMailSwitch
from domain.throttle import ADDRESS_LIMITS, Attempt
from integrations.report_mail_texts import ReportMailWriter
from integrations.smtp import SmtpSender, SmtpServer
from integrations.unsubscribe_links import ReportMailLinks, UnsubscribeLinks
from tests.api.desk_api import BASE, ApiDesk, assert_problem
from tests.api.test_report_mails import MAILS, a_mail, added
from tests.integrations.mail_server import HOST, MailServer, listening

PATH = "/api/reports/unsubscribe"
CLICK = {"List-Unsubscribe": "One-Click"}
PAGE = {"Accept": "text/html,application/xhtml+xml"}
HOME = "https://desk.example.com"


@pytest.fixture(autouse=True)
async def no_mails(api: ApiDesk) -> AsyncIterator[None]:
    yield
    await api.parts.pool.execute("delete from report_mails")


@pytest.fixture
async def mail(api: ApiDesk, supervisor: httpx2.AsyncClient) -> dict[str, Any]:
    """To an agent and a supervisor."""
    return await added(supervisor, a_mail(api, "agent", "supervisor"))


def id_of(api: ApiDesk, name: str = "agent") -> PersonId:
    return api.people[name].id


def links(api: ApiDesk) -> ReportMailLinks:
    return ReportMailLinks(api.parts.keys.current, api.settings.public_base)


def leaving(api: ApiDesk, mail: dict[str, Any], name: str = "agent") -> ReportMailSwitch:
    return ReportMailSwitch(id_of(api, name), ReportMailId(UUID(mail["id"])))


def link(api: ApiDesk, switch: ReportMailSwitch, made_at: datetime | None = None) -> str:
    return f"{PATH}?token={links(api).token(switch, made_at or datetime.now(UTC))}"


async def standing(owner: httpx2.AsyncClient, mail: dict[str, Any]) -> tuple[set[str], set[str]]:
    """Who gets it, and who left, as its owner sees it."""
    seen = (await owner.get(f"{MAILS}/{mail['id']}")).json()
    return set(seen["recipients"]), {one["person_id"] for one in seen["leavers"]}


async def test_a_mail_program_ends_a_report_by_the_header_of_the_letter(
    api: ApiDesk, nobody: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, mail: dict[str, Any]
) -> None:
    """From the letter that was received to the list: nobody signs in, nobody looks at a page."""
    pool, server = api.parts.pool, MailServer()
    other = await added(supervisor, a_mail(api, "agent"))
    run = ReportRun(mail=ReportMailId(UUID(mail["id"])), run=ReportMailRunId(uuid4()), at=datetime.now(UTC))
    while await ReportLog(pool).catch_up():
        pass
    async with listening(server) as port:
        sender = SmtpSender(SmtpServer(HOST, port, "none"), "desk@example.com")
        writer = ReportMailWriter(ReportMailLinks(api.parts.keys.current, HOME), HOME)
        sending = ReportMailActivities(api.parts.report_mails, ReportLetters(pool), writer, sender)
        assert await sending.send_report_letter(run, id_of(api)) is LetterOutcome.SENT
        (letter,) = server.taken
        name, _, value = letter["List-Unsubscribe-Post"].partition("=")
        target = letter["List-Unsubscribe"].strip("<>")
        assert letter["List-Id"] == f"<{mail['id']}.reports.example.com>"
        words = [part.get_content() for part in letter.walk() if part.get_content_maintype() == "text"]
        assert [target in unescape(one) for one in words] == [True, True]

        answer = await nobody.post(target.removeprefix(HOME), data={name: value})

        assert await sending.send_report_letter(run, id_of(api)) is LetterOutcome.LEFT
    assert answer.status_code == 200
    assert await standing(supervisor, mail) == ({str(id_of(api, "supervisor"))}, {str(id_of(api))})
    assert await standing(supervisor, other) == ({str(id_of(api))}, set())
    assert len(server.taken) == 1


async def test_looking_at_the_page_changes_nothing_pressing_the_button_does(
    api: ApiDesk, nobody: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, mail: dict[str, Any]
) -> None:
    address = link(api, leaving(api, mail))
    await nobody.get(address)
    page = await nobody.get(address, headers=PAGE)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "Tickets, every week" in page.text
    assert (await standing(supervisor, mail))[1] == set()

    form = re.search(
        r'<form method="post" action="([^"]*)">\s*<input type="hidden" name="([^"]*)" value="([^"]*)">', page.text
    )
    assert form is not None
    done = await nobody.post(PATH + unescape(form[1]), data={form[2]: form[3]}, headers=PAGE)

    assert "You get this report no more" in done.text
    assert (await standing(supervisor, mail))[1] == {str(id_of(api))}


async def test_the_way_back_is_on_the_page(
    api: ApiDesk, nobody: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, mail: dict[str, Any]
) -> None:
    done = await nobody.post(link(api, leaving(api, mail)), data=CLICK)
    back = re.search(r'<a href="([^"]*)">Turn these mails on again</a>', done.text)
    assert back is not None

    page = await nobody.get(PATH + unescape(back[1]), headers=PAGE)
    assert "Get this report again?" in page.text
    assert (await standing(supervisor, mail))[1] == {str(id_of(api))}
    for _ in range(2):
        again = await nobody.post(PATH + unescape(back[1]), data=CLICK)
        assert "You get this report again" in again.text

    assert await standing(supervisor, mail) == (set(mail["recipients"]), set())
    assert (await supervisor.get(f"{MAILS}/{mail['id']}")).headers["etag"] == '"3"', "a leaving and a return"


async def test_no_edit_of_the_list_brings_back_who_left(
    api: ApiDesk, nobody: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient,
    mail: dict[str, Any],
) -> None:  # fmt: skip
    address, me, others = f"{MAILS}/{mail['id']}", str(id_of(api)), {str(id_of(api, "supervisor"))}
    await nobody.post(link(api, leaving(api, mail)), data=CLICK)
    old = a_mail(api, "agent", "supervisor")
    assert_problem(await supervisor.put(address, json=old, headers={"If-Match": '"1"'}), 412)

    for names in (("agent", "supervisor"), ("supervisor",), ("supervisor", "agent")):
        changed = (await supervisor.put(address, json=a_mail(api, *names))).json()
        assert (set(changed["recipients"]), [one["person_id"] for one in changed["leavers"]]) == (others, [me])

    assert (await agent.post(f"{address}/return")).status_code == 204
    assert await standing(supervisor, mail) == (others | {me}, set())


async def test_a_link_of_before_brings_nobody_onto_a_list_from_which_others_took_them(
    api: ApiDesk, nobody: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient,
    mail: dict[str, Any],
) -> None:  # fmt: skip
    await supervisor.put(f"{MAILS}/{mail['id']}", json=a_mail(api, "supervisor"))
    done = await nobody.post(link(api, leaving(api, mail)), data=CLICK)

    assert (done.status_code, "Turn these mails on" in done.text) == (200, False)
    assert_problem(await nobody.post(link(api, leaving(api, mail).way_back), data=CLICK), 404)
    assert_problem(await agent.post(f"{MAILS}/{mail['id']}/return"), 404)
    assert await standing(supervisor, mail) == ({str(id_of(api, "supervisor"))}, set())


async def test_the_trail_says_who_left_and_how(api: ApiDesk, nobody: httpx2.AsyncClient, mail: dict[str, Any]) -> None:
    await nobody.post(link(api, leaving(api, mail)), data=CLICK)
    await nobody.post(link(api, leaving(api, mail).way_back), data=CLICK)
    told = await api.parts.pool.fetch(
        "select action, author_id, coalesce(before, after) ->> 'person_id' from audit_entries "
        "where subject_kind = 'report_mail' and subject_id = $1 and credential = 'mail-link' "
        "and action <> 'report_mail.changed' order by number",
        mail["id"],
    )
    assert {row[1] for row in told} == {id_of(api)}
    assert {row[2] for row in told} == {str(id_of(api))}
    assert [row[0] for row in told] == [
        *("report_mail_recipient.deleted", "report_mail_leaver.made"),
        *("report_mail_leaver.deleted", "report_mail_recipient.made"),
    ]


async def test_pressing_twice_is_harmless_and_there_still_is_a_way_back(
    api: ApiDesk, nobody: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, mail: dict[str, Any]
) -> None:
    address = link(api, leaving(api, mail))
    answers = await asyncio.gather(*(nobody.post(address, data=CLICK) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    seen = (await supervisor.get(f"{MAILS}/{mail['id']}")).json()
    assert (seen["revision"], [one["person_id"] for one in seen["leavers"]]) == (2, [str(id_of(api))])
    back = re.search(r'href="\?token=([^"]*)"', (await nobody.post(address, data=CLICK)).text)
    assert back is not None
    assert links(api).check(back[1]) == leaving(api, mail).way_back


@pytest.mark.parametrize("data", [{}, {"List-Unsubscribe": "Maybe"}, {"Other": "One-Click"}])
async def test_another_form_ends_nothing(
    api: ApiDesk,
    nobody: httpx2.AsyncClient,
    supervisor: httpx2.AsyncClient,
    mail: dict[str, Any],
    data: dict[str, str],
) -> None:
    address = link(api, leaving(api, mail))
    assert_problem(await nobody.post(address, data=data), 422)
    assert_problem(await nobody.post(address, json=CLICK), 415)
    assert (await standing(supervisor, mail))[1] == set()


def token_of(api: ApiDesk, name: str, mail: dict[str, Any]) -> str:
    switch, now = leaving(api, mail), datetime.now(UTC)
    head, claims, signature = links(api).token(switch, now).split(".")
    other = links(api).token(leaving(api, mail, "supervisor"), now).split(".")[1]
    notices = UnsubscribeLinks(api.parts.keys.current, api.settings.public_base)
    return {
        "expired": links(api).token(switch, now - SWITCH_LIFETIME - timedelta(1)),
        "of somebody else": f"{head}.{other}.{signature}",
        "unsigned": f"{head}.{claims}.",
        "of notices": notices.token(switched_off(switch.person, (NotificationType.REPLIED,)), now),
        "an access token": api.token("agent"),
        "none": "",
        "markup": "<script>alert(1)</script>",
        "of a mail that is gone": links(api).token(switch._replace(mail=ReportMailId(uuid4())), now),
        "of somebody who never was": links(api).token(switch._replace(person=PersonId(uuid4())), now),
    }[name]


@pytest.mark.parametrize(
    "name", ["expired", "of somebody else", "unsigned", "of notices", "an access token", "none", "markup"]
)
async def test_a_link_that_is_none_says_so_to_people_and_to_programs(
    api: ApiDesk, nobody: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, mail: dict[str, Any], name: str
) -> None:
    params = {"token": token_of(api, name, mail)}
    assert_problem(await nobody.post(PATH, params=params, data=CLICK), 422, "link_invalid")
    assert_problem(await nobody.get(PATH, params=params), 422, "link_invalid")
    for page in (
        await nobody.get(PATH, params=params, headers=PAGE),
        await nobody.post(PATH, params=params, data=CLICK, headers=PAGE),
    ):
        assert (page.status_code, page.headers["content-type"]) == (422, "text/html; charset=utf-8")
        assert "This link does not work" in page.text
        assert not re.search(r"<script|<form", page.text)
    assert (await standing(supervisor, mail))[1] == set()


@pytest.mark.parametrize("name", ["of a mail that is gone", "of somebody who never was"])
async def test_what_is_gone_stays_gone(
    api: ApiDesk, nobody: httpx2.AsyncClient, mail: dict[str, Any], name: str
) -> None:
    params = {"token": token_of(api, name, mail)}
    assert_problem(await nobody.post(PATH, params=params, data=CLICK), 404)
    page = await nobody.post(PATH, params=params, data=CLICK, headers=PAGE)
    assert (page.status_code, "This link does not work" in page.text) == (404, True)


async def test_a_link_of_this_report_is_none_of_notices(
    api: ApiDesk, nobody: httpx2.AsyncClient, mail: dict[str, Any]
) -> None:
    params = {"token": links(api).token(leaving(api, mail), datetime.now(UTC))}
    assert_problem(await nobody.post("/api/notifications/unsubscribe", params=params, data=CLICK), 422, "link_invalid")


async def test_nobody_comes_back_onto_a_list_that_is_full(
    api: ApiDesk, nobody: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, mail: dict[str, Any]
) -> None:
    await nobody.post(link(api, leaving(api, mail)), data=CLICK)
    await api.parts.pool.execute(
        "with many as (insert into people (id, email, name, role, password_hash) "
        "select gen_random_uuid(), gen_random_uuid() || '@example.com', 'Many', 'supervisor', 'no hash' "
        "from generate_series(1, $2) returning id) "
        "insert into report_mail_recipients (mail_id, person_id) select $1::uuid, id from many",
        *(mail["id"], MAX_RECIPIENTS - 1),
    )
    back = link(api, leaving(api, mail).way_back)

    assert_problem(await nobody.post(back, data=CLICK), 409)
    assert (await nobody.post(back, data=CLICK, headers=PAGE)).status_code == 409
    assert (await standing(supervisor, mail))[1] == {str(id_of(api))}


async def test_a_page_asks_for_nothing_from_elsewhere_and_is_not_framed_or_kept(
    api: ApiDesk, nobody: httpx2.AsyncClient, mail: dict[str, Any]
) -> None:
    address = link(api, leaving(api, mail))
    for page in (await nobody.get(address), await nobody.post(address, data=CLICK)):
        assert {name: page.headers[name] for name in HEADERS} == HEADERS
        assert "set-cookie" not in page.headers
        assert re.findall(r'(?:src|href)="([^"?]+)"', page.text) == ["../../account/account.css"]
    sheet = httpx2.URL(BASE + PATH).join("../../account/account.css")
    assert (await nobody.get(str(sheet))).status_code == 200


async def test_whoever_guesses_at_links_waits_and_whoever_has_one_does_not(
    api: ApiDesk, nobody: httpx2.AsyncClient, mail: dict[str, Any]
) -> None:
    address, free = link(api, leaving(api, mail)), ADDRESS_LIMITS[Attempt.LINK].free
    for _ in range(free + 5):
        assert (await nobody.post(address, data=CLICK)).status_code == 200
    answers = [await nobody.get(f"{PATH}?token=guess") for _ in range(free + 1)]
    assert [answer.status_code for answer in answers] == [422] * free + [429]
    assert_problem(await nobody.post(address, data=CLICK), 429, "too_many_attempts")
