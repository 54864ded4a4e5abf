"""Pending moments that somebody cancels or brings forward."""

from datetime import timedelta

import pytest

from domain.access import Audience, check_command
from domain.errors import ForbiddenError, MomentFixedError, NoSuchMomentError
from domain.sla_ladder import RaiseLevel
from domain.ticket import Priority, Status, Ticket
from domain.ticket_commands import AdvanceMoment, CancelMoment, ChangeStatus, EditTicket, TicketCommand
from domain.ticket_rules import decide
from domain.ticket_timers import pending_moments
from tests.domain import test_sla_ladder as ladders
from tests.domain.deciding import after
from tests.domain.test_sla_ladder import HOUR, MINUTE, step, terms, waited
from tests.factories import ADMIN, AGENT, BY_SUPERVISOR, NOW, REQUESTER, SUPERVISOR, envelope, reader, ticket

ON = terms(step(45, RaiseLevel(level=1), since="start"), step(15, since="last_step"))
SOON = NOW + 5 * MINUTE


def kept(given: Ticket, command: TicketCommand) -> Ticket:
    return ladders.after(given, command, ON, SOON, BY_SUPERVISOR)


def ids(given: Ticket) -> set[str]:
    return {moment.id for moment in pending_moments(given)}


@pytest.fixture
def opened() -> Ticket:
    return ladders.opened(ON)


def test_moments_have_ids_that_people_can_read(opened: Ticket) -> None:
    assert ids(opened) == {
        "sla_warning.customer.first_response.1.50", "sla_warning.customer.first_response.1.75",
        "sla_warning.customer.first_response.1.90", "sla_breach.customer.first_response.1",
        "sla_warning.customer.resolution.1.50", "sla_warning.customer.resolution.1.75",
        "sla_warning.customer.resolution.1.90", "sla_breach.customer.resolution.1", "ladder_step.1.0",
    }  # fmt: skip


def test_a_cancelled_warning_does_not_come_back_when_the_clock_is_planned_anew(opened: Ticket) -> None:
    id = "sla_warning.customer.resolution.1.75"

    struck = kept(opened, CancelMoment(moment=id))
    held = ladders.after(struck, ChangeStatus(status=Status.PENDING), ON, SOON + MINUTE)
    resumed = ladders.after(held, ChangeStatus(status=Status.OPEN), ON, SOON + 2 * MINUTE)

    assert ids(opened) - ids(struck) == {id}
    assert id not in ids(resumed)
    assert "sla_warning.customer.resolution.1.90" in ids(resumed)


def test_a_cancelled_breach_is_the_end_of_its_clock(opened: Ticket) -> None:
    struck = kept(opened, CancelMoment(moment="sla_breach.customer.resolution.1"))

    assert struck.sla is not None
    clock = struck.sla.clock("customer", "resolution")
    assert clock is not None
    assert (clock.state, clock.ended_at, clock.used) == ("cancelled", SOON, 5 * MINUTE)
    assert not any("resolution" in id for id in ids(struck))
    urgent = ladders.after(struck, EditTicket(priority=Priority.URGENT), ON, SOON + MINUTE)
    assert not any("resolution" in id for id in ids(urgent)), "no other goal begins it again"


def test_a_cancelled_step_is_passed_over(opened: Ticket) -> None:
    struck = kept(opened, CancelMoment(moment="ladder_step.1.0"))

    assert struck.escalation_level == 0
    assert ladders.run_of(struck).next_at == SOON + 15 * MINUTE
    assert "ladder_step.1.1" in ids(struck)


def test_a_ticket_whose_closing_is_cancelled_stays_resolved_until_it_is_resolved_again() -> None:
    resolved = ticket(status="resolved")

    struck = after(resolved, CancelMoment(moment="auto_close"), BY_SUPERVISOR)
    reopened = after(struck, ChangeStatus(status=Status.OPEN))
    again = after(reopened, ChangeStatus(status=Status.RESOLVED))

    assert ids(struck) == set()
    assert struck.held_open
    assert ids(again) == {"auto_close"}


def test_a_ticket_whose_waking_is_cancelled_sleeps_until_the_requester_writes() -> None:
    snoozed = ticket(snoozed=True, snoozed_until=NOW + HOUR)

    struck = after(snoozed, CancelMoment(moment="wake"), BY_SUPERVISOR)

    assert (struck.snoozed, struck.snoozed_until) == (True, None)


def test_a_warning_can_be_given_now(opened: Ticket) -> None:
    told = kept(opened, AdvanceMoment(moment="sla_warning.customer.resolution.1.75"))

    assert told.sla is not None
    clock = told.sla.clock("customer", "resolution")
    assert clock is not None
    assert clock.warned == 75
    assert "sla_warning.customer.resolution.1.50" not in ids(told), "it would come after the later one"


def test_a_target_can_be_called_broken_now(opened: Ticket) -> None:
    broken = kept(opened, AdvanceMoment(moment="sla_breach.customer.first_response.1"))

    assert broken.sla is not None
    clock = broken.sla.clock("customer", "first_response")
    assert clock is not None
    assert clock.breached_at == SOON


def test_a_step_of_the_ladder_can_be_taken_now(opened: Ticket) -> None:
    climbed = kept(opened, AdvanceMoment(moment="ladder_step.1.0"))

    assert climbed.escalation_level == 1
    assert waited(climbed, ON, SOON + 15 * MINUTE)[1] == [(SOON + 15 * MINUTE, 1, 1)]


def test_a_snoozed_ticket_wakes_and_a_resolved_one_closes_now() -> None:
    awake = after(ticket(snoozed=True, snoozed_until=NOW + HOUR), AdvanceMoment(moment="wake"), BY_SUPERVISOR)
    closed = after(ticket(status="resolved"), AdvanceMoment(moment="auto_close"), BY_SUPERVISOR)

    assert not awake.snoozed
    assert closed.status is Status.CLOSED


@pytest.mark.parametrize("command", [CancelMoment, AdvanceMoment])
def test_what_the_ticket_does_not_wait_for_is_refused(
    command: type[CancelMoment | AdvanceMoment], opened: Ticket
) -> None:
    with pytest.raises(NoSuchMomentError, match=r"ladder_step\.1\.7"):
        decide(opened, envelope(command(moment="ladder_step.1.7")), NOW)


@pytest.mark.parametrize("command", [CancelMoment, AdvanceMoment])
def test_the_end_of_the_reopen_window_is_fixed(command: type[CancelMoment | AdvanceMoment]) -> None:
    with pytest.raises(MomentFixedError):
        decide(ticket(status="closed"), envelope(command(moment="reopen_window_ends")), NOW + timedelta(hours=1))


def test_only_supervisors_and_admins_may() -> None:
    for command in (CancelMoment(moment="wake"), AdvanceMoment(moment="wake")):
        check_command(reader(SUPERVISOR), command, Audience.of(ticket(), None))
        check_command(reader(ADMIN), command, Audience.of(ticket(), None))
        for person in (AGENT, REQUESTER):
            with pytest.raises(ForbiddenError):
                check_command(reader(person), command, Audience.of(ticket(), None))
