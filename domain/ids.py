"""One type per id, so that a person's id never lands where a command's id belongs."""

from typing import NewType
from uuid import UUID, uuid5

PersonId = NewType("PersonId", UUID)
TicketNumber = NewType("TicketNumber", int)
TextId = NewType("TextId", UUID)
"""Names a stored text (a ticket's wording, a reply, a note); texts themselves stay out of commands and histories."""
AttachmentId = NewType("AttachmentId", UUID)
"""Names a stored file; its name and content stay out of commands and histories as texts do."""
CommandId = NewType("CommandId", UUID)
ApiKeyId = NewType("ApiKeyId", UUID)
SlaCalendarId = NewType("SlaCalendarId", int)
SlaPolicyId = NewType("SlaPolicyId", int)
ShiftId = NewType("ShiftId", int)
BreakId = NewType("BreakId", int)
RotaId = NewType("RotaId", int)
TimeOffId = NewType("TimeOffId", int)
ShiftRequestId = NewType("ShiftRequestId", int)
DecisionId = NewType("DecisionId", UUID)
"""Names a stored decision of the dispatcher: who was asked, who was not and why."""
AccountMailId = NewType("AccountMailId", UUID)
"""Names a mail about an account, also to its receiver: it never comes twice, whatever becomes of the database."""
NotificationId = NewType("NotificationId", int)
MessageId = NewType("MessageId", UUID)
"""Names a mail or a push, also to its receiver."""
PushSubscriptionId = NewType("PushSubscriptionId", UUID)
WebhookId = NewType("WebhookId", UUID)
ReportMailId = NewType("ReportMailId", UUID)
ReportMailRunId = NewType("ReportMailRunId", UUID)
"""Names one sending of a report mail: the same at each attempt."""
WebhookDeliveryId = NewType("WebhookDeliveryId", UUID)
"""Names one event's way to one webhook, also to its receiver: the same at each attempt, and when it is sent again."""

_COMMANDS = UUID("5f3c1a52-7d3e-4a38-9d0e-8c5d5a1c7b10")


def command_id_for_key(person: PersonId, idempotency_key: str) -> CommandId:
    """The command that a caller's `Idempotency-Key` names: the same person and key give the same id for ever."""
    return CommandId(uuid5(_COMMANDS, f"key:{person}:{idempotency_key}"))


def command_id_for_timer(ticket: TicketNumber, revision: int, kind: str) -> CommandId:
    """The command of a timer that was armed at this revision: also a rebuilt workflow gives it the same id."""
    return CommandId(uuid5(_COMMANDS, f"timer:{ticket}:{revision}:{kind}"))


def command_id_for_signal(ticket: TicketNumber, source: str) -> CommandId:
    """The command of a signal, named by the id that its sender gave or else by its place in the workflow's history."""
    return CommandId(uuid5(_COMMANDS, f"signal:{ticket}:{source}"))


def command_id_for_rollout(ticket: TicketNumber, rollout: int, direction: str) -> CommandId:
    """The command by which a ticket takes the terms of a rollout, or takes them back."""
    return CommandId(uuid5(_COMMANDS, f"rollout:{rollout}:{direction}:{ticket}"))


def command_id_for_return(ticket: TicketNumber, revision: int, owner: PersonId) -> CommandId:
    """The command by which a ticket at this revision goes back to its queue because its owner leaves the desk."""
    return CommandId(uuid5(_COMMANDS, f"return:{ticket}:{revision}:{owner}"))


def command_id_for_agent(agent: PersonId, revision: int, what: str) -> CommandId:
    """The command of an agent's timer at this revision: also a rebuilt workflow gives it the same id."""
    return CommandId(uuid5(_COMMANDS, f"agent:{agent}:{revision}:{what}"))


def command_id_for_move(request: CommandId, ticket: TicketNumber) -> CommandId:
    """The command by which a request that moves many tickets reaches one of them."""
    return CommandId(uuid5(_COMMANDS, f"move:{request}:{ticket}"))
