"""The proof, on events as the product stores them: what is lost, doubled or early must not escape it."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from database.pool import Pool, open_pool
from database.sla_terms import SlaTermsStore
from database.tickets import TicketStore
from domain.business_calendar import ALWAYS_OPEN
from domain.ids import TextId
from domain.lifecycle import apply
from domain.people import TIMER, Actor
from domain.sla_keeping import begin, follow
from domain.sla_policy import Terms, first_match
from domain.ticket import Ticket
from domain.ticket_commands import AddReply, TicketCommand
from domain.ticket_events import TicketSlaChanged
from domain.ticket_rules import decide
from domain.ticket_timers import pending_moments
from operations.bench_sla.cases import Case
from operations.bench_sla.moments import Kind, read_account
from operations.bench_sla.policies import MINUTE, TAG, offer_policy
from tests import factories

CASE = Case("a goal of two minutes", open=1, due=1, spread_s=1)
OPENED = factories.NOW
BREACH = OPENED + CASE.goal
AFTERWARDS = OPENED + 10 * MINUTE


class ProofDesk:
    """One ticket that the events of its moments are stored for by hand."""

    def __init__(self, pool: Pool, ticket: Ticket, terms: Terms) -> None:
        self.pool = pool
        self._store = TicketStore(pool)
        self._ticket = ticket
        self._terms = terms

    async def comes(self, kind: str, *, late: timedelta = timedelta()) -> None:
        """The next moment is recorded, `late` after it came. Raises unless it is of this kind."""
        moment = pending_moments(self._ticket)[0]
        assert (moment.kind, moment.command is None) == (kind, False)
        assert moment.command is not None
        before = self._ticket.revision
        await self._do(moment.command, TIMER, moment.at)
        await self.pool.execute("update events set recorded_at = $1 where revision > $2", moment.at + late, before)

    async def is_answered(self, at: datetime) -> None:
        text = TextId(uuid4())
        await self._store.add_text(text, self._ticket.number, factories.AGENT, None, "Have you tried another tray?")
        await self._do(AddReply(text_id=text), factories.BY_AGENT, at)

    async def _do(self, command: TicketCommand, actor: Actor, at: datetime) -> None:
        """As the ticket's workflow does it."""
        envelope = factories.envelope(command, actor=actor, at=at)
        change = decide(self._ticket, envelope, at)
        kept = follow(self._ticket, change.events, at, self._terms, lambda _: ALWAYS_OPEN, "test")
        if kept is not None:
            change = change.followed_by(TicketSlaChanged(sla=kept.sla, segments=kept.segments))
        await self._store.record(change)
        self._ticket = apply(self._ticket, change)

    async def comes_again(self, kind: str) -> None:
        """What a second worker would do that knew nothing of the first."""
        await self.pool.execute(
            "insert into events (topic, type, at, ticket_number, revision, actor_kind, internal, data, recorded_at) "
            "select topic, type, at, ticket_number, revision + 100, actor_kind, internal, data, recorded_at "
            "from events where type = $1",
            kind,
        )

    async def faults(self) -> list[str]:
        return (await read_account(self.pool)).faults(AFTERWARDS)

    async def lateness(self, kind: Kind) -> list[float]:
        return (await read_account(self.pool)).lateness_s(kind)


@pytest.fixture
async def desk(database_dsn: str) -> AsyncIterator[ProofDesk]:
    """A ticket with a warning after a minute, a breach and a step after two and another step after three."""
    async with await open_pool(database_dsn, 2) as pool:
        await factories.store_desk(pool)
        await offer_policy(pool, CASE, OPENED)
        offer = await SlaTermsStore(pool).offer_to(factories.REQUESTER)
        number = await TicketStore(pool).next_number()
        change = factories.opening_change(number, tags=(TAG,), team="support")
        ticket = factories.ticket(number=number, tags=(TAG,), team="support")
        terms = first_match(offer.terms, ticket, offer.tier)
        assert terms is not None
        (event,) = change.events
        change = change.model_copy(update={"events": (event.model_copy(update={"sla": begin(ticket, terms, "test")}),)})
        await TicketStore(pool).open(change, factories.wording(change))
        stored = await TicketStore(pool).state(number)
        assert stored is not None
        yield ProofDesk(pool, stored, terms)


