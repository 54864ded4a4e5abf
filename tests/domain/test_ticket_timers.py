"""What a ticket waits for by itself."""

from datetime import timedelta
from typing import Any

import pytest

from domain.ticket import Status
from domain.ticket_commands import AutoCloseTicket, TicketCommand, WakeTicket
from domain.ticket_timers import TimerKind, describe_wait, next_moment, pending_moments
from tests.factories import NOW, ticket

LATER = NOW + timedelta(hours=1)


def moments_of(**changes: Any) -> list[tuple[Any, str]]:
    return [(moment.at, moment.kind) for moment in pending_moments(ticket(**changes))]


@pytest.mark.parametrize("status", ["new", "open", "pending", "on_hold"])
def test_an_unfinished_ticket_waits_for_people_only(status: str) -> None:
    assert moments_of(status=status) == []
    assert moments_of(status=status, snoozed=True, snoozed_until=None) == []


@pytest.mark.parametrize("status", ["new", "open", "pending", "on_hold"])
def test_a_snoozed_ticket_waits_for_its_moment(status: str) -> None:
    assert moments_of(status=status, snoozed=True, snoozed_until=LATER) == [(LATER, "wake")]


def test_a_resolved_ticket_waits_for_its_end() -> None:
    assert moments_of(status="resolved", auto_close_days=3) == [(NOW + timedelta(days=3), "auto_close")]


def test_a_closed_ticket_waits_for_the_end_of_its_reopen_window() -> None:
    assert moments_of(status="closed", reopen_days=5) == [(NOW + timedelta(days=5), "reopen_window_ends")]


@pytest.mark.parametrize(
    ("until", "kinds"),
    [
        (NOW + timedelta(days=6), ["wake", "auto_close"]),
        (NOW + timedelta(days=8), ["auto_close", "wake"]),
    ],
)
def test_the_earliest_moment_comes_first(until: Any, kinds: list[str]) -> None:
    """No command leads to a resolved ticket that sleeps; the order holds even so."""
    pending = moments_of(status="resolved", auto_close_days=7, snoozed=True, snoozed_until=until)

    assert [kind for _, kind in pending] == kinds


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"snoozed": True, "snoozed_until": LATER}, "snoozed until then"),
        ({"status": "resolved"}, "closes 7 days after it was resolved unless the requester writes"),
        ({"status": "closed"}, "may be reopened for 30 days"),
    ],
)
def test_every_moment_says_why(changes: dict[str, Any], cause: str) -> None:
    assert [moment.cause for moment in pending_moments(ticket(**changes))] == [cause]


@pytest.mark.parametrize(
    ("changes", "kind", "command"),
    [
        ({"snoozed": True, "snoozed_until": LATER}, "wake", WakeTicket()),
        ({"status": "resolved"}, "auto_close", AutoCloseTicket()),
        ({"status": "closed"}, "reopen_window_ends", None),
    ],
)
def test_a_moment_brings_its_command(changes: dict[str, Any], kind: TimerKind, command: TicketCommand | None) -> None:
    (moment,) = pending_moments(ticket(**changes))

    assert (moment.kind, moment.command) == (kind, command)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"status": "new"}, "waiting for a first answer (revision 4)"),
        ({"status": "open"}, "waiting for the desk (revision 4)"),
        ({"status": "pending"}, "waiting for the requester (revision 4)"),
        ({"status": "on_hold"}, "waiting for a third party (revision 4)"),
        (
            {"status": "resolved"},
            "resolved, waiting to be closed, next: auto_close at 2030-01-14 09:00:00Z (revision 4)",
        ),
        (
            {"status": "closed"},
            "closed, may be reopened, next: reopen_window_ends at 2030-02-06 09:00:00Z (revision 4)",
        ),
        ({"status": "open", "snoozed": True}, "snoozed until the requester replies (revision 4)"),
        (
            {"status": "open", "snoozed": True, "snoozed_until": LATER},
            "snoozed, next: wake at 2030-01-07 10:00:00Z (revision 4)",
        ),
    ],
)
def test_one_line_tells_an_operator_what_the_ticket_waits_for(changes: dict[str, Any], line: str) -> None:
    waiting = ticket(revision=4, **changes)

    assert describe_wait(waiting, next_moment(waiting)) == line


def test_every_status_has_its_line() -> None:
    assert all(describe_wait(ticket(status=status), None) for status in Status)
