"""Why somebody heard of an event, or did not."""

from typing import Any

import pytest

from domain.access import Reader
from domain.hearing import heard, not_heard, told_to
from domain.notices import Notice, T, notices_of_event, notices_of_opening
from domain.people import TIMER, Actor, Role
from domain.sla_clock import TicketSla
from domain.sla_ladder import NotifyPerson, NotifyRole, NotifyTeam
from domain.ticket import Status
from domain.ticket_events import (
    TicketAssigned,
    TicketEvent,
    TicketLadderClimbed,
    TicketReplied,
    TicketSlaWarned,
    TicketStatusChanged,
    TicketUnassigned,
    TicketWoken,
)
from tests.factories import (
    AGENT,
    BILLING_AGENT,
    BY_AGENT,
    BY_REQUESTER,
    BY_SUPERVISOR,
    NOW,
    OTHER_AGENT,
    OTHER_REQUESTER,
    REQUESTER,
    SUPERVISOR,
    opening_change,
    reader,
    text_id,
    ticket,
)

SLA = TicketSla(policy_version=1, calendar_version=1, zone_data="test", clocks=())
WARNED = TicketSlaWarned(audience="customer", target="resolution", cycle=1, percent=75, clock_due_at=NOW, sla=SLA)
REPLIED = TicketReplied(text_id=text_id("reply"), by_desk=True, is_answer=True, first_responded_at=None)
GIVEN = TicketAssigned(assignee_id=AGENT, previous_id=OTHER_AGENT)


def cause(event: TicketEvent, who: Reader, by: Actor = TIMER, **fields: Any) -> str:
    """Why this reader was not told of it."""
    return not_heard(notices_of_event(2, event, by), ticket(team="support", **fields), by.id, who).cause


def test_whoever_heard_is_told_as_what() -> None:
    assert heard("watcher", in_app=True) == ("told", "You were told. You watch the ticket.")
    muted = heard("watcher", in_app=False)
    assert muted.cause == "muted"
    assert "you chose" in muted.text


def test_an_opening_is_told_to_its_requester_unless_it_is_their_own() -> None:
    assert [notice.to for notice in notices_of_opening(opening_change(by=BY_AGENT))] == ["requester"]
    assert notices_of_opening(opening_change(by=BY_REQUESTER)) == []


def test_of_some_events_nobody_hears() -> None:
    assert cause(TicketWoken(reason="by_hand"), reader(AGENT), BY_SUPERVISOR) == "nobody_is_told"


def test_nobody_hears_of_what_they_did() -> None:
    assert cause(REPLIED, reader(AGENT), BY_AGENT, assignee_id=AGENT) == "by_yourself"


def test_whoever_was_none_of_those_who_are_told_learns_what_they_are_and_not_who() -> None:
    hearing = not_heard(notices_of_event(2, REPLIED, BY_AGENT), ticket(team="support"), AGENT, reader(SUPERVISOR))

    assert hearing.cause == "none_of_them"
    assert hearing.text == (
        "It is told to whoever asked for it; whoever has it; those who watch it. You were none of them at that time."
    )


def test_whoever_would_hear_today_was_not_one_of_them_then() -> None:
    assert cause(WARNED, reader(AGENT)) == "not_then"


@pytest.mark.parametrize(
    ("event", "who", "fields", "is_among"),
    [
        (REPLIED, AGENT, {"assignee_id": AGENT}, True),
        (REPLIED, AGENT, {"assignee_id": OTHER_AGENT}, False),
        (REPLIED, REQUESTER, {}, True),
        (REPLIED, OTHER_REQUESTER, {}, False),
        (REPLIED, OTHER_REQUESTER, {"watcher_ids": (OTHER_REQUESTER,)}, True),
        (REPLIED.model_copy(update={"mention_ids": (BILLING_AGENT,)}), BILLING_AGENT, {}, True),
        (REPLIED.model_copy(update={"mention_ids": (BILLING_AGENT,)}), AGENT, {}, False),
        (WARNED, AGENT, {"assignee_id": AGENT}, True),
        (WARNED, AGENT, {"assignee_id": OTHER_AGENT}, False),
        (WARNED, AGENT, {}, True),
        (WARNED, BILLING_AGENT, {}, False),
        (GIVEN, AGENT, {}, True),
        (GIVEN, OTHER_AGENT, {}, True),
        (GIVEN, SUPERVISOR, {}, False),
        (TicketLadderClimbed(round=1, step=0, sla=SLA, actions=(NotifyRole(role="supervisor"),)), SUPERVISOR, {}, True),
        (TicketLadderClimbed(round=1, step=0, sla=SLA, actions=(NotifyRole(role="agent"),)), AGENT, {}, True),
        (TicketLadderClimbed(round=1, step=0, sla=SLA, actions=(NotifyRole(role="agent", on_shift=True),)),
         BILLING_AGENT, {}, False),
        (TicketLadderClimbed(round=1, step=0, sla=SLA, actions=(NotifyTeam(team="billing"),)), BILLING_AGENT, {}, True),
        (TicketLadderClimbed(round=1, step=0, sla=SLA, actions=(NotifyTeam(),)), BILLING_AGENT, {}, False),
        (TicketLadderClimbed(round=1, step=0, sla=SLA, actions=(NotifyPerson(person_id=AGENT),)), AGENT, {}, True),
    ],
)  # fmt: skip
def test_who_is_among_those_who_are_told(event: TicketEvent, who: Any, fields: Any, is_among: bool) -> None:
    assert (cause(event, reader(who), **fields) == "not_then") is is_among


def test_a_status_that_a_reply_brought_is_told_by_the_reply() -> None:
    reopened = TicketStatusChanged(
        status=Status.OPEN, previous=Status.PENDING, reason="requester_replied", resolved_at=None, closed_at=None
    )

    assert cause(reopened, reader(AGENT), BY_REQUESTER, assignee_id=AGENT) == "nobody_is_told"


def test_hearers_are_called_by_what_they_are() -> None:
    actions = (
        NotifyRole(role="supervisor"), NotifyRole(role="agent", on_shift=True), NotifyTeam(),
        NotifyTeam(team="billing"), NotifyPerson(person_id=AGENT), NotifyTeam(),
    )  # fmt: skip
    climbed = TicketLadderClimbed(round=1, step=0, sla=SLA, actions=actions)

    assert told_to(notices_of_event(2, climbed, TIMER)) == [
        "every supervisor",
        "every agent who is there, or all of them when nobody is",
        "its team",
        "team billing",
        "somebody whom its escalation names",
    ]
    assert told_to(notices_of_event(2, GIVEN, BY_SUPERVISOR)) == ["whoever gets it", "whoever had it"]
    gone = TicketUnassigned(previous_id=AGENT, reason="away")
    assert told_to(notices_of_event(2, gone, TIMER)) == ["whoever had it"]


def test_every_hearer_is_called_something() -> None:
    for to in ("owner", "assignee", "requester", "watchers", "mentioned", "team", "role", "role_there", "person"):
        assert told_to([Notice(2, "ticket.replied", T.REPLIED, False, to, "x")])


def test_an_agent_of_another_role_is_no_supervisor() -> None:
    climbed = TicketLadderClimbed(round=1, step=0, sla=SLA, actions=(NotifyRole(role="supervisor"),))

    assert cause(climbed, Reader(id=AGENT, role=Role.AGENT, teams=frozenset({"support"}))) == "none_of_them"


def test_a_warning_is_told_to_the_owner() -> None:
    assert told_to(notices_of_event(2, WARNED, TIMER)) == ["whoever has it, or else its team"]
