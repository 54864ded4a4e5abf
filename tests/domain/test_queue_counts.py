"""Whose counts change with a ticket: nobody's who should be told may be left out."""

from itertools import product
from typing import Any, get_args

from domain.queue_counts import touched_teams
from domain.sla_clock import SlaState
from domain.ticket import Priority, Status
from domain.ticket_facts import TicketFacts
from tests.factories import AGENT, NOW, NUMBER, OTHER_AGENT, REQUESTER

OPEN = (Status.NEW, Status.OPEN, Status.PENDING, Status.ON_HOLD)
FACTS = TicketFacts(
    number=NUMBER,
    revision=1,
    updated_at=NOW,
    status=Status.NEW,
    team="support",
    priority=Priority.NORMAL,
    category="general",
    assignee_id=None,
    sla_state="none",
    snoozed=False,
    escalation_level=0,
    spans=1,
    span_since=NOW,
    previous_status=None,
    requester_id=REQUESTER,
    channel="desk",
    opened_at=NOW,
    opened_team="support",
    opened_priority=Priority.NORMAL,
    opened_category="general",
    policy_version=None,
    calendar_version=None,
)


def counted(facts: TicketFacts) -> tuple[bool, ...]:
    """With what the ticket counts in its team, number by number."""
    is_open, is_free = facts.status in OPEN, facts.assignee_id is None
    return (
        is_open,
        facts.status in (Status.NEW, Status.OPEN) and is_free and not facts.snoozed,
        is_open and is_free,
        is_open and facts.sla_state == "at_risk",
        is_open and facts.sla_state == "breached",
        is_open and facts.snoozed,
        *(facts.status is status for status in (*OPEN, Status.RESOLVED)),
    )


def by_team(facts: TicketFacts | None) -> dict[Any, tuple[bool, ...]]:
    return {facts.team: counted(facts)} if facts is not None and any(counted(facts)) else {}


def test_every_team_whose_numbers_change_is_named() -> None:
    ways: list[TicketFacts | None] = [
        FACTS._replace(status=status, team=team, assignee_id=owner, snoozed=snoozed, sla_state=state)
        for status, team, owner, snoozed, state in product(
            Status, ("support", None), (None, AGENT), (False, True), get_args(SlaState)
        )
    ]

    for before, after in product([None, *ways], [None, *ways]):
        was, becomes = by_team(before), by_team(after)
        changed = {team for team in was.keys() | becomes.keys() if was.get(team) != becomes.get(team)}
        known = {} if before is None else {NUMBER: before}
        assert touched_teams(known, {NUMBER: after}) >= changed, (before, after)


def test_what_no_number_knows_names_nobody() -> None:
    mine = FACTS._replace(assignee_id=AGENT)
    for before, after in (
        (FACTS, FACTS._replace(revision=2, notes=1, priority=Priority.URGENT, escalation_level=2)),
        (FACTS, FACTS._replace(sla_state="ok")),
        (mine, mine._replace(assignee_id=OTHER_AGENT)),
        (FACTS._replace(status=Status.CLOSED), FACTS._replace(status=Status.CLOSED, team="billing")),
    ):
        assert touched_teams({NUMBER: before}, {NUMBER: after}) == set()


def test_a_ticket_that_is_gone_is_missed_by_its_team() -> None:
    assert touched_teams({NUMBER: FACTS}, {}) == {"support"}
    assert touched_teams({NUMBER: FACTS}, {NUMBER: None}) == {"support"}
    assert touched_teams({}, {NUMBER: FACTS._replace(team=None)}) == {None}
