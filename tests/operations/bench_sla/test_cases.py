from datetime import UTC, datetime, timedelta

import pytest

from database.pool import open_pool
from database.sla_terms import SlaTermsStore
from domain.sla_keeping import begin
from domain.sla_policy import first_match
from domain.ticket import Ticket
from operations.bench_sla.cases import ALL, Case
from operations.bench_sla.policies import MINUTE, TAG, offer_policy
from tests import factories

SPREAD = Case("spread", open=10_000, due=1_000)
SUDDEN = Case("sudden", open=1_000, due=1_000, spread_s=0)
LATE_EVENING = datetime(2030, 1, 7, 23, 58, 30, tzinfo=UTC)


@pytest.mark.parametrize("case", [case for case in ALL.values() if not case.is_sudden], ids=lambda case: case.name)
def test_the_first_warning_comes_when_all_tickets_run(case: Case) -> None:
    assert case.goal * case.warning_percent / 100 >= case.opening_time


def test_the_warning_comes_a_minute_before_the_breach() -> None:
    assert SPREAD.goal - SPREAD.goal * SPREAD.warning_percent / 100 == MINUTE


async def opened(dsn: str, case: Case, now: datetime, *ages: timedelta, tag: str = TAG) -> list[Ticket]:
    """Tickets that are opened so long after the case's policy is on offer."""
    async with await open_pool(dsn, 2) as pool:
        await factories.store_desk(pool)
        terms = SlaTermsStore(pool)
        await terms.offer_to(factories.REQUESTER)  # what was read before must not be what is on offer
        await offer_policy(pool, case, now)
        offer = await terms.offer_to(factories.REQUESTER)
        tickets = [factories.ticket(tags=(tag,), created_at=now + age, updated_at=now + age) for age in ages]
        return [
            one.model_copy(update={"sla": begin(one, first_match(offer.terms, one, offer.tier), "test")})
            for one in tickets
        ]


def due(ticket: Ticket) -> list[datetime | None]:
    assert ticket.sla is not None
    return [clock.due_at for clock in ticket.sla.clocks]


async def test_tickets_come_due_as_they_were_opened(database_dsn: str) -> None:
    now = factories.NOW

    tickets = await opened(database_dsn, SPREAD, now, timedelta(), timedelta(seconds=7.5))

    assert [due(ticket) for ticket in tickets] == [[now + SPREAD.goal], [now + SPREAD.goal + timedelta(seconds=7.5)]]


async def test_or_all_at_one_second_also_across_midnight(database_dsn: str) -> None:
    tickets = await opened(database_dsn, SUDDEN, LATE_EVENING, timedelta(), timedelta(seconds=7.5))

    assert [due(ticket) for ticket in tickets] == [[datetime(2030, 1, 8, 0, 2, tzinfo=UTC)]] * 2


async def test_other_tickets_run_on_the_policy_that_ships(database_dsn: str) -> None:
    (ticket,) = await opened(database_dsn, SPREAD, factories.NOW, timedelta(), tag="other")

    assert due(ticket) == [factories.NOW + 240 * MINUTE, factories.NOW + 720 * MINUTE]
