"""What stands in somebody's inbox, in words: one sentence for each notification, and what became of it by channel.

No sentence says anything of what was written, and none has the title of a ticket that its reader may not see any more.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from domain.ids import TicketNumber
from domain.notification import NotificationType

T = NotificationType


class Phrase(NamedTuple):
    """How something is told: by whom, and for what comes by itself without anybody."""

    by: str
    alone: str

    @classmethod
    def of(cls, text: str) -> "Phrase":
        """One that names nobody."""
        return cls(text, text)


OF_TICKETS: dict[tuple[NotificationType, str], Phrase] = {
    (T.OPENED, "ticket.opened"): Phrase("{who} opened {ticket} for you", "{ticket} was opened for you"),
    (T.MENTIONED, "ticket.replied"): Phrase.of("{who} mentioned you in a reply to {ticket}"),
    (T.MENTIONED, "ticket.noted"): Phrase.of("{who} mentioned you in a note on {ticket}"),
    (T.REPLIED, "ticket.replied"): Phrase("{who} replied to {ticket}", "There is a reply to {ticket}"),
    (T.REPLIED, "ticket.noted"): Phrase("{who} added a note to {ticket}", "There is a note on {ticket}"),
    (T.STATUS_CHANGED, "ticket.status_changed"): Phrase("{who} set {ticket} to {status}", "{ticket} became {status}"),
    (T.ASSIGNED, "ticket.assigned"): Phrase("{who} gave you {ticket}", "You were given {ticket}"),
    (T.REASSIGNED, "ticket.assigned"): Phrase.of("{ticket} went to somebody else"),
    (T.REASSIGNED, "ticket.unassigned"): Phrase(
        "{who} put {ticket} back into its queue", "{ticket} went back into its queue"
    ),
    (T.HAND_OVER, "ticket.unassigned"): Phrase.of("{ticket} was handed over, for you were not there"),
    (T.OFFERED, "ticket.offered"): Phrase.of("You may take {ticket}"),
    (T.OFFERED, "ticket.offer_withdrawn"): Phrase.of("You need not answer any more whether you take {ticket}"),
    (T.SLA_WARNING, "ticket.sla_warning"): Phrase.of("{percent} % of the time for the {target} of {ticket} is used up"),
    (T.SLA_BREACH, "ticket.sla_breached"): Phrase.of("{ticket} missed its {target}"),
    (T.ESCALATION, "ticket.escalated"): Phrase(
        "{who} escalated {ticket} to level {escalation_level}", "{ticket} was escalated to level {escalation_level}"
    ),
    (T.ESCALATION, "ticket.ladder_climbed"): Phrase.of("{ticket} came to step {step} of its escalation ladder"),
    (T.ESCALATION, "ticket.senior_missing"): Phrase.of("No senior agent was found for {ticket}"),
    (T.RATED, "ticket.rated"): Phrase("{who} rated {ticket} {rating} of 5", "{ticket} was rated {rating} of 5"),
}
"""What the desk tells of a ticket; a test holds that every notice has its sentence here."""
OF_STAFF: dict[str, str] = {
    "shift.ending": "Your shift is about to end",
    "break.due": "Your break is about to begin",
    "shift.cover_requested": "Somebody asks for a cover of their shift",
    "shift.swap_requested": "Somebody asks for a swap of shifts",
    "shift.request_taken": "Somebody takes the shift that you offered",
    "shift.approval_needed": "A hand-over of a shift waits for your approval",
    "shift.request_approved": "A hand-over of a shift of yours was approved",
    "shift.request_rejected": "A hand-over of a shift of yours was rejected",
    "shift.request_withdrawn": "A request for a shift was withdrawn",
    "time_off.asked": "Somebody asks for time off",
    "time_off.approved": "Your time off was approved",
    "time_off.rejected": "Your time off was rejected",
    "digest": "Your daily digest",
}
_ACTORS = {"person": "Somebody", "integration": "An integration", "dispatcher": "The dispatcher"}
"""What those are called whose name is not known, or not to be told. A timer is nobody."""


class TicketName(NamedTuple):
    """What a ticket is called; without its title for whoever may not see it."""

    number: TicketNumber
    title: str | None

    def __str__(self) -> str:
        return f"#{self.number}" if self.title is None else f"#{self.number} {self.title}"


def sentence(
    type: str, kind: str, ticket: TicketName | None, actor_kind: str, actor: str | None, details: Mapping[str, Any]
) -> str:
    """One ready sentence, without a full stop. `details` are those values of the event that a sentence may need.

    A kind that nobody has told of for long may have lost its sentence; its name then stands for it.
    """
    if ticket is None:
        return OF_STAFF.get(kind) or _as_words(kind)
    phrase = OF_TICKETS.get((NotificationType(type), kind), Phrase.of("{ticket}: " + _as_words(kind)))
    who = actor or _ACTORS.get(actor_kind)
    words: defaultdict[str, str] = defaultdict(lambda: "?", ticket=str(ticket), who=who or "Somebody")
    words.update({name: _word(name, value) for name, value in details.items()})
    return (phrase.alone if who is None else phrase.by).format_map(words)


def _word(name: str, value: Any) -> str:
    """A step is counted from one, as people do."""
    return str(value + 1) if name == "step" else str(value).replace("_", " ")


def _as_words(kind: str) -> str:
    return kind.rpartition(".")[2].replace("_", " ").capitalize()


# What became of a notification.

_CHANNELS = {"in_app": "In the inbox", "email": "By e-mail", "push": "By push"}
_OUTCOMES = {"sends": "it is on its way", "waits": "it waits until {until}", "skips": "it does not come"}


class Decision(NamedTuple):
    """What was decided for a notification and a channel, and what became of the message that goes out for it."""

    channel: str
    at: datetime
    outcome: str
    reason: str
    until: datetime | None
    sent_at: datetime | None
    failed_at: datetime | None
    failure: str | None

    @property
    def text(self) -> str:
        """The decision as a sentence."""
        return f"{_CHANNELS[self.channel]} {self._fate} ({self.reason.replace('_', ' ')})."

    @property
    def _fate(self) -> str:
        if self.channel == "in_app" and self.outcome == "sends":
            return "it is shown"
        if self.sent_at is not None:
            return f"it was sent at {_clock(self.sent_at)}"
        if self.failed_at is not None:
            return f"it could not be sent: {self.failure}"
        return _OUTCOMES[self.outcome].format(until=_clock(self.until or self.at))


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
