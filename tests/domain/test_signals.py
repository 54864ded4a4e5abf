"""What may be asked by a signal, which bears no name."""

from datetime import timedelta
from typing import get_args
from uuid import uuid4

import pytest
from pydantic import BaseModel

from domain import agent_commands as agent
from domain import ticket_commands as asked
from domain.access import check_signal
from domain.agent import BreakKind, Presence
from domain.errors import ForbiddenError
from domain.ids import AttachmentId, BreakId, DecisionId, ShiftId
from domain.ticket import Priority, Status
from domain.ticket_commands import AssignTicket, TicketCommand, UnassignTicket
from tests.factories import AGENT, NOW, text_id

MAY = [
    asked.EditTicket(priority=Priority.HIGH),
    asked.AddReply(text_id=text_id("reply")),
    asked.ChangeStatus(status=Status.OPEN),
    asked.AssignTicket(assignee_id=AGENT),
    asked.UnassignTicket(),
    asked.EscalateTicket(),
    asked.DeescalateTicket(),
    asked.AcknowledgeTicket(),
    asked.SnoozeTicket(),
    asked.WakeTicket(),
    agent.StreamsChanged(connected=True),
]
MAY_NOT = [
    asked.ClaimTicket(),
    asked.OfferTicket(to=(AGENT,), expires_at=NOW + timedelta(hours=1)),
    asked.AcceptOffer(),
    asked.DeclineOffer(),
    asked.ExpireOffer(),
    asked.AutoCloseTicket(),
    asked.WarnOfTarget(audience="customer", target="resolution", cycle=1, percent=80),
    asked.BreachTarget(audience="customer", target="resolution", cycle=1),
    asked.CancelMoment(moment="auto_close"),
    asked.AdvanceMoment(moment="auto_close"),
    asked.TakeTerms(rollout_id=1, policy_version=1, calendar_version=1),
    asked.TakeBackTerms(rollout_id=1),
    asked.ClimbLadder(round=1, step=1),
    asked.AddAttachment(attachment_id=AttachmentId(text_id("file")), internal=False),
    asked.RemoveAttachment(attachment_id=AttachmentId(text_id("file")), internal=False),
    asked.WatchTicket(person_id=AGENT),
    asked.UnwatchTicket(person_id=AGENT),
    asked.RateTicket(score=5),
    agent.SetPresence(presence=Presence.ONLINE),
    agent.StartShift(shift_id=ShiftId(1)),
    agent.EndShift(shift_id=ShiftId(1)),
    agent.StartBreak(kind=BreakKind.LUNCH),
    agent.EndBreak(),
    *(one(shift_id=ShiftId(1)) for one in (agent.StartPlannedShift, agent.EndPlannedShift, agent.RemindOfShiftEnd)),
    *(one(break_id=BreakId(1)) for one in (agent.StartPlannedBreak, agent.EndPlannedBreak, agent.RemindOfBreak)),
    agent.MissAgent(),
]


def members(union: object) -> set[type[BaseModel]]:
    """The commands of a tagged union."""
    return set(get_args(get_args(union)[0]))


def test_every_command_is_known_here() -> None:
    assert {type(one) for one in [*MAY, *MAY_NOT]} == members(TicketCommand) | members(agent.AgentCommand)


@pytest.mark.parametrize("command", MAY, ids=lambda one: type(one).__name__)
def test_a_signal_may_ask_what_any_agent_may(command: TicketCommand) -> None:
    check_signal(command)


@pytest.mark.parametrize(
    "command",
    [
        *MAY_NOT,
        AssignTicket(assignee_id=AGENT, override=True),
        AssignTicket(assignee_id=AGENT, decision_id=DecisionId(uuid4())),
        UnassignTicket(reason="shift_ended"),
        asked.AddReply(text_id=text_id("reply"), mention_ids=(AGENT,)),
        asked.AddReply(text_id=text_id("note"), internal=True, mention_ids=(AGENT,)),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_takes_a_name_or_is_times_own_comes_by_no_signal(command: TicketCommand) -> None:
    with pytest.raises(ForbiddenError):
        check_signal(command)
