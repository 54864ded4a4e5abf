"""What a letter tells: each report can be mailed, whatever its groups and period, and nobody is told twice."""

from datetime import UTC, datetime
from itertools import product

import pytest
from joserfc.jwk import KeySet, OKPKey

from database.pool import Pool
from database.report_catalogue import REPORTS
from database.report_letters import ReportLetters
from database.report_log import FactsBehindError, ReportLog
from database.report_mails import ReportMailStore
from domain.report import Dimension
from domain.report_mail import Cadence, LetterOutcome, MailFilters, PeriodKind, ReportLetter, ReportMailPlan, run_id
from integrations.report_mail_texts import ReportMailWriter
from integrations.unsubscribe_links import ReportMailLinks
from tests.factories import ADMIN, AGENT, OTHER_AGENT, SUPERVISOR, author

KEY = OKPKey.generate_key("Ed25519")
WRITER = ReportMailWriter(ReportMailLinks(lambda: (KEY, KeySet([KEY])), "http://localhost"), "http://localhost")
NOW = datetime(2026, 3, 30, 7, tzinfo=UTC)
PAST = [one for one in PeriodKind if one is not PeriodKind.NEXT_7_DAYS]
DAILY = Cadence(every="day", hour=7)


@pytest.mark.parametrize(("report", "period"), list(product(REPORTS, PAST)))
async def test_each_report_can_be_mailed(pool: Pool, report: str, period: PeriodKind) -> None:
    mails, letters = ReportMailStore(pool), ReportLetters(pool)
    group_by = Dimension.HOUR_OF_WEEK if report == "tickets" else None
    plan = ReportMailPlan(report=report, period=period, cadence=DAILY, group_by=group_by, zone="Asia/Kathmandu")
    mail = await mails.add(plan, [ADMIN, AGENT], author(SUPERVISOR))

    for person in (ADMIN, AGENT):
        letter = await letters.read(mail.id, run_id(mail.id, "one"), person, NOW)
        assert isinstance(letter, ReportLetter)
        assert [line.title for line in letter.lines]
        assert letter.previous_period is not None
        assert letter.previous_period.until == letter.period.since
        assert len(letter.charts) <= 2
        written = WRITER.write(letter, datetime.now(UTC))
        assert len(written.pictures) == len(letter.charts)


async def test_an_agent_is_told_of_no_other_agent(pool: Pool) -> None:
    mails, letters = ReportMailStore(pool), ReportLetters(pool)
    plan = ReportMailPlan(
        report="tickets", period=PeriodKind.YESTERDAY, cadence=DAILY, filters=MailFilters(agent=(OTHER_AGENT,))
    )
    mail = await mails.add(plan, [ADMIN, AGENT, OTHER_AGENT], author(SUPERVISOR))
    run = run_id(mail.id, "one")

    told = {person: await letters.read(mail.id, run, person, NOW) for person in (ADMIN, AGENT, OTHER_AGENT)}

    assert told[AGENT] is LetterOutcome.NO_RIGHTS
    assert isinstance(told[ADMIN], ReportLetter)
    assert isinstance(told[OTHER_AGENT], ReportLetter)


async def test_who_has_a_letter_or_left_is_told_nothing(pool: Pool) -> None:
    mails, letters = ReportMailStore(pool), ReportLetters(pool)
    plan = ReportMailPlan(report="tickets", period=PeriodKind.YESTERDAY, cadence=DAILY)
    mail = await mails.add(plan, [ADMIN, AGENT], author(SUPERVISOR))
    run = run_id(mail.id, "one")
    await mails.begin(mail.id, run, NOW, is_asked=False)
    await mails.note(run, ADMIN, LetterOutcome.SENT)
    await mails.leave(mail.id, AGENT, author(AGENT))

    assert await letters.read(mail.id, run, ADMIN, NOW) is LetterOutcome.SENT
    assert await letters.read(mail.id, run, AGENT, NOW) is LetterOutcome.LEFT


async def test_no_letter_is_written_before_its_figures_are_there(pool: Pool) -> None:
    mails, letters = ReportMailStore(pool), ReportLetters(pool)
    plan = ReportMailPlan(report="tickets", period=PeriodKind.YESTERDAY, cadence=DAILY)
    mail = await mails.add(plan, [ADMIN], author(SUPERVISOR))
    log = ReportLog(pool)

    await log.rebuild()
    with pytest.raises(FactsBehindError):
        await letters.read(mail.id, run_id(mail.id, "one"), ADMIN, NOW)
    while await log.catch_up():
        pass

    assert isinstance(await letters.read(mail.id, run_id(mail.id, "one"), ADMIN, NOW), ReportLetter)
