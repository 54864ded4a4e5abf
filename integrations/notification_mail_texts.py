"""What mails about notifications say. The wording is in `templates/notifications/`, as text and as HTML.

Titles, names and replies are other people's words: they are escaped, stand on one line where they belong on one, and
bring neither pictures nor links of their own. All links lead to this desk.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context

from domain.email_switch import EmailSwitch, switched_off
from domain.ids import TicketNumber
from domain.mail import Mail, MailThread
from domain.message import LONGEST_QUOTE, Message, MessageItem, TicketGlance
from domain.message_sentences import counts, cut, sentence
from domain.notification import WHY

LONGEST_SUBJECT = 150
LONGEST_LINE = 500
MOST_ITEMS = 20
"""Of one ticket, the latest; the rest is counted."""
MOST_TICKETS = 50
MOST_OF_A_TICKET = 5
"""In a mail about several."""
JOINERS = "\u200c\u200d"
"""Cannot be seen, and without them Persian and many an emoji fall apart."""


class UnsubscribeAddresses(Protocol):
    """Makes the address that ends mails."""

    def address(self, switch: EmailSwitch, now: datetime) -> str: ...


class Group(NamedTuple):
    """What a mail about several tickets says of one of them, or of what is about none."""

    ticket: TicketGlance | None
    items: tuple[MessageItem, ...]
    left_out: int
    counted: str


class NotificationMailWriter:
    """Writes the mail for a message."""

    def __init__(self, unsubscribing: UnsubscribeAddresses, public_url: str) -> None:
        self._unsubscribing = unsubscribing
        self._home = public_url.rstrip("/")
        self._templates = _environment(self._home)

    def write(self, message: Message, now: datetime) -> Mail:
        """The mail; the link that ends such mails counts from `now`."""
        ticket = message.ticket if message.kind != "digest" else None
        subject = _subject(message, ticket)
        unsubscribe = self._unsubscribing.address(switched_off(message.receiver.id, message.types), now)
        facts = {
            "subject": subject,
            "unsubscribe": unsubscribe,
            "reasons": [WHY[why] for why in dict.fromkeys(item.why for item in message.items) if why in WHY],
            "zone": _zone(message.receiver.zone),
            **(_of_ticket(message, ticket) if ticket is not None else _of_several(message, self._home)),
        }
        template = "bundle" if ticket is None else "ticket"
        return Mail(
            id=f"message-{message.id}",
            address=message.receiver.email,
            subject=subject,
            text=self._templates.get_template(f"{template}.txt").render(facts),
            html=self._templates.get_template(f"{template}.html").render(facts),
            name=message.receiver.name,
            thread=None if ticket is None else _thread(message, ticket.number),
            unsubscribe=unsubscribe,
        )


def _thread(message: Message, ticket: TicketNumber) -> MailThread:
    return MailThread(f"ticket-{ticket}", None if message.previous is None else f"message-{message.previous}")


def _subject(message: Message, ticket: TicketGlance | None) -> str:
    if ticket is not None:
        return cut(f"[#{ticket.number}] {ticket.title}", LONGEST_SUBJECT)
    if message.kind == "digest":
        return f"Your day: {counts(message.items)}"
    if len(message.items) == 1:
        return cut(sentence(message.items[0]), LONGEST_SUBJECT)
    return f"{len(message.items)} notifications: {counts(message.items)}"


def _of_ticket(message: Message, ticket: TicketGlance) -> Mapping[str, Any]:
    items = message.items[-MOST_ITEMS:]
    return {"ticket": ticket, "items": items, "left_out": len(message.items) - len(items)}


def _of_several(message: Message, home: str) -> Mapping[str, Any]:
    groups = list(_groups(message.items))
    digest, several = "Your day", f"{len(message.items)} notifications"
    return {
        "heading": digest if message.kind == "digest" else several if len(message.items) > 1 else "A notification",
        "counted": counts(message.items),
        "groups": groups[:MOST_TICKETS],
        "left_out": max(len(groups) - MOST_TICKETS, 0),
        "home": home,
    }


def _groups(items: Sequence[MessageItem]) -> Iterator[Group]:
    """Ticket by ticket, that of the latest news first; what is about none comes last."""

    def number(item: MessageItem) -> int:
        return -1 if item.ticket is None else item.ticket.number

    by_ticket = [tuple(group) for _, group in groupby(sorted(items, key=number), key=number)]
    for group in sorted(by_ticket, key=lambda one: (one[-1].ticket is not None, one[-1].at), reverse=True):
        shown, before = group[-MOST_OF_A_TICKET:], group[:-MOST_OF_A_TICKET]
        yield Group(group[-1].ticket, shown, len(before), counts(before))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def _words(text: str) -> str:
    """A text of several lines, without what cannot be printed or turns the direction of what follows."""
    kept = text[:LONGEST_QUOTE].replace("\r\n", "\n").replace("\r", "\n")
    letters = "".join(one if one.isprintable() or one in f"\n\t{JOINERS}" else " " for one in kept)
    return letters.strip("\n")


def _is_cut(text: str) -> bool:
    return len(text) > LONGEST_QUOTE


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _line(text: str) -> str:
    return cut(text, LONGEST_LINE)


def _spoken(word: str) -> str:
    return word.replace("_", " ")


@pass_context
def _moment(context: Context, at: datetime) -> str:
    """In the receiver's zone, which it names: mails are read elsewhere, too."""
    zone: ZoneInfo = context["zone"]
    local = at.astimezone(zone)
    return f"{local.day} {local:%B %Y, %H:%M} {zone.key}"


def _environment(home: str) -> Environment:
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates" / "notifications"),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )

    def address(ticket: TicketNumber) -> str:
        return f"{home}/tickets/{ticket}"

    templates.filters.update(
        address=address,
        is_cut=_is_cut,
        line=_line,
        moment=_moment,
        quoted=_quoted,
        sentence=sentence,
        spoken=_spoken,
        words=_words,
    )
    return templates
