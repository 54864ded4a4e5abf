"""Mailed reports in PostgreSQL: revisions, runs that are noted once, and people who are erased."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from database.erasure import ErasureStore
from database.person_export import PersonExport
from database.pool import Pool
from database.report_mails import ReportMailStore
from domain.audit import Author
from domain.errors import NotFoundError, StaleRevisionError, UnknownReferenceError
from domain.ids import ReportMailId
from domain.report_mail import Cadence, LetterOutcome, PeriodKind, ReportMailPlan, RunProblem, run_id
from domain.report_mail_switch import Receiving, ReportMailSwitch
from tests.factories import ADMIN, AGENT, INACTIVE_AGENT, REQUESTER, SUPERVISOR, author

PLAN = ReportMailPlan(report="tickets", period=PeriodKind.YESTERDAY, cadence=Cadence(every="day", hour=7))
BY = author(SUPERVISOR)
NOW = datetime(2030, 1, 7, 7, tzinfo=UTC)


@pytest.fixture
def mails(pool: Pool) -> ReportMailStore:
    return ReportMailStore(pool)


async def test_a_change_needs_the_revision_that_was_seen(mails: ReportMailStore) -> None:
    mail = await mails.add(PLAN, [AGENT, ADMIN], BY)
    changed = await mails.replace(mail.id, PLAN, [ADMIN], 1, BY, is_active=False)

    assert (changed.recipients, changed.is_active, changed.revision, changed.owner) == ((ADMIN,), False, 2, SUPERVISOR)
    with pytest.raises(StaleRevisionError):
        await mails.replace(mail.id, PLAN, [ADMIN], 1, BY, is_active=True)
    with pytest.raises(StaleRevisionError):
        await mails.delete(mail.id, 1, BY)
    await mails.delete(mail.id, 2, BY)
    with pytest.raises(NotFoundError):
        await mails.read(mail.id)
    with pytest.raises(NotFoundError):
        await mails.delete(ReportMailId(uuid4()), None, BY)


@pytest.mark.parametrize("person", [REQUESTER, INACTIVE_AGENT])
async def test_who_is_not_of_the_desk_is_not_written_to(mails: ReportMailStore, pool: Pool, person: object) -> None:
    await pool.execute("update people set is_active = false where id = $1", INACTIVE_AGENT)
    with pytest.raises(UnknownReferenceError):
        await mails.add(PLAN, [AGENT, person], BY)  # type: ignore[list-item]
    assert await mails.all() == []


async def test_a_run_and_its_letters_are_noted_once(mails: ReportMailStore) -> None:
    mail = await mails.add(PLAN, [AGENT, ADMIN], BY)
    run = run_id(mail.id, "one")
    for _ in range(2):
        assert set(await mails.begin(mail.id, run, NOW, is_asked=False)) == {AGENT, ADMIN}
    await mails.note(run, AGENT, LetterOutcome.SENT)
    await mails.note(run, AGENT, LetterOutcome.GIVEN_UP)
    await mails.end(run)

    (told,) = await mails.runs(mail.id, 9)
    assert [(letter.person, letter.outcome) for letter in told.letters] == [(AGENT, LetterOutcome.SENT)]
    assert (told.at, told.is_asked, told.problem) == (NOW, False, None)
    assert told.ended_at is not None


async def test_a_paused_one_is_sent_to_nobody_unless_it_is_asked_for(mails: ReportMailStore) -> None:
    mail = await mails.add(PLAN, [ADMIN], BY, is_active=False)

    assert await mails.begin(mail.id, run_id(mail.id, "due"), NOW, is_asked=False) == []
    assert await mails.begin(mail.id, await mails.ask(mail.id, NOW), NOW, is_asked=True) == [ADMIN]
    assert {run.problem for run in await mails.runs(mail.id, 9)} == {RunProblem.INACTIVE, None}


async def test_what_is_gone_or_left_by_all_is_sent_to_nobody(mails: ReportMailStore) -> None:
    mail = await mails.add(PLAN, [AGENT], BY)
    await mails.leave(mail.id, AGENT, author(AGENT))

    assert await mails.begin(mail.id, run_id(mail.id, "due"), NOW, is_asked=False) == []
    assert [run.problem for run in await mails.runs(mail.id, 9)] == [RunProblem.NOBODY]
    gone = ReportMailId(uuid4())
    assert await mails.begin(gone, run_id(gone, "due"), NOW, is_asked=False) == []


async def test_who_left_stays_off_whatever_the_list_says_until_they_come_back(mails: ReportMailStore) -> None:
    mail, other = await mails.add(PLAN, [AGENT, ADMIN], BY), await mails.add(PLAN, [AGENT], BY)
    await mails.leave(mail.id, AGENT, author(AGENT))
    left = await mails.read(mail.id)
    (leaver,) = left.leavers
    assert (left.recipients, leaver.person, left.revision) == ((ADMIN,), AGENT, 2)

    for recipients in ([AGENT, ADMIN], [ADMIN], [ADMIN, AGENT]):
        changed = await mails.replace(mail.id, PLAN, recipients, None, BY, is_active=True)
        assert (changed.recipients, changed.leavers) == ((ADMIN,), (leaver,))
    assert (await mails.read(other.id)).recipients == (AGENT,)

    for _ in range(2):
        await mails.come_back(mail.id, AGENT, author(AGENT))
    back = await mails.read(mail.id)
    assert (set(back.recipients), back.leavers, back.revision) == ({AGENT, ADMIN}, (), 6)


async def test_a_run_under_way_does_not_write_to_who_left(mails: ReportMailStore) -> None:
    mail = await mails.add(PLAN, [AGENT, ADMIN], BY)
    await mails.switch(ReportMailSwitch(AGENT, mail.id), author(AGENT))

    assert await mails.begin(mail.id, run_id(mail.id, "due"), NOW, is_asked=False) == [ADMIN]


async def test_who_is_not_of_the_desk_any_more_leaves_and_does_not_come_back(
    mails: ReportMailStore, pool: Pool
) -> None:
    mail = await mails.add(PLAN, [AGENT, ADMIN], BY)
    await pool.execute("update people set is_active = false where id = $1", AGENT)
    leaving = ReportMailSwitch(AGENT, mail.id)

    assert await mails.switch(leaving, Author(AGENT)) is Receiving.GETS
    assert await mails.switch(leaving, Author(AGENT)) is Receiving.LEFT
    with pytest.raises(NotFoundError):
        await mails.switch(leaving.way_back, Author(AGENT))
    assert [one.person for one in (await mails.read(mail.id)).leavers] == [AGENT]


async def test_erasing_takes_away_that_somebody_left(mails: ReportMailStore, pool: Pool) -> None:
    mail = await mails.add(PLAN, [AGENT, ADMIN], BY)
    await mails.leave(mail.id, AGENT, author(AGENT))
    exported = [row async for name, row in PersonExport(pool).rows(AGENT) if name == "report_mail_leavers"]
    assert [row["mail_id"] for row in exported] == [str(mail.id)]

    await ErasureStore(pool).erase(AGENT, author(ADMIN))

    assert (await mails.read(mail.id)).leavers == ()
    for switch in (ReportMailSwitch(AGENT, mail.id), ReportMailSwitch(AGENT, mail.id, gets=True)):
        with pytest.raises(NotFoundError):
            await mails.switch(switch, Author(AGENT))


async def test_erasing_takes_a_receiver_out_and_an_owner_with_their_mails(mails: ReportMailStore, pool: Pool) -> None:
    mail = await mails.add(PLAN, [AGENT, ADMIN], BY)
    run = await mails.ask(mail.id, NOW)
    await mails.begin(mail.id, run, NOW, is_asked=True)
    await mails.note(run, AGENT, LetterOutcome.SENT)

    await ErasureStore(pool).erase(AGENT, author(ADMIN))
    await mails.note(run, AGENT, LetterOutcome.SENT)
    assert (await mails.read(mail.id)).recipients == (ADMIN,)
    assert [one.letters for one in await mails.runs(mail.id, 9)] == [()]

    await ErasureStore(pool).erase(SUPERVISOR, author(ADMIN))
    assert await mails.all() == []
