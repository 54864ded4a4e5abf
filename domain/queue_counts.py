"""How many of a team's tickets stand how: the numbers of the overview that are told live.

They follow from nothing but how each ticket stands, never from the hour, so they change only when a ticket does.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from domain.ids import TicketNumber
from domain.ticket import Slug, Status
from domain.ticket_facts import TicketFacts

OVERVIEW_CHANGED = "overview.changed"
_TOLD_STATES = ("at_risk", "breached")


class QueueCounts(BaseModel):
    """The tickets of one team, or of none (`team` is null), that are not closed."""

    model_config = ConfigDict(frozen=True)

    team: Slug | None
    revision: int = Field(description="Rises whenever a number changed: drop an event that is not above what you have.")
    open: int = Field(description="New, open, pending or on hold.")
    waiting: int = Field(description="New or open, nobody's, and not snoozed: they need an owner.")
    unassigned: int = Field(description="Of the open: nobody's.")
    open_at_risk: int = Field(description="Of the open: warned of, and not breached.")
    open_breached: int = Field(description="Of the open: a promise is broken.")
    snoozed: int = Field(description="Of the open.")
    status_new: int
    status_open: int
    status_pending: int
    status_on_hold: int
    status_resolved: int = Field(description="Resolved and not closed yet; not among the open.")


def touched_teams(
    before: Mapping[TicketNumber, TicketFacts], after: Mapping[TicketNumber, TicketFacts | None]
) -> set[Slug | None]:
    """The teams whose counts may be others when the facts of some tickets became those of `after`; None: the tickets of
    no team."""
    teams = set[Slug | None]()
    for number in before.keys() | after.keys():
        was, is_now = _standing(before.get(number)), _standing(after.get(number))
        if was != is_now:
            teams |= {one[0] for one in (was, is_now) if one is not None}
    return teams


def _standing(facts: TicketFacts | None) -> tuple[Any, ...] | None:
    """What is counted of a ticket, its team first; None: nothing is."""
    if facts is None or facts.status is Status.CLOSED:
        return None
    state = facts.sla_state if facts.sla_state in _TOLD_STATES else None
    return facts.team, facts.status, facts.assignee_id is None, facts.snoozed, state