async def everything_comes(desk: ProofDesk) -> None:
    await desk.comes("sla_warning", late=timedelta(seconds=0.25))
    await desk.comes("sla_breach", late=timedelta(seconds=0.5))
    await desk.comes("ladder_step", late=timedelta(seconds=0.75))
    await desk.comes("ladder_step", late=timedelta(seconds=1))


async def test_what_comes_once_is_no_fault_and_is_as_late_as_it_was_recorded(desk: ProofDesk) -> None:
    await everything_comes(desk)

    assert await desk.faults() == []
    assert await desk.lateness("warning") == [0.25]
    assert await desk.lateness("breach") == [0.5]
    assert await desk.lateness("first step") == [0.75]
    assert await desk.lateness("second step") == [1]


async def test_what_is_still_to_come_is_not_lost(desk: ProofDesk) -> None:
    account = await read_account(desk.pool)

    assert account.faults(OPENED + MINUTE - timedelta(seconds=1)) == []


async def test_a_ticket_that_nobody_woke_has_lost_all_that_was_planned_then(desk: ProofDesk) -> None:
    assert [fault.split(" of ")[0] for fault in await desk.faults()] == [
        "lost: breach",
        "lost: warning",
        "lost: first step",
    ]


async def test_a_breach_that_was_removed_is_lost(desk: ProofDesk) -> None:
    await everything_comes(desk)

    await desk.pool.execute("delete from events where type = 'ticket.sla_breached'")

    assert [fault.split(" of ")[0] for fault in await desk.faults()] == ["lost: breach"]


async def test_a_warning_that_the_breach_overran_is_lost(desk: ProofDesk) -> None:
    await everything_comes(desk)

    await desk.pool.execute("delete from events where type = 'ticket.sla_warning'")

    assert [fault.split(" of ")[0] for fault in await desk.faults()] == ["lost: warning"]


async def test_a_step_that_never_came_is_lost(desk: ProofDesk) -> None:
    await desk.comes("sla_warning")
    await desk.comes("sla_breach")
    await desk.comes("ladder_step")

    assert [fault.split(" of ")[0] for fault in await desk.faults()] == ["lost: second step"]


@pytest.mark.parametrize(
    ("type", "twice"),
    [
        ("ticket.sla_warning", ["warning"]),
        ("ticket.sla_breached", ["breach"]),
        ("ticket.ladder_climbed", ["first step", "second step"]),
    ],
)
async def test_what_comes_a_second_time_is_found(desk: ProofDesk, type: str, twice: list[str]) -> None:
    await everything_comes(desk)

    await desk.comes_again(type)

    assert [fault.split(" of ")[0] for fault in await desk.faults()] == [f"2 times: {kind}" for kind in twice]


async def test_what_comes_too_early_is_found(desk: ProofDesk) -> None:
    await desk.comes("sla_warning", late=timedelta(seconds=-1))
    await desk.comes("sla_breach")
    await desk.comes("ladder_step")
    await desk.comes("ladder_step")

    assert [fault.split(" of ")[0] for fault in await desk.faults()] == ["too early: warning"]


async def test_what_an_answer_overtook_is_not_missed(desk: ProofDesk) -> None:
    await desk.comes("sla_warning")
    await desk.is_answered(OPENED + 1.5 * MINUTE)

    assert await desk.faults() == []


async def test_an_answer_after_the_breach_does_not_excuse_it(desk: ProofDesk) -> None:
    await desk.comes("sla_warning")
    await desk.is_answered(BREACH + timedelta(seconds=1))

    assert [fault.split(" of ")[0] for fault in await desk.faults()] == ["lost: breach", "lost: first step"]
