"""Why somebody heard of an event of a ticket, or did not. Others are told by what they are to it, never by name."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from domain.access import Reader
from domain.ids import PersonId
from domain.notices import Notice
from domain.notification import WHY, NotificationType
from domain.people import Role
from domain.ticket import Ticket

T = NotificationType
Cause = Literal["told", "muted", "nobody_is_told", "by_yourself", "none_of_them", "not_then"]
_HEARERS: dict[str, str] = {
    "owner": "whoever has it, or else its team",
    "assignee": "whoever has it",
    "requester": "whoever asked for it",
    "watchers": "those who watch it",
    "mentioned": "those whom it mentions",
}
_NAMED: dict[NotificationType, str] = {
    T.ASSIGNED: "whoever gets it",
    T.REASSIGNED: "whoever had it",
    T.HAND_OVER: "whoever had it",
    T.OFFERED: "those who are asked whether they take it",
    T.RATED: "whoever had it when it was resolved",
}
"""Who is told as a `person`, by the type of what they are told."""


class Hearing(NamedTuple):
    """Why: a code for machines and a sentence for people."""

    cause: Cause
    text: str


def told_to(notices: Sequence[Notice]) -> list[str]:
    """Who is told, by what they are, each once, in the order in which it counts."""
    return list(dict.fromkeys(_called(notice) for notice in notices))


def _called(notice: Notice) -> str:
    match notice.to:
        case "role":
            return f"every {notice.who}"
        case "role_there":
            return f"every {notice.who} who is there, or all of them when nobody is"
        case "team":
            return "its team" if notice.who is None else f"team {notice.who}"
        case "person":
            return _NAMED.get(notice.type, "somebody whom its escalation names")
    return _HEARERS[notice.to]


def heard(why: str, *, in_app: bool) -> Hearing:
    """For whom was told."""
    if in_app:
        return Hearing("told", f"You were told. {WHY[why]}")
    return Hearing("muted", f"You were told, but you chose not to have this type in your inbox. {WHY[why]}")


def not_heard(notices: Sequence[Notice], ticket: Ticket, actor: PersonId | None, reader: Reader) -> Hearing:
    """For whom was not told of an event that had these notices. `ticket` is as it stood when they were written.

    What somebody was at that time is known of the ticket alone: whoever would hear today, by role and teams, was
    something else then, or their notification is so old that it was removed.
    """
    if not notices:
        return Hearing("nobody_is_told", "Nobody is told of this kind of event.")
    if actor == reader.id:
        return Hearing("by_yourself", "You did it yourself, and nobody is told of what they did.")
    told = "It is told to " + "; ".join(told_to(notices))
    if any(_is_among(notice, ticket, reader) for notice in notices):
        return Hearing(
            "not_then",
            f"{told}. You would be among them today: you were not at that time, or the notification was removed for "
            "its age.",
        )
    return Hearing("none_of_them", f"{told}. You were none of them at that time.")


def _is_among(notice: Notice, ticket: Ticket, reader: Reader) -> bool:
    match notice.to:
        case "owner":
            return ticket.assignee_id == reader.id or (ticket.assignee_id is None and ticket.team in reader.teams)
        case "assignee":
            return ticket.assignee_id == reader.id
        case "requester":
            return ticket.requester_id == reader.id
        case "watchers":
            return reader.id in ticket.watcher_ids
        case "team":
            return (notice.who or ticket.team) in reader.teams
        case "role" | "role_there":
            return reader.role == notice.who and (reader.role is not Role.AGENT or ticket.team in reader.teams)
        case "mentioned" | "person":
            return notice.who == str(reader.id)
