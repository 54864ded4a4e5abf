"""What messages say of a notification: one sentence, by its kind, or else by its type."""

from collections import Counter
from collections.abc import Sequence

from domain.message import MessageItem
from domain.notification import NotificationType

T = NotificationType
BY_KIND: dict[tuple[T, str], str] = {
    (T.OFFERED, "ticket.offer_withdrawn"): "The ticket is not offered to you any more.",
    (T.REPLIED, "ticket.noted"): "{actor} wrote an internal note.",
    (T.SWAP_REQUEST, "shift.swap_requested"): "A shift swap is asked for.",
    (T.SWAP_REQUEST, "shift.cover_requested"): "Cover for a shift is asked for.",
    (T.SWAP_REQUEST, "shift.request_taken"): "Your shift request was taken.",
    (T.SWAP_REQUEST, "shift.approval_needed"): "A shift request waits for your approval.",
    (T.SWAP_REQUEST, "shift.request_approved"): "A shift request was approved.",
    (T.SWAP_REQUEST, "shift.request_rejected"): "A shift request was rejected.",
    (T.SWAP_REQUEST, "shift.request_withdrawn"): "A shift request was withdrawn.",
    (T.TIME_OFF, "time_off.asked"): "Time off is asked for.",
    (T.TIME_OFF, "time_off.approved"): "Your time off was approved.",
    (T.TIME_OFF, "time_off.rejected"): "Your time off was rejected.",
}
"""Where a type is told in more than one way."""
BY_TYPE: dict[T, str] = {
    T.ASSIGNED: "The ticket is yours now.",
    T.OFFERED: "You may take the ticket.",
    T.REASSIGNED: "The ticket is not yours any more.",
    T.OPENED: "{actor} opened the ticket for you.",
    T.MENTIONED: "{actor} mentioned you.",
    T.REPLIED: "{actor} replied.",
    T.STATUS_CHANGED: "The status is now {status}.",
    T.SLA_WARNING: "The ticket is due soon.",
    T.SLA_BREACH: "The ticket is overdue.",
    T.ESCALATION: "The ticket was escalated.",
    T.SHIFT_ENDING: "Your shift ends soon.",
    T.BREAK_REMINDER: "Your break begins soon.",
    T.HAND_OVER: "The ticket was handed over to the queue, for you are not there.",
    T.SWAP_REQUEST: "A request about shifts has changed.",
    T.TIME_OFF: "A request for time off has changed.",
    T.RATED: "{actor} rated how the ticket was handled.",
    T.DIGEST: "Your day.",
}
NAMES: dict[T, tuple[str, str]] = {
    T.ASSIGNED: ("assignment", "assignments"),
    T.OFFERED: ("offer", "offers"),
    T.REASSIGNED: ("ticket gone", "tickets gone"),
    T.OPENED: ("ticket opened", "tickets opened"),
    T.MENTIONED: ("mention", "mentions"),
    T.REPLIED: ("reply", "replies"),
    T.STATUS_CHANGED: ("new status", "new statuses"),
    T.SLA_WARNING: ("due soon", "due soon"),
    T.SLA_BREACH: ("overdue", "overdue"),
    T.ESCALATION: ("escalation", "escalations"),
    T.SHIFT_ENDING: ("shift ending", "shifts ending"),
    T.BREAK_REMINDER: ("break", "breaks"),
    T.HAND_OVER: ("hand-over", "hand-overs"),
    T.SWAP_REQUEST: ("shift request", "shift requests"),
    T.TIME_OFF: ("time off", "time off"),
    T.RATED: ("rating", "ratings"),
    T.DIGEST: ("digest", "digests"),
}
"""One of a type, and several."""
SOMEBODY = "Somebody"


def sentence(item: MessageItem) -> str:
    """What happened. The name in it is the actor's own word."""
    wording = BY_KIND.get((item.type, item.kind), BY_TYPE[item.type])
    if item.type is T.STATUS_CHANGED and item.status is None:
        return "The status has changed."
    return wording.format(actor=item.actor or SOMEBODY, status=str(item.status).replace("_", " "))


def counts(items: Sequence[MessageItem]) -> str:
    """How many of what: `2 overdue, 1 reply`, the most first."""
    counted = Counter(item.type for item in items)
    by_number = sorted(counted.items(), key=lambda entry: (-entry[1], list(T).index(entry[0])))
    return ", ".join(f"{number} {NAMES[type][number > 1]}" for type, number in by_number)


def cut(text: str, longest: int) -> str:
    """The text on one line, without what cannot be printed; an ellipsis stands where it was cut."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"
